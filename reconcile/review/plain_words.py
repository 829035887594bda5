"""What the page calls what only who writes mails knows by name."""

import re

from reconcile.mail.change import Change, Kind

_KINDS = {
    Kind.PREHEADER: "preheader (the words beside the subject)",
    Kind.ALT: "alternative text (read where the picture is not shown)",
    Kind.MERGE_TAG: "merge tag (filled in for each person)",
    Kind.LOOK: "look (colours, sizes, spacing)",
}
_LOOKS = {
    "color": "colour of the words",
    "background": "background",
    "background-color": "background colour",
    "bgcolor": "background colour",
    "font-size": "size of the letters",
    "font-family": "font",
    "font-weight": "how bold",
    "font-style": "slant",
    "font": "font",
    "line-height": "space between lines",
    "letter-spacing": "space between letters",
    "text-align": "alignment",
    "align": "alignment",
    "valign": "alignment up and down",
    "vertical-align": "alignment up and down",
    "text-decoration": "underlining",
    "text-transform": "capitals",
    "border-radius": "how round the corners are",
    "border": "border",
    "padding": "space inside",
    "margin": "space around",
    "cellpadding": "space inside",
    "cellspacing": "space between",
    "display": "how it is laid out, or hidden",
    "opacity": "how see-through",
    "dir": "direction of reading",
    "class": "name of its style",
    "rule": "style rule",
    "form": "bold, italics and the like",
    "tag": "kind of its box",
}
_SIDES = re.compile(r"(padding|margin|border)-(top|right|bottom|left)")


def kinds_told(change: Change) -> str:
    """The kinds of a change, with what they mean."""
    return ", ".join(_KINDS.get(kind, kind.value) for kind in change.kinds)


def detail_name(name: str) -> str:
    """``background-color`` as "background colour"; what has no name in plain words keeps its own."""
    if side := _SIDES.fullmatch(name):
        return f"{_LOOKS[side[1]]}, {side[2]}"
    return _LOOKS.get(name, name)
