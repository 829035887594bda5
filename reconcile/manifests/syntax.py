"""What libyaml finds wrong with a text, in words that help."""

import re
from typing import Final

from reconcile.errors import Diagnostic, Location

_PROBLEMS: Final = (
    ("expected ',' or '}'", "The mapping in braces is not closed with `}`, or a comma is missing before this."),
    ("expected ',' or ']'", "The list in brackets is not closed with `]`, or a comma is missing before this."),
    (
        "mapping values are not allowed",
        "A colon with a space after it can't stand here. Check the indentation; text that has one is quoted.",
    ),
    ("could not find expected ':'", "The line above is no `name: value`: its colon is missing, or its indentation."),
    ("cannot start any token", "No value can begin with this character."),
    ("end of stream", "The quotes that open here are never closed."),
    ("document indicator", "The quotes that open here are not closed before the document ends."),
    (
        "unknown escape",
        "Double quotes know no such backslash sequence. Write \\\\ for a backslash, or use single quotes.",
    ),
    ("hexdecimal", "The backslash sequence wants hexadecimal digits here, such as \\x41 or \\u20ac."),
    ("invalid Unicode", "The backslash sequence stands for no character. Write another."),
    (
        "did not find expected key",
        "The line does not fit those around it: its indentation is wrong, or a quote is open.",
    ),
    ("expected '-' indicator", "A list entry is expected here, which begins with `- `. Check the indentation."),
    ("expected node content", "A value is expected here, or a bracket or brace above is not closed."),
    ("expected <document start>", "The line does not belong to the mapping above. Check its indentation."),
    ("block sequence entries", "A list entry can't stand here. Put the list on lines of its own, indented."),
    ("found a tab", "A tab stands here. YAML is indented with spaces only."),
    ("alphabetic or numeric", "A name of letters and digits is expected. Text that begins with & or * is quoted."),
    ("comment or line break", "After | or > the line ends; the text begins on the next line."),
    ("undefined tag handle", "The tag is not known. Text that begins with ! is quoted."),
    ("incompatible YAML", "The file says that it is another YAML; manifests are YAML 1.2. Delete the `%YAML` line."),
    ("unknown directive", "The directive is not known. Text that begins with % is quoted."),
)


def explain_syntax(problem: str, line: str, place: Location) -> Diagnostic:
    """The finding for libyaml's ``problem`` in a ``line`` of text."""
    hint: str | None = None
    sentence = next((ours for theirs, ours in _PROBLEMS if theirs in problem), f"The parser says: {problem}.")
    rest = line[place.column - 1 :]
    if "'}'" in problem or "']'" in problem:
        expression = re.match(r"\$\{[^}\n]*\}", line[max(place.column - 2, 0) :])
        if expression is not None:
            hint = f'Within braces and brackets an expression is quoted: "{expression.group()}".'
    elif "cannot start any token" in problem:
        if "\t" in line[: place.column]:
            sentence = "A tab stands here. YAML is indented with spaces only."
        elif rest[:1] in ("@", "`", "%"):
            hint = f"Text that begins with {rest[0]} is written within quotes."
    return Diagnostic("yaml-syntax", "no valid YAML", sentence, location=place, hint=hint)


def unfinished_merge(mark: str, text: str, offset: int, file: str) -> Diagnostic:
    """The finding for a file in which a merge has left both versions and its marks."""
    count = sum(line.lstrip().startswith(mark.lstrip()[:7]) for line in text.splitlines())
    line = text.count("\n", 0, offset) + 1
    more = f", and {count - 1} more" if count > 1 else ""
    return Diagnostic(
        "unfinished-merge",
        "a merge that is not finished",
        f'Here a merge left both versions, and its marks ("{mark.strip()[:40]}"{more}): which one is meant?',
        location=Location(file, line, 1),
        hint="Decide for one of the versions at each place, delete the lines with the marks, and commit.",
    )
