"""Values -> YAML text: plain where that is safe, else within quotes, or as a text over lines."""

import re
from typing import Final

from reconcile.errors import Diagnostic
from reconcile.manifests.nodes import MappingNode, Scalar, ScalarNode
from reconcile.manifests.parse import parse_yaml

# What a manifest may not have as it is (see ``nodes``), line ends and tabs aside.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_SPECIAL = re.compile(f'[\x00-\x1f"\\\\]|{_ESCAPED.pattern}')
_SHORT: Final = {
    "\0": "\\0", "\a": "\\a", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r",
    "\x1b": "\\e", '"': '\\"', "\\": "\\\\", "\x85": "\\N", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip
# Text that YAML 1.1, as other tools read it, takes for something else.
_OTHERWISE: Final = re.compile(r"(?i:y|n|yes|no|on|off)")


def scalar_text(value: Scalar, *, flow: bool, quote: str = "") -> str:
    """A scalar on one line; ``flow``: within braces or brackets; ``quote``: how the value before was quoted."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if quote == "'" and _fits_single(value):
        return "'" + value.replace("'", "''") + "'"
    return value if quote == "" and _is_plain(value, flow) else _double(value)


def block_text(
    value: str, style: str, parent: int, indent: int, folded: list[str] | None = None, *, explicit: bool = False
) -> str | None:
    """A text over lines, without its last line end; None if it can't be written so.

    ``style`` is ``|`` or ``>``, ``parent`` the column of the mapping that it is in, ``indent`` that of its lines;
    ``folded`` has the lines of a folded text without line ends of its own.
    """
    stripped = value.rstrip("\n")
    # Blanks alone on the last line belong to the text, but don't look so.
    if not stripped.rpartition("\n")[2].strip() or _ESCAPED.search(value) or re.search("[\x00-\x08\x0b-\x1f]", value):
        return None
    ends = len(value) - len(stripped)
    if style == ">":
        lines = folded if folded is not None else _unfolded(stripped)
        if lines is None:
            return None
    else:
        lines = stripped.split("\n")
    indented = explicit or re.match(r"[ \n]*[ ]", stripped) is not None
    head = f"{style}{indent - parent if indented else ''}{('-', '', '+')[min(ends, 2)]}"
    if indented and not 1 <= indent - parent <= 9:
        return None
    body = "\n".join(f"{' ' * indent}{line}" if line else "" for line in lines)
    return f"{head}\n{body}" + "\n" * max(0, ends - 1)


def _unfolded(text: str) -> list[str] | None:
    """The lines that fold to a text: a line end of its own is an empty line more; None where lines are indented."""
    if re.search(r"(?:^|\n)[ \t]", text):
        return None
    return re.sub("\n+", lambda ends: ends[0] + "\n", text).split("\n")


def _fits_single(text: str) -> bool:
    return "\n" not in text and not _ESCAPED.search(text) and not re.search("[\x00-\x1f]", text)


def _is_plain(text: str, flow: bool) -> bool:
    """Whether the text reads as itself without quotes."""
    if not _fits_single(text) or text != text.strip() or _OTHERWISE.fullmatch(text):
        return False
    source = f"a: {{b: {text}, c: 1}}\n" if flow else f"a: {text}\n"
    findings: list[Diagnostic] = []
    root = parse_yaml(source.encode(), "", findings).root
    if findings or not isinstance(root, MappingNode) or root.members.keys() != {"a"}:
        return False
    node = root.members["a"]
    if flow:
        if not isinstance(node, MappingNode) or node.members.keys() != {"b", "c"}:
            return False
        node = node.members["b"]
    return isinstance(node, ScalarNode) and node.value == text and isinstance(node.value, str)


def _double(text: str) -> str:
    return '"' + _SPECIAL.sub(lambda found: _escape(found[0]), text) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}")
