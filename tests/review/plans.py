"""Plans with mails of realistic size, as the page is made of."""

import datetime
from pathlib import Path

from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.model.resource import Applied
from reconcile.planner.plan import AttributeChange, Cause, Plan, Send, Step
from reconcile.review.letters import Context

ROOT = Path(__file__).parents[2]
NOW = 1_795_000_000.0  # 2026-11-18 11:06 UTC
CONTEXT = Context(now=NOW, zone=datetime.UTC)
EVIL = (Path(__file__).parent / "evil.html").read_text()
CLUB = Address("squalomail", "list", "club")


def mail(name: str) -> str:
    return (ROOT / "examples" / "quickstart" / "emails" / f"{name}.html").read_text()


def nine_edits(source: str) -> str:
    """The gift guide with nine edits, one of each kind."""
    edits = [
        ("Six boxes, one voucher,", "Six boxes, two vouchers,"),
        ("Presents that get finished", "Presents that get eaten"),
        ('alt="The breakfast"', 'alt="Breakfast in a box"'),
        ("two-banks.jpg", "two-banks-v2.jpg"),
        ("€48.00, add to basket", "€46.50, add to basket"),
        ("/en/gifts/small-hello", "/en/gifts/small-hello?utm_source=letter"),
        ("Hello from all of us, {subtag:name},", "Dear {subtag:name} {subtag:surname},"),
        ('bgcolor="#7a2e1f" style="background-color:#7a2e1f', 'bgcolor="#0a5f38" style="background-color:#0a5f38'),
        ("a good pinch of salt</li>", "a good pinch of salt</li><li>a little cinnamon</li>"),
    ]
    for old, new in edits:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source


def changed(name: str, before: str | None, after: str, **more: object) -> Step:
    create = before is None
    change = AttributeChange("body", before, after, Cause.NEW if create else Cause.MANIFEST, text=True)
    return Step(
        Address("squalomail", "campaign", name),
        Action.CREATE if create else Action.UPDATE,
        Cause.NEW if create else Cause.MANIFEST,
        (change,),
        applied=Applied("7", {"subject": f"Subject of {name}", "fromName": "Due Sponde", "lists": ()}),
        **more,  # type: ignore[arg-type]
    )


def plan(*steps: Step) -> Plan:
    return Plan({step.address: step for step in steps}, created=NOW)


def story() -> Plan:
    """A changed mail that goes out, a new one, one without visible changes, a hostile one, and a delete."""
    guide = mail("gift-guide")
    send = Send(None, NOW + 3 * 86_400, (CLUB,), 4812)
    return plan(
        changed("gift-guide", guide, nine_edits(guide), send=send),
        changed("letter", None, mail("harvest-letter")),
        changed("evil", EVIL, EVIL.replace("one text", "another text").replace(">top<", ">topmost<")),
        Step(Address("squalomail", "list", "old"), Action.DELETE, Cause.REMOVED, id="4", reach=12),
    )
