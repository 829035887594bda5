"""What refers to what, in three languages."""

import xml.etree.ElementTree as ET

import pytest

from reconcile.report.graph import dot, mermaid, svg

NODES = ["s.campaign.a", "s.campaign.<b>", "s.list.l", "s.template.t"]
EDGES = [(NODES[0], NODES[2]), (NODES[0], NODES[3]), (NODES[1], NODES[3]), (NODES[3], NODES[2])]
SPACE = "{http://www.w3.org/2000/svg}"


def test_mermaid_and_dot() -> None:
    assert mermaid(NODES[:3], EDGES[:1]).split("\n") == [
        "graph LR",
        '  n0["s.campaign.a"]',
        '  n1["s.campaign.<b>"]',
        '  n2["s.list.l"]',
        "  n0 --> n2",
    ]
    assert dot(NODES[:1], []) == 'digraph reconcile {\n  "s.campaign.a";\n}'


def test_a_drawing_has_every_entry_and_arrow_and_arrows_point_right() -> None:
    drawing = ET.fromstring(svg(NODES, EDGES))
    boxes = drawing.findall(f"{SPACE}rect")
    names = [text.text for text in drawing.findall(f"{SPACE}text")]
    assert sorted(filter(None, names)) == sorted(NODES)
    assert len(drawing.findall(f"{SPACE}path")) == len(EDGES)
    left = {name: float(box.attrib["x"]) for name, box in zip(names, boxes, strict=True)}
    assert all(left[start] < left[end] for start, end in EDGES)
    places = [(box.attrib["x"], box.attrib["y"]) for box in boxes]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize(("nodes", "edges"), [([], []), (["a"], []), (["a", "b"], [("a", "b"), ("b", "a")])])
def test_a_drawing_of_little_or_of_a_circle(nodes: list[str], edges: list[tuple[str, str]]) -> None:
    ET.fromstring(svg(nodes, edges))
