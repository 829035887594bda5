"""What refers to what -> Mermaid, DOT, or a drawing in SVG that needs no other program."""

import html
from collections.abc import Mapping, Sequence

from reconcile.report.text import one_line, width

Edges = Sequence[tuple[str, str]]

_ROW, _GAP, _PADDING, _LETTER = 34, 70, 12, 7.4  # sizes in the drawing; a letter's is that of its font


def mermaid(nodes: Sequence[str], edges: Edges) -> str:
    """Nodes and arrows as Mermaid, which forges draw."""
    numbers = {node: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["graph LR", *(f'  {number}["{one_line(node)}"]' for node, number in numbers.items())]
    return "\n".join([*lines, *(f"  {numbers[start]} --> {numbers[end]}" for start, end in edges)])


def dot(nodes: Sequence[str], edges: Edges) -> str:
    """Nodes and arrows as DOT, which Graphviz draws."""
    lines = ["digraph reconcile {", *(f'  "{one_line(node)}";' for node in nodes)]
    return "\n".join([*lines, *(f'  "{start}" -> "{end}";' for start, end in edges), "}"])


def svg(nodes: Sequence[str], edges: Edges) -> str:
    """A drawing: who refers to others on the left, what they refer to on the right."""
    columns = _columns(nodes, edges)
    wide = [max(width(one_line(node)) for node in column) * _LETTER + 2 * _PADDING for column in columns]
    lefts = [_PADDING + sum(wide[:index]) + index * _GAP for index in range(len(columns))]
    places = {
        node: (lefts[index], _PADDING + row * _ROW, wide[index])
        for index, column in enumerate(columns)
        for row, node in enumerate(column)
    }
    across = (lefts[-1] + wide[-1] if columns else 0) + _PADDING
    down = max((len(column) for column in columns), default=0) * _ROW + _PADDING
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across:.0f} {down}" width="{across:.0f}" '
            f'height="{down}" role="img" aria-label="{len(nodes)} entries, {len(edges)} references">',
            "<style>text{font:12px ui-monospace,monospace;fill:#16191c}rect{fill:#f3f5f7;stroke:#8a939c}"
            "path{fill:none;stroke:#545b63}@media(prefers-color-scheme:dark){text{fill:#e9ecef}"
            "rect{fill:#1f2327;stroke:#6d757d}path{stroke:#aab2ba}}</style>",
            '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8"/></marker></defs>',
            *(_arrow(places[start], places[end]) for start, end in edges),
            *(_box(node, place) for node, place in places.items()),
            "</svg>",
        ]
    )


def _columns(nodes: Sequence[str], edges: Edges) -> list[list[str]]:
    """Each node in the column after the last of those that refer to it."""
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:
        moved = False
        for start, end in edges:
            if depth[end] <= depth[start] < len(nodes):
                depth[end], moved = depth[start] + 1, True
        if not moved:
            break
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        columns[depth[node]].append(node)
    rows: Mapping[str, int] = {node: row for row, node in enumerate(nodes)}
    for column in columns[1:]:  # near those that refer to them, so that arrows cross less
        column.sort(key=lambda node: (_middle([rows[start] for start, end in edges if end == node]), rows[node]))
    return [column for column in columns if column]


def _middle(rows: Sequence[int]) -> float:
    return sum(rows) / len(rows) if rows else 0.0


def _arrow(start: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    x, y = start[0] + start[2], start[1] + _ROW / 2 - 4
    to_x, to_y = end[0], end[1] + _ROW / 2 - 4
    bend = max(30.0, (to_x - x) / 2)
    curve = f"M{x:.0f} {y:.0f}C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
    return f'<path d="{curve}" marker-end="url(#a)"/>'


def _box(node: str, place: tuple[float, float, float]) -> str:
    left, top, across = place
    name = html.escape(one_line(node))
    return (
        f'<rect x="{left:.0f}" y="{top}" width="{across:.0f}" height="{_ROW - 8}" rx="5"/>'
        f'<text x="{left + _PADDING:.0f}" y="{top + _ROW / 2:.0f}">{name}</text>'
    )
