"""What all pages have in common: the frame with its navigation, tables, dates, and the button that deletes."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from reconcile.sandbox.web import forms
from reconcile.sandbox.web.html import Child, Html, tag

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation; ``here`` marks the page that is shown, or the kind that it belongs to."""

    shown: str
    address: str
    here: bool = False


def layout(title: str, body: Child, *, links: Sequence[Link] = (), message: Child = None) -> str:
    """A whole page, with its navigation and perhaps a message above the content."""
    entries = [tag("a", link.shown, href=link.address, aria_current="page" if link.here else None) for link in links]
    navigation = tag("nav", tag("strong", tag("a", "Sandbox", href="/")), entries, aria_label="Main")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} – Sandbox"),
        tag("link", rel="stylesheet", href="/page.css"),
    )
    main = tag("main", tag("h1", title), message, body)
    return "<!DOCTYPE html>\n" + tag("html", head, tag("body", tag("header", navigation), main), lang="en")


def table(head: Sequence[str], rows: Sequence[Sequence[Child]]) -> Html:
    """A table, or the line that there is nothing to show."""
    if not rows:
        return tag("p", "There are none yet.", class_="hint")
    titles = tag("tr", [tag("th", each, scope="col") for each in head])
    lines = [
        tag("tr", [tag("td", cell, class_="number" if isinstance(cell, int) else None) for cell in row]) for row in rows
    ]
    return tag("table", tag("thead", titles), tag("tbody", lines))


def delete(here: str, what: str) -> Html:
    """The button only shows after a click on the line above it: without scripts that is as good as a question."""
    button = forms.form(f"{here}/delete", submit=f"Delete the {what} for good")
    return tag("details", tag("summary", f"Delete this {what}"), button, class_="delete")


def dot(colour: str, label: str, *, round_: bool = False) -> Html:
    """A small square or round of a colour."""
    shape = tag("rect", width=16, height=16, rx=8 if round_ else 3, fill=colour)
    return tag("svg", shape, width=16, height=16, role="img", aria_label=label)


def clock(action: str, now: int) -> list[Html]:
    """The clock and the form that sets it; ``now`` are Unix seconds."""
    form = forms.form(
        action,
        forms.text("now@", "Set the clock to (UTC)", forms.local(now), kind="datetime-local"),
        tag("p", "What is due by then is sent. An empty date lets the clock run with the real time.", class_="hint"),
        submit="Set the clock",
    )
    return [tag("h2", "Clock"), tag("p", f"It is {date(now)}."), form]


def yes(value: object) -> str:
    """Yes or no."""
    return "yes" if value else "no"


def date(seconds: int) -> str:
    """Unix seconds as a date in UTC; 0 is none."""
    if not seconds:
        return "none"
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
