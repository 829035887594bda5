"""What is wrong with a value, in words: never the values of expressions, which may be secret."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconcile.errors import Diagnostic, Location
from reconcile.manifests.nodes import ListNode, MappingNode, Node, ScalarNode
from reconcile.manifests.project import (
    ALIAS_PATTERN,
    DURATION_PATTERN,
    STATE_PATTERN,
    VARIABLE_PATTERN,
)
from reconcile.manifests.shape import Shape
from reconcile.model import instant
from reconcile.model.registry import nearest
from reconcile.model.settings import URL_PATTERN


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint of pydantic's and the node it is about.

    ``name`` is the member, ``at_name`` and ``at_value`` where it and its value stand; ``rest`` is what of pydantic's
    path leads to no node: a member that is missing, a key, a union's arm; ``names`` are those that could stand there;
    ``line`` is the line of the value.
    """

    code: str
    context: Mapping[str, Any]
    message: str
    name: str
    rest: tuple[str | int, ...]
    node: Node
    shape: Shape
    at_name: Location
    at_value: Location
    names: Sequence[str]
    line: str


def given(node: Node) -> str:
    """What stands in the file, in a few words; an expression as it was written, not its value."""
    if isinstance(node, ListNode):
        return "a list"
    if isinstance(node, MappingNode):
        return "a mapping"
    if node.value is None:
        return "nothing (null)"
    if isinstance(node.value, str):
        return f'"{shortened(node.raw)}"'
    kind = "the boolean" if isinstance(node.value, bool) else "the number"
    return f"{kind} {shortened(node.raw)}"


def shortened(text: str) -> str:
    """A text short enough for one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


def explain(complaint: Complaint, address: str | None) -> Diagnostic:
    """The complaint as a finding."""
    code, name, node, shape = complaint.code, complaint.name, complaint.node, complaint.shape
    hint: str | None = None
    close: str | None
    if code == "extra_forbidden":
        close = nearest(name, complaint.names)
        hint = f'Did you mean "{close}"?' if close else f"Known here: {', '.join(complaint.names)}."
        detail = f'There is no attribute "{name}" here.'
        return Diagnostic("unknown-attribute", "an unknown attribute", detail, address, complaint.at_name, hint)
    if code == "missing":
        missing = str(complaint.rest[0]) if complaint.rest else name
        detail = f"`{missing}` is missing in `{name}`, and it is needed. Declare it."
        return Diagnostic("missing-attribute", "an attribute is missing", detail, address, complaint.at_name)
    if complaint.rest == ("[key]",):
        detail = f'"{name}" can\'t be a name here: {_rule(complaint)}.'
        return Diagnostic("wrong-value", "a value that is not allowed", detail, address, complaint.at_name)
    if code.endswith("_type") or code in ("int_from_float", "is_instance_of", "model_attributes_type"):
        detail = f"`{name}` takes {shape.describe()}; here stands {given(node)}."
        hint = _type_hint(node, shape, complaint.line, of_entry=address is not None)
        return Diagnostic("wrong-type", "a value of the wrong type", detail, address, complaint.at_value, hint)
    detail = f"`{name}` can't be {given(node)}: {_rule(complaint)}."
    choices = _choices(complaint)
    if choices and isinstance(node, ScalarNode) and "${" not in node.raw:
        close = nearest(node.raw, choices)
        hint = f'Did you mean "{close}"?' if close else None
    return Diagnostic("wrong-value", "a value that is not allowed", detail, address, complaint.at_value, hint)


def _type_hint(node: Node, shape: Shape, line: str, *, of_entry: bool) -> str | None:
    if not isinstance(node, ScalarNode):
        return None
    if node.value is None:
        comment = re.search(r":\s+(#\S+)", line)
        if comment is not None and str in shape.scalars:
            return f'A # after a space begins a comment; quote the value: "{comment[1]}".'
        return "What is not managed is left out." if of_entry else "Give it a value, or take the line out."
    if not isinstance(node.value, str):
        if str not in shape.scalars:
            return None
        if shape.pattern is not None and not re.fullmatch(shape.pattern, node.raw):
            return f"Here {_PATTERNS.get(shape.pattern, f'it must match {shape.pattern}')}."
        return f'Quote it: "{node.raw}".'
    if "${" in node.raw:
        return None
    word = node.raw.lower()
    if bool in shape.scalars and word in ("yes", "no", "on", "off", "y", "n", "true", "false"):
        return f"Write {'true' if word in ('yes', 'on', 'y', 'true') else 'false'}, without quotes."
    if shape.scalars & {int, float} and re.fullmatch(r"[-+]?[0-9]+", node.raw):
        return "Take the quotes away."
    return f"Write it as a list: [{shortened(node.raw)}]." if shape.items is not None else None


def _choices(complaint: Complaint) -> list[str]:
    """The values to choose from, if it is a choice: a literal type, or a pattern that lists words."""
    if complaint.shape.choices:
        return [str(choice) for choice in complaint.shape.choices]
    listed = _LISTED.fullmatch(str(complaint.context.get("pattern", "")))
    return listed[1].split("|") if listed else []


_LISTED = re.compile(r"\^\(\?:([A-Za-z0-9_-]+(?:\|[A-Za-z0-9_-]+)+)\)\$")
# What patterns mean.
_PATTERNS = {
    ALIAS_PATTERN: "it takes letters A to Z, digits, - and _, and begins with a letter or a digit",
    VARIABLE_PATTERN: "it takes letters A to Z, digits, - and _, and begins with a letter",
    DURATION_PATTERN: "it takes a number and a unit: 90s, 60m, 24h or 2d",
    URL_PATTERN: 'it takes https://..., "sandbox:", or http:// to this machine only',
    STATE_PATTERN: "it takes file:PATH, s3://BUCKET/KEY, gs://, az://, postgresql://, https:// or, to this machine, http://",
    "^#[0-9A-Fa-f]{6}$": 'it takes # and six hexadecimal digits, such as "#ff6600"',
    instant.PATTERN: "it takes a date and a time with their zone, such as 2026-12-01T09:00:00+01:00",
    "^[0-9]$": "it takes one digit, 0 to 9",
}


def _rule(complaint: Complaint) -> str:
    """What a value must be, from the rule that it broke."""
    context = complaint.context
    match complaint.code:
        case "string_pattern_mismatch":
            choices = _choices(complaint)
            if choices:
                return f"it takes one of {', '.join(choices)}"
            return _PATTERNS.get(context["pattern"], f"it must match the pattern {context['pattern']}")
        case "string_too_short" if context["min_length"] == 1:
            return "it may not be empty"
        case "string_too_short":
            return f"it needs {context['min_length']} characters or more"
        case "string_too_long":
            return f"it may have {context['max_length']} characters at most"
        case "greater_than_equal":
            return f"the least is {context['ge']:g}"
        case "greater_than":
            return f"it must be more than {context['gt']:g}"
        case "less_than_equal":
            return f"the most is {context['le']:.12g}"
        case "less_than":
            return f"it must be less than {context['lt']:.12g}"
        case "literal_error" | "enum":
            return f"it must be {complaint.shape.describe()}"
        case "too_short":
            return f"it needs {context['min_length']} or more"
        case "too_long":
            return f"it may have {context['max_length']} at most"
        case "value_error":
            return str(context.get("error", complaint.message)).rstrip(".")
    return complaint.message.rstrip(".")
