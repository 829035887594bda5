"""Comments in the text of a manifest: which there are, where they stand, and in which column."""

import re
from collections.abc import Iterator
from typing import Any

from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave out what comes from C
from yaml.tokens import (
    BlockEndToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    ScalarToken,
    StreamEndToken,
)


def comments(text: str) -> list[str]:
    """The comments of a valid YAML text, in order."""
    return [text[offset:].partition("\n")[0].rstrip() for offset in comment_offsets(text)]


def comment_offsets(text: str) -> list[int]:
    """Where the comments of a valid YAML text begin, in order."""
    found: list[int] = []
    for start, end, token, _ in gaps(text):
        found += (start + line.start() for line in re.finditer(r"#[^\n]*", text[start:end]))
        if isinstance(token, ScalarToken) and token.style in ("|", ">"):
            header = text[token.start_mark.index : token.end_mark.index].partition("\n")[0]
            found += [token.start_mark.index + header.index("#")] if "#" in header else []
    return found


def align_comments(text: str) -> str:
    """The text with each comment that has a line of its own at the column of a value around it."""
    pieces: list[str] = []
    copied = 0
    for start, end, token, columns in gaps(text):
        first = text.rfind("\n", start, end)
        if not columns or "#" not in text[start:end] or first < 0:
            continue
        following = 0 if isinstance(token, StreamEndToken) else int(token.start_mark.column)
        allowed = {following} | {column for column in columns if column >= following}
        # What stands before the first line end follows a value; what stands after the last one is its indentation.
        head = text.index("\n", start) + 1 if start else 0
        lines = text[head : first + 1].splitlines(keepends=True)
        pieces.append(text[copied:head])
        pieces += (_at_column(line, allowed) for line in lines)
        copied = first + 1
    return "".join(pieces) + text[copied:]


def _at_column(line: str, allowed: set[int]) -> str:
    comment = line.lstrip(" ")
    column = len(line) - len(comment)
    if column in allowed or not comment.startswith("#"):
        return line
    return " " * max((one for one in allowed if one < column), default=min(allowed)) + comment


def gaps(text: str) -> Iterator[tuple[int, int, Any, list[int]]]:
    """What stands between two tokens: from where to where, the token after it, the columns of the blocks around it."""
    parser = CParser(text)
    columns: list[int] = []
    flow = end = 0
    while (token := parser.get_token()) is not None:
        yield end, max(end, token.start_mark.index), token, [] if flow else (columns or [0])
        end = max(end, token.end_mark.index)
        if isinstance(token, BlockMappingStartToken | BlockSequenceStartToken):
            columns.append(token.start_mark.column)
        elif isinstance(token, BlockEndToken) and columns:
            columns.pop()
        elif isinstance(token, FlowMappingStartToken | FlowSequenceStartToken):
            flow += 1
        elif isinstance(token, FlowMappingEndToken | FlowSequenceEndToken):
            flow -= 1
    yield end, len(text), token, []
