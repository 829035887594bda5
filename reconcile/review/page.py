"""The page: one file that opens from disk without a network, and is whole without its little script.

Or an index, and a page for each twenty mails.
"""

import base64
import hashlib
import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from reconcile.errors import Diagnostic
from reconcile.mail.change import Part
from reconcile.mail.marks import Marked, key_for, mark
from reconcile.mail.source_reader import read
from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.planner.plan import Plan
from reconcile.report.diagnostics import together
from reconcile.report.rows import detail_told, facts_of
from reconcile.report.summary import summarise
from reconcile.report.text import counted, defused, harmless, listed, moment
from reconcile.report.values import Entry, Summary
from reconcile.review.calendar import coming, weeks
from reconcile.review.letters import Context, Letter, letters_of
from reconcile.review.neutral import Picture, neutral
from reconcile.review.plain_words import detail_name, kinds_told
from reconcile.review.samples import INVENTED, filled, table

MAILS = 20  # a page; a browser takes a second and a gigabyte for a hundred
_SENDS = 20  # told one by one before all else; beyond by day, and one by one in a list that opens
_ENTRIES = 200  # other entries shown on a page


@dataclass(frozen=True, slots=True)
class Frame:
    """A mail in a frame: its name in the page, what its marks begin with, what it is called, its document."""

    name: str
    side: str
    key: str
    caption: str
    document: "Document"


class Document(str):
    """The document of a frame: it is escaped, and its blanks are what they are."""

    __slots__ = ()


def boxed(_: str) -> str | None:
    """No picture is shown: each is a box with its name."""
    return None


def render(plan: Plan, context: Context, *, picture: Picture = boxed) -> str:
    """The page with the first twenty mails and the names of the rest."""
    letters = letters_of(plan, context)
    return _page(plan, context, letters[:MAILS], picture, rest=letters[MAILS:])


def pages(plan: Plan, context: Context, *, picture: Picture = boxed) -> Iterator[tuple[str, str]]:
    """File names and contents: ``index.html``, and a page for each twenty mails."""
    letters = letters_of(plan, context)
    parts = [letters[start : start + MAILS] for start in range(0, len(letters), MAILS)] or [[]]
    if len(parts) == 1:
        yield "index.html", _page(plan, context, parts[0], picture)
        return
    where = {letter.address: _file(number) for number, part in enumerate(parts, 1) for letter in part}
    yield "index.html", _page(plan, context, [], picture, rest=letters, where=where)
    for number, part in enumerate(parts, 1):
        rest = [letter for letter in letters if letter not in part]
        yield _file(number), _page(plan, context, part, picture, rest=rest, where=where, index=True)


def _may_count_twice(sends: Sequence[Letter]) -> bool:
    """Whether somebody may be on two lists that mails of the page go to."""
    targets = [{*send.to, *send.others} for letter in sends if (send := letter.step.send) is not None and send.people]
    return len(targets) > 1 or any(len(each) > 1 for each in targets)


def _file(number: int) -> str:
    return f"mails-{number}.html"


def _page(
    plan: Plan,
    context: Context,
    letters: Sequence[Letter],
    picture: Picture,
    *,
    rest: Sequence[Letter] = (),
    where: Mapping[Address, str] | None = None,
    index: bool = False,
) -> str:
    summary = summarise(plan, now=context.now, zone=context.zone, sandboxes=context.sandboxes)
    going = coming(plan, context)
    every = [each for letter in (*letters, *rest) for each in letter.all]
    shown = {str(letter.address) for letter in every}
    people = [letter.people for letter in every if letter.step.send is not None and letter.people]
    others = list(_others(summary, shown))
    script = re.sub(r"\n\s+", "\n", source_of("page.js")) if letters else ""
    page = (
        environment()
        .get_template("page.html")
        .render(
            summary=summary,
            context=context,
            plan=plan,
            warnings=together(warning for warning in plan.warnings if warning.address not in shown),
            in_short=len(summary.sends) > _SENDS,
            letters=[_shown(number, letter, plan, context, picture) for number, letter in enumerate(letters, 1)],
            rest=[(letter, (where or {}).get(letter.address)) for letter in rest],
            index=index,
            where=where,
            going=going,
            weeks=weeks(going, context),
            frozen_until=moment(context.now + context.freeze, now=context.now, zone=context.zone),
            people=sum(people),
            several=sum(people) > 0 and _may_count_twice([letter for letter in every if letter.step.send]),
            mails=len(every),
            by_hand=[entry for entry in summary.entries if any(each.label == "by hand" for each in entry.remarks)],
            entries=others[:_ENTRIES],
            more_entries=max(0, len(others) - _ENTRIES),
            made=moment(plan.created, now=context.now, zone=context.zone) if plan.created else "",
            script=Markup(script),  # noqa: S704  # our own file
            style=Markup(source_of("page.css")),  # noqa: S704  # our own file
            policy=policy(script),
        )
    )
    # A CI job's log may show the page: no line of it is a command to the runner.
    return defused(page, "&#58;", "&#35;")


def policy(script: str, *, connect: bool = False) -> str:
    """What a page may do: load nothing, and run this script alone; ``connect``: ask the server that it came from."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"'sha256-{digest}'" if script else "'none'"
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src {allowed}" + ("; connect-src 'self'" if connect else "")
    )


def _others(summary: Summary, shown: set[str]) -> Iterator[Entry]:
    """The entries that no section of a mail tells of."""
    return (entry for entry in summary.entries if not set(entry.addresses) <= shown)


def _shown(number: int, letter: Letter, plan: Plan, context: Context, picture: Picture) -> dict[str, object]:
    people = tuple(context.samples) or INVENTED
    after, before = letter.after, letter.before
    tags = read(after).merge_tags if after is not None else {}
    return {
        "letter": letter,
        "number": number,
        "frames": list(_frames(number, letter, people[0], picture)),
        "changes": letter.changes.seen,
        "unseen": [change for change in letter.changes.items if change not in letter.changes.seen],
        "links": links_of(before, after),
        "facts": list(facts_of(read(after))) if after is not None and letter.step.action is Action.CREATE else [],
        "tags": table(tags, people),
        "people": people,
        "settings": letter.settings,
        "findings": _findings(letter, plan),
    }


def _findings(letter: Letter, plan: Plan) -> list[Diagnostic]:
    """What is to be said of this mail: what blocks it, then the warnings that name it or those that are the same."""
    blocked = [letter.step.blocked] if letter.step.blocked is not None else []
    about = {str(each.address) for each in letter.all}
    return blocked + together(warning for warning in plan.warnings if warning.address in about)


def _frames(number: int, letter: Letter, person: Mapping[str, str], picture: Picture) -> Iterator[Frame]:
    sides = (
        ("old", "Live", letter.before, letter.changes.before),
        ("new", "Proposed", letter.after, letter.changes.after),
    )
    key = key_for(letter.before or "", letter.after or "")
    for side, caption, source, insertions in sides:
        if source is not None:
            marked = mark(source, insertions, key)
            yield Frame(f"{side}{number}", side, key, caption, framed(marked, source, side, caption, person, picture))


def framed(
    marked: Marked, source: str, side: str, caption: str, person: Mapping[str, str], picture: Picture
) -> "Document":
    """The document of a frame: a mail as a person gets it, made harmless."""
    key = marked.key
    sheet = source_of("frame.css").replace("KEY", key)
    try:
        inner = neutral(Marked(filled(marked.text, person), key), picture)
    except Exception as error:  # the page has other mails, and says what it can't show
        told = html.escape(harmless(f"This mail can't be shown here: {type(error).__name__}. {error}".strip()[:400]))
        inner = f"</head><body><p><strong>{told}</strong></p><p>All else that this page says of it stands.</p>"
    language = re.search(r"<html[^>]*\blang\s*=\s*[\"']?([A-Za-z-]{2,12})", source[:3000])
    return Document(
        f'<!doctype html><html lang="{language[1] if language else "en"}" data-rc="{key}" data-{key}-side="{side}">'
        f"<head><title>{caption}</title><style>{sheet}</style>{inner}</body></html>"
    )


def links_of(before: str | None, after: str | None) -> list[tuple[str, str, str]]:
    """Where the links of a mail lead: its words, the address, and whether it is new, gone or stays."""
    old = read(before).links if before is not None else []
    new = read(after).links if after is not None else []
    known = {href for _, href in old}
    left = {href for _, href in new}
    rows = [(text, href, "" if href in known or not old else "new") for text, href in new]
    return rows + [(text, href, "gone") for text, href in old if href not in left]


@cache
def source_of(name: str) -> str:
    """A file of the page's templates."""
    return (files("reconcile.review") / "templates" / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Where the templates are rendered: everything escaped, and nothing in it a command to a terminal."""
    names = ("page.html", "mail.html", "bar.html", "beside.html", "preview.html")
    made = Environment(
        loader=DictLoader({name: source_of(name) for name in names}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    filters: dict[str, Callable[..., object]] = {
        "counted": counted,
        "listed": listed,
        "detail": detail_told,
        "kilobytes": lambda size: f"{size / 1024:,.1f} KB",
        "kind": lambda change: change.kinds[0].value.replace(" ", "-"),
        "kinds": kinds_told,
        "plainly": detail_name,
    }
    made.filters.update(filters)
    made.globals["Part"] = Part
    made.tests["color"] = lambda value: bool(re.fullmatch(r"#[0-9a-fA-F]{3,8}", value))
    return made


def _harmless(value: object) -> object:
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup | Document) else value
