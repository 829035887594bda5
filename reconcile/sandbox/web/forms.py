"""Forms: what a browser posts, turned into arguments as of an API call.

The name of an input says what its text stands for: ``lists[]`` one of several values, ``tags,`` values between commas,
``date@`` a local date and time in UTC, ``attribute:city`` a custom attribute. A box that is not ticked posts nothing,
so a hidden input of the same name comes before it, and of several values the last one counts.
"""

import datetime
from typing import Any
from urllib.parse import parse_qsl

from reconcile.sandbox.web.html import Child, Html, join, tag

_UTC = datetime.UTC


def parse(content: bytes) -> dict[str, Any]:
    """The arguments in a form's body; a ``ValueError`` says which date is none."""
    values: dict[str, Any] = {}
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


def form(action: str, *children: Child, submit: str, class_: str | None = None) -> Html:
    """A form that posts to ``action``, with its button."""
    button = tag("button", submit, type="submit")
    return tag("form", children, tag("p", button), method="post", action=action, class_=class_)


def text(name: str, label: str, value: object = "", *, kind: str = "text", hint: str | None = None) -> Html:
    """A labelled line of text."""
    field = tag("input", id=name, name=name, type=kind, value=str(value), aria_describedby=_hint_id(name, hint))
    return _labelled(name, label, field, hint)


def wall(name: str, label: str, value: str | None, *, hint: str | None = None) -> Html:
    """A labelled date and time to the second, which stands for itself: its zone is whatever the label says."""
    field = tag(
        "input",
        id=name,
        name=name,
        type="datetime-local",
        step=1,
        value=value or "",
        aria_describedby=_hint_id(name, hint),
    )
    return _labelled(name, label, field, hint)


def hidden(**values: object) -> list[Html]:
    """What a form posts besides what is typed in."""
    return [tag("input", type="hidden", name=name, value=str(value)) for name, value in values.items()]


def area(name: str, label: str, value: str, *, rows: int = 4) -> Html:
    """A labelled text of several lines; the line end in front is one that browsers drop."""
    return _labelled(
        name, label, tag("textarea", "\n" + value, id=name, name=name, rows=rows, spellcheck="false"), None
    )


def box(name: str, label: str, ticked: object) -> Html:
    """A labelled box for yes or no."""
    hidden = tag("input", type="hidden", name=name, value="0")
    field = tag("input", id=name, name=name, type="checkbox", value="1", checked=bool(ticked))
    return tag("p", hidden, field, " ", tag("label", label, for_=name), class_="box")


def choice(name: str, label: str, options: list[tuple[str, str]], value: str) -> Html:
    """A labelled choice of one value, shown by its second text."""
    choices = [tag("option", shown, value=each, selected=each == value) for each, shown in options]
    return _labelled(name, label, tag("select", choices, id=name, name=name), None)


def row_choice(name: str, key: object, label: str, options: list[tuple[str, str]]) -> Html:
    """A choice within a row of a table; ``key`` tells the rows apart, and screen readers read the label."""
    choices = [tag("option", shown, value=each) for each, shown in options]
    field = tag("select", choices, id=f"{name}-{key}", name=name)
    return tag("p", tag("label", label, for_=f"{name}-{key}"), field)


def boxes(name: str, label: str, options: list[tuple[str, str]], ticked: set[str]) -> Html:
    """Several boxes under one name; they post the values that are ticked, as an array."""
    rows = [
        tag("label", tag("input", type="checkbox", name=f"{name}[]", value=each, checked=each in ticked), " ", shown)
        for each, shown in options
    ]
    nothing = tag("input", type="hidden", name=f"{name}[]", value="")
    return tag("fieldset", tag("legend", label), nothing, rows or tag("span", "There are none yet.", class_="hint"))


def local(seconds: int) -> str:
    """Unix seconds as such an input shows them, in UTC."""
    return datetime.datetime.fromtimestamp(seconds, _UTC).strftime("%Y-%m-%dT%H:%M")


def _labelled(name: str, label: str, field: Html, hint: str | None) -> Html:
    described = tag("span", hint, id=_hint_id(name, hint), class_="hint") if hint else None
    return tag("p", join([tag("label", label, for_=name), field, described]))


def _hint_id(name: str, hint: str | None) -> str | None:
    return f"{name}-hint" if hint else None


def _seconds(value: str) -> int | None:
    if not value:
        return None
    try:
        return int(datetime.datetime.fromisoformat(value).replace(tzinfo=_UTC).timestamp())
    except ValueError:
        raise ValueError(f"{value!r} is no date and time") from None
