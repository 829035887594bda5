"""HTML built from elements: every text is escaped on its way in, so no page can forget to."""

import html
from collections.abc import Iterable
from typing import Union

Child = Union["Html", str, int, None, Iterable["Child"]]

_VOID = frozenset({"input", "meta", "link", "br", "hr", "rect"})


class Html(str):
    """Markup that is finished; any other text is escaped when it is put into an element."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """One element. ``class_`` and ``for_`` stand for the words that Python keeps; ``None`` and ``False`` leave out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Child) -> Html:
    """Texts and elements one after the other, nested collections included."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str | int):
        return Html(html.escape(str(children)))
    return Html("".join(join(child) for child in children))


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
