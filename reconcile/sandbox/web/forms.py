"""Forms: what a browser posts, turned into arguments as of an API call. ``forms.yaml`` says which inputs there are.

The end of an input's name says what its text stands for: ``lists[]`` one of several values, ``tags,`` values between
commas, ``date@`` a local date and time in UTC, ``attribute:city`` a custom attribute. A box that is not ticked posts
nothing, so a hidden input of the same name comes before it, and of several values the last one counts.
"""

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from reconcile.sandbox.documents import read_yaml

Values = dict[str, Any]
FORMS: Mapping[str, Any] = read_yaml(Path(__file__).with_name("forms.yaml"))


class WrongInputError(ValueError):
    """An input that is not what its form asks for."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field}: {text}")


def parse(content: bytes) -> Values:
    """The arguments in a form's body; a ``ValueError`` says which date is none."""
    values: Values = {}
    attributes: list[dict[str, str]] = []
    for name, text in parse_qsl(content.decode(), keep_blank_values=True):
        # Browsers send CRLF for each line end that they show.
        value = text.replace("\r\n", "\n")
        if name.startswith("attribute:"):
            attributes.append({"name": name.removeprefix("attribute:"), "value": value})
        elif name.endswith("[]"):
            values.setdefault(name[:-2], []).extend([value] if value else [])
        elif name.endswith(","):
            values[name[:-1]] = [part.strip() for part in value.split(",") if part.strip()]
        elif name.endswith("@"):
            values[name[:-1]] = _seconds(value)
        else:
            values[name] = value
    return {**values, "customAttributes": attributes} if attributes else values


def read(form: Mapping[str, Any], posted: Values, wall: Callable[[str], str]) -> Values:
    """What a form asks for, each input in its own type; ``wall`` reads a date and time of the platform's own zone."""
    found: Values = {}
    for field in form["fields"]:
        name, kind = field["name"], field.get("of", field.get("kind", "text"))
        value = posted.get(name, "")
        text = value if isinstance(value, str) else ""
        if field.get("required") and not text.strip():
            raise WrongInputError(name, "Is required")
        if (name not in posted or (field.get("optional") and not text)) and kind != "box":
            continue
        match kind:
            case "number":
                found[name] = _number(name, text)
            case "reference":
                found[name] = _number(name, text) or None
            case "box":
                found[name] = text == "1"
            case "wall":
                try:
                    # Browsers leave out seconds that are 0.
                    found[name] = wall(f"{text}:00" if len(text) == 16 else text) if text else None
                except ValueError as error:
                    raise WrongInputError(name, str(error)) from None
            case _:
                found[name] = text
    return found


def kept(before: str | None, posted: str) -> str | None:
    """A text as it was, if the form shows it so: no form carries other line ends than LF, nor null."""
    there = (before or "").replace("\r\n", "\n").replace("\r", "\n")
    return before if posted in (there, there.replace("\n", "")) else posted


def _number(name: str, text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise WrongInputError(name, "Should be a whole number")
    return int(text)


def _seconds(value: str) -> int | None:
    if not value:
        return None
    try:
        return int(datetime.datetime.fromisoformat(value).replace(tzinfo=datetime.UTC).timestamp())
    except ValueError:
        raise ValueError(f"{value!r} is no date and time") from None
