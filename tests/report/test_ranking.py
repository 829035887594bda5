"""What can't be taken back is in the first screen whatever else there is; what is equal is told once."""

import datetime
from typing import Any

import pytest

from reconcile.errors import Diagnostic
from reconcile.mail.changes import changes
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.planner.plan import AttributeChange, Cause, Plan, Requirement, Right, Send, Step
from reconcile.report import to_markdown, to_terminal
from reconcile.report.diagnostics import render as render_diagnostics
from reconcile.report.text import width, wrapped

WHEN: Any = {"now": 1_795_000_000.0, "zone": datetime.UTC}
FOOTER = "<html><body><p>Hello {number}</p><p>Example, {place} street</p></body></html>"
SCREEN = 24


def changed(number: int, before: str, after: str, *more: AttributeChange) -> Step:
    address = Address("squalomail", "campaign", f"c{number:04}")
    change = AttributeChange("body", before, after, Cause.MANIFEST, text=True)
    return Step(address, Action.UPDATE, Cause.MANIFEST, (change, *more), id=str(number))


def crowd(count: int, *, alike: bool) -> Plan:
    """So many changed mails with one new address in the footer, a delete and a send among them."""
    steps = [
        changed(n, body := FOOTER.format(number=0 if alike else n, place="Old"), body.replace("Old", "New"))
        for n in range(count - 2)
    ]
    steps.append(Step(Address("squalomail", "list", "zz-gone"), Action.DELETE, Cause.REMOVED, id="77", reach=12))
    send = Send(None, 1_796_000_000.0, (Address("squalomail", "list", "club"),), 640)
    steps.append(Step(Address("squalomail", "campaign", "zz-sent"), Action.UPDATE, Cause.MANIFEST, send=send))
    return Plan({step.address: step for step in steps})


@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("count", [500, 3000])
def test_the_delete_and_the_send_come_first(count: int, alike: bool) -> None:
    plan = crowd(count, alike=alike)
    for text in (to_terminal.render(plan, color=False, **WHEN), to_markdown.render(plan, **WHEN)):
        screen = "\n".join(text.split("\n")[:SCREEN])
        assert "squalomail.list.zz-gone" in screen
        assert "deleted, id 77, reaches 12 people" in screen
        assert "squalomail.campaign.zz-sent" in screen
        assert "640 people now" in screen
    assert len(to_markdown.render(plan, **WHEN)) < 65_536
    assert len(to_markdown.render(plan, **WHEN, room=None)) >= len(to_markdown.render(plan, **WHEN))


@pytest.mark.parametrize("alike", [True, False])
def test_450_equal_changes_are_told_once_with_their_addresses(alike: bool) -> None:
    plan = crowd(452, alike=alike)
    for text in (to_terminal.render(plan, color=False, **WHEN), to_markdown.render(plan, **WHEN)):
        assert text.count("New") == 1
        assert all(f"c{number:04}" in text for number in range(450))


def test_what_is_cut_is_named() -> None:
    steps = [changed(n, f"<p>before {n}</p>", f"<p>after {n * 7919} {'x' * 300}</p>") for n in range(400)]
    text = to_markdown.render(Plan({step.address: step for step in steps}), **WHEN)
    shown = text.count("| `~` |")
    assert 0 < shown < 400
    assert f"and {400 - shown:,} more: {400 - shown:,} to update" in text
    assert "more texts: `--full` or the page shows them." in text
    assert "more texts" not in to_markdown.render(Plan({step.address: step for step in steps}), **WHEN, room=None)


def refused(number: int) -> Step:
    address = Address("squalomail", "campaign", f"c{number}")
    finding = Diagnostic(
        "outside-edit", "edited", f"Somebody edited {address}.", address=str(address), hint=f"reconcile pull {address}"
    )
    return Step(address, Action.UPDATE, Cause.BOTH, requires=(Requirement(Right.OVERWRITE_DRIFT, finding),))


def test_a_refusal_is_told_once_for_all_it_is_about() -> None:
    plan = Plan({step.address: step for step in map(refused, range(40))})
    for text in (to_terminal.render(plan, color=False, **WHEN), to_markdown.render(plan, **WHEN)):
        assert text.count("reconcile pull") == 1
        assert text.count("Somebody edited each of them.") == 1
        assert "(40)" in text
    findings = [need.diagnostic for step in plan.steps.values() for need in step.requires]
    told = render_diagnostics(findings, color=False)
    assert told.count("reconcile pull ADDRESS") == 1
    assert "40 objects: squalomail.campaign: c0, c1, c10, c11" in told


def test_one_refusal_keeps_its_own_words() -> None:
    step = refused(1)
    text = to_terminal.render(Plan({step.address: step}), color=False, **WHEN)
    assert "Somebody edited squalomail.campaign.c1." in text
    assert "reconcile pull squalomail.campaign.c1" in text


def test_conflicts_are_named_before_the_steps() -> None:
    both = AttributeChange("subject", "a", "b", Cause.BOTH)
    plan = Plan(
        {step.address: step for step in (changed(1, "<p>a</p>", "<p>b</p>"), changed(2, "<p>a</p>", "<p>c</p>", both))}
    )
    for text in (to_terminal.render(plan, color=False, **WHEN), to_markdown.render(plan, **WHEN)):
        assert text.index("Conflicts") < text.index("c0002") < text.index("c0001")


def test_a_shared_change_is_told_where_it_is_first() -> None:
    steps = [
        changed(1, "<p>foot old</p>", "<p>foot new</p>"),
        changed(2, "<p>foot old</p><p>x one</p>", "<p>foot new</p><p>x two</p>"),
    ]
    text = to_terminal.render(Plan({step.address: step for step in steps}), color=False, **WHEN)
    assert text.count("{+new+}") == 1
    assert "the same in 1 other: squalomail.campaign.c0002" in text
    assert "1 change as in squalomail.campaign.c0001" in text


def test_a_new_mail_is_told_in_short() -> None:
    body = (
        '<body><div style="display:none">Look inside</div><p>Hello {{name}}, read <a href="https://a.example/x">this'
        '</a></p><img src="p.png"></body>'
    )
    address = Address("squalomail", "campaign", "new")
    change = AttributeChange("body", None, body, Cause.NEW, text=True)
    step = Step(address, Action.CREATE, Cause.NEW, (change,))
    text = to_terminal.render(Plan({address: step}), color=False, **WHEN)
    for told in ('inbox shows: "Look inside Hello', "words: 4", "links: 1 to a.example (1)", "pictures: 1, 1 without"):
        assert told in text
    assert "characters" not in text


def test_the_footer_names_a_sandbox() -> None:
    plan = Plan({}, accounts={"a": Account("squalomail", "sandbox", "1"), "b": Account("squalomail", "x.example", "2")})
    text = to_terminal.render(plan, color=False, **WHEN)
    assert "squalomail account 1 at sandbox, a sandbox" in text
    assert text.endswith("squalomail account 2 at x.example\n")
    assert "API reads" not in text
    assert "API reads made: 0" in to_terminal.render(plan, color=False, verbose=True, **WHEN)


@pytest.mark.parametrize("color", [False, True])
def test_long_lines_are_wrapped_between_words(color: bool) -> None:
    step = changed(1, "<p>a</p>", f"<p>{'word ' * 60}</p>")
    plan = Plan({step.address: step})
    whole = to_terminal.render(plan, color=color, **WHEN)
    text = to_terminal.render(plan, color=color, columns=60, **WHEN)
    import re

    bare = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in text.split("\n")]
    assert max(map(len, bare)) <= 60
    assert " ".join("".join(f"{line}\n" for line in bare).split()) == " ".join(
        re.sub(r"\x1b\[[\d;]*m", "", whole).split()
    )
    for line in text.split("\n"):  # no colour runs over the end of a line
        assert not re.search(r"\x1b\[[1-9][\d;]*m[^\x1b]*$", line)


def test_what_can_not_be_wrapped_stays_whole() -> None:
    for copied in (
        "https://a.example/" + "x" * 100,
        "squalomail.campaign." + "x" * 100,
        "a-name-" * 20,
        "--flag=" + "x" * 99,
    ):
        assert wrapped(f"    {copied}", 40) == f"    {copied}"


@pytest.mark.parametrize("columns", [40, 80])
def test_a_word_longer_than_a_line_is_broken(columns: int) -> None:
    words = "short " + "verylongword" * 30 + " " + "日本語のとても長い文章です" * 20 + " " + "e\u0301" * 100 + " end"
    text = wrapped(f"    {words}", columns)
    assert max(map(width, text.split("\n"))) <= columns
    assert "".join(text.split()) == "".join(words.split())
    assert not any(line.lstrip().startswith("\u0301") for line in text.split("\n"))
    painted = wrapped(f"  \x1b[31m{'x' * 300}\x1b[0m", columns)
    assert all(line.count("\x1b[31m") == line.count("\x1b[0m") == 1 for line in painted.split("\n"))


def test_the_delete_of_a_mail_says_its_subject() -> None:
    address = Address("squalomail", "campaign", "gone")
    step = Step(address, Action.DELETE, Cause.REMOVED, id="7", note='Its subject: "Our wines".')
    plan = Plan({address: step})
    for text in (to_terminal.render(plan, color=False, **WHEN), to_markdown.render(plan, **WHEN)):
        assert 'deleted, id 7, Its subject: "Our wines".' in text


def test_a_footer_that_many_mails_share_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconcile.report import rows

    compared = []
    monkeypatch.setattr(rows, "changes_of", lambda *sides: compared.append(sides) or changes(*sides))
    monkeypatch.setattr(rows, "_SEEN", {})
    foot = f"<p>{'long words ' * 50}</p><p>{{}} street</p></body>"
    steps = [
        changed(n, f"<p>mail {n}</p>{foot.format('Old')}", f"<p>mail {n}</p>{foot.format('New')}") for n in range(450)
    ]
    text = to_terminal.render(Plan({step.address: step for step in steps}), color=False, **WHEN)
    assert len(compared) == 1
    assert text.count("{+New+}") == 1
    assert all(f"c{number:04}" in text for number in range(450))


def test_one_change_under_headings_of_their_own_is_told_once() -> None:
    body = "<p>x</p>" * 3 + "<h1>Heading {n}</h1><p>Example, {place} street</p>"
    steps = [changed(n, body.format(n=n, place="Old"), body.format(n=n, place="New")) for n in range(450)]
    plan = Plan({step.address: step for step in steps})
    for text in (to_terminal.render(plan, color=False, **WHEN), to_markdown.render(plan, **WHEN)):
        assert text.count("New") == 1
        assert "under" not in text
        assert "the same in 449 others" in text
        assert all(f"c{number:04}" in text for number in range(450))
    alone = to_terminal.render(Plan({steps[0].address: steps[0]}), color=False, **WHEN)
    assert "under “Heading 0”" in alone


LONG = "a-long-name-of-an-object-" * 3


def lost(number: int, action: Action, kind: str = "list") -> Step:
    return Step(Address("squalomail", kind, f"{LONG}{number:04}"), action, Cause.REMOVED, id=str(number), reach=number)


def gone_out(number: int, subject: str = "Some subject here, rather long as they are") -> Step:
    send = Send(
        None, 1_796_000_000.0 + number * 600, (Address("squalomail", "list", "club"),), 640 + number, subject=subject
    )
    return Step(Address("squalomail", "campaign", f"{LONG}{number:04}"), Action.UPDATE, Cause.MANIFEST, send=send)


@pytest.mark.parametrize("count", [20, 600, 3000])
def test_a_comment_has_room_for_any_number_of_deletes_and_sends(count: int) -> None:
    steps = [lost(number, Action.REPLACE) for number in range(count)]
    steps += [gone_out(number) for number in range(count)]
    steps.append(Step(Address("squalomail", "list", "zz-gone"), Action.DELETE, Cause.REMOVED, id="9", reach=3))
    text = to_markdown.render(Plan({step.address: step for step in steps}), **WHEN)
    assert len(text) < 65_536
    assert text.index("squalomail.list.zz-gone") < text.index("made anew")
    if count == 20:
        assert "There is no room" not in text
        assert f"{LONG}0019" in text
    else:
        assert text.count("There is no room for more here: `--full` or the page shows each.") == 2
        assert f"{count:,}: made anew; the former object is deleted, reaching 1 to {count - 1:,} people each" in text
        assert "144: 2026-12-01, Tue 00:03 to 23:53 UTC, to " in text
        assert " more" in text
    whole = to_markdown.render(Plan({step.address: step for step in steps}), room=None, **WHEN)
    assert all(str(step.address).removeprefix("squalomail.") in whole for step in steps[:1])
    assert "no room" not in whole


def test_refusals_conflicts_and_warnings_have_their_bounds_too() -> None:
    steps = [refused(number) for number in range(1000, 5000)]
    both = AttributeChange("subject", "a", "b", Cause.BOTH)
    steps += [changed(number, "<p>a</p>", "<p>b</p>", both) for number in range(1000)]
    warnings = tuple(
        Diagnostic("a-check", "odd", f"{number} {'x' * 200}", address=f"a.b.c{number}") for number in range(900)
    )
    plan = Plan({step.address: step for step in steps}, warnings=warnings)
    text = to_markdown.render(plan, **WHEN)
    assert len(text) < 65_536
    assert "more warnings (a-check" in text
    assert "(4,000)" in text
    assert "Conflicts" in text


def test_a_row_that_does_not_fit_has_fewer_addresses() -> None:
    steps = [
        Step(
            Address("squalomail", "campaign", f"{LONG}{n:04}"),
            Action.UPDATE,
            Cause.MANIFEST,
            (AttributeChange("subject", "Old subject", "New subject", Cause.MANIFEST),),
        )
        for n in range(1500)
    ]
    text = to_markdown.render(Plan({step.address: step for step in steps}), **WHEN)
    assert len(text) < 65_536
    assert "| 1,500 objects:<br>" in text
    assert "New subject" in text
    assert "and 1,400 more" in text
