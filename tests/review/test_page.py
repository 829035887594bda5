"""The page as a document: what is where, how much of it, and what it is made of."""

import datetime
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from reconcile.errors import Diagnostic, Location, Severity
from reconcile.mail.marks import Marked, mark
from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied
from reconcile.planner.plan import AttributeChange, Cause, Plan, Send, Step
from reconcile.report.summary import reached
from reconcile.review.calendar import coming
from reconcile.review.letters import letters_of
from reconcile.review.neutral import Picture, embedded, neutral
from reconcile.review.page import MAILS, boxed, pages, render
from reconcile.review.samples import INVENTED, filled, table
from tests.report.test_cases import Tags
from tests.report.test_ranking import crowd
from tests.review.plans import CLUB, CONTEXT, EVIL, NOW, changed, mail, nine_edits, plan, story
from tests.world import REGISTRY


class Text(HTMLParser):
    """The words of a page without its frames, scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._raw = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw and data.strip():
            self.words.append(" ".join(data.split()))


def text_of(page: str) -> str:
    return " ".join(Text(page).words)


@pytest.mark.parametrize("count", [500, 3000])
def test_the_delete_and_the_send_are_on_the_first_screen(count: int) -> None:
    text = text_of(render(crowd(count, alike=False), CONTEXT))
    first = text[:1200]
    assert "squalomail.list.zz-gone : deleted, id 77, reaches 12 people" in first
    assert "squalomail.campaign.zz-sent" in first
    assert "640 people now" in first


def test_twenty_mails_on_a_page_and_the_names_of_the_rest() -> None:
    many = crowd(60, alike=False)
    page = render(many, CONTEXT)
    assert page.count('<section class="mail"') == MAILS
    text = text_of(page)
    assert all(f"c{number:04}" in text for number in range(58))
    assert "--page DIR" in text
    files = dict(pages(many, CONTEXT))
    assert list(files) == ["index.html", "mails-1.html", "mails-2.html", "mails-3.html"]
    assert sum(content.count('<section class="mail"') for content in files.values()) == 58
    assert 'href="mails-3.html"' in files["index.html"]
    assert "zz-gone" in files["index.html"]


def shared(count: int) -> Plan:
    """One body in many campaigns, each with a subject, a time and people of its own; one has another setting, too."""
    old, new = mail("gift-guide"), nine_edits(mail("gift-guide"))
    steps = [
        changed(f"c{number:04}", old, new, send=Send(None, NOW + (3 + number) * 86_400, (CLUB,), 100 + number))
        for number in range(count)
    ]
    utm = AttributeChange("utmCampaign", "spring", "autumn", Cause.MANIFEST)
    return plan(*steps[:-1], replace(steps[-1], changes=(*steps[-1].changes, utm)))


def test_one_mail_in_many_entries_is_shown_once_and_each_is_named_with_people_and_time() -> None:
    one, many = render(shared(1), CONTEXT), render(shared(450), CONTEXT)
    assert many.count('<section class="mail"') == 1
    assert len(many) < 3 * len(one)
    text = text_of(many)
    assert "c0000 and 449 others" in text
    assert "The same mail, with the same changes, in 449 others" in text
    assert "c0007 Subject of c0007 club: 107 people Sat 2026-11-28 11:06 UTC, in 10 days nothing" in text
    assert 'utmCampaign : "spring" "autumn"' in text
    assert "450 mails change" in text
    assert [name for name, _ in pages(shared(450), CONTEXT)] == ["index.html"]


def test_what_else_of_a_mail_changes_is_told() -> None:
    text = text_of(render(shared(1), CONTEXT))
    assert 'What else changes (1) utmCampaign : "spring" "autumn"' in text
    assert "What else changes (" not in text_of(render(story(), CONTEXT))


def test_the_plain_text_of_a_new_mail_is_there() -> None:
    body = AttributeChange("body", None, "<p>Hi</p>", Cause.NEW, text=True)
    plain = AttributeChange("altBody", None, "Hi,\nin plain words.", Cause.NEW, text=True)
    step = replace(changed("c", None, "<p>Hi</p>"), changes=(body, plain))
    assert "Plain text: new Hi, in plain words." in text_of(render(plan(step), CONTEXT))


def test_findings_stand_beside_their_mail_and_equal_ones_once() -> None:
    made = shared(30)
    found = [
        Diagnostic(
            "no-fallback", "x", "People read Dear alone.", str(address), Location("a.html", 3), None, Severity.WARNING
        )
        for address in made.steps
    ]
    other = Diagnostic("clock", "x", "The clock is odd.", severity=Severity.WARNING)
    text = text_of(render(replace(made, warnings=(*found, other)), CONTEXT))
    assert text.count("People read Dear alone.") == 1
    assert text.index("The clock is odd.") < text.index("c0000 and 29 others (9 changes, 1 finding)")


def test_all_fits_one_page_where_it_does() -> None:
    assert [name for name, _ in pages(story(), CONTEXT)] == ["index.html"]


def test_a_mail_says_whom_it_goes_to_when_and_how_big_it_is() -> None:
    text = text_of(render(story(), replace(CONTEXT, commit="abc123", digest="d1g3st")))
    for told in (
        "To club: 4,812 people",
        "Sat 2026-11-21 11:06 UTC, in 3 days",
        "of 102 KB",
        "commit abc123",
        "digest d1g3st",
        "A new mail",
        "What an approval of this plan can't cover",
    ):
        assert told in text


def test_scripts_are_ours_small_and_allowed_by_their_hash() -> None:
    page = render(story(), CONTEXT)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(script.encode()) <= 3 * 1024
    assert 'sandbox="allow-same-origin"' in page
    assert "allow-scripts" not in page
    assert "script-src 'sha256-" in page.replace("&#39;", "'")
    assert "http-equiv" in page
    assert "script-src 'none'" in render(plan(), CONTEXT).replace("&#39;", "'")


def test_no_line_is_a_command_to_a_runner() -> None:
    body = "<p>\n::error::x\n ::stop-commands::y\n##[group]z</p>"
    page = render(plan(changed("c", None, body)), CONTEXT)
    assert not re.search(r"(?m)^\s*::|##\[", page)
    assert "&#58;:error::x" in page


def test_what_is_hostile_is_gone_before_a_browser_sees_it() -> None:
    inner = neutral(mark(EVIL, []), boxed)
    tags = Tags()
    tags.feed(inner)
    assert not {"script", "iframe", "object", "embed", "link", "base", "meta", "form", "svg", "math"} & set(tags.seen)
    assert not {name for name in tags.attributes if name.startswith(("on", "src", "action")) and name != "src"}
    assert not re.search(r"evil\.example|javascript:|@import|@font-face|url\((?!\"data:)", inner)
    assert "one text" in inner


def test_blanks_and_letters_of_a_mail_stay_what_they_are() -> None:
    inner = neutral(mark("<p>a&nbsp;b &lt;c&gt; é 日本 &amp;amp;</p>", []), boxed)
    assert "<p>a\u00a0b &lt;c&gt; é 日本 &amp;amp;</p>" in inner
    assert "a\u00a0b" in render(plan(changed("c", None, "<p>a&nbsp;b</p>")), CONTEXT)


def test_pictures_are_boxes_or_files_of_the_project() -> None:
    source = '<img src="images/a.png?v=1" width="120" height="40" alt="A">'
    assert "a.png" in neutral(mark(source, []), boxed).replace("%3E", ">")
    picture = embedded(b"\x89PNG\r\n\x1a\nx")
    assert picture == "data:image/png;base64,iVBORw0KGgp4"
    assert f'src="{picture}"' in neutral(mark(source, []), lambda _: picture)
    assert embedded(b"<svg onload=x>") is None


def test_merge_tags_are_filled_for_a_sample_person() -> None:
    source = (
        '<a href="{{link}}">Hello {subtag:name}, {{first name}} *|LNAME|*</a> <table>{{#each rows}}<tr><td>%%city%%'
        "</td></tr>{{/each}}</table>{unsubscribe}Leave{/unsubscribe} {{offer}}"
    )
    person = {"name": "An <na>", "surname": "R", "city": "Gorizia"}
    assert filled(source, person) == (
        '<a href="{{link}}">Hello An &lt;na&gt;, An &lt;na&gt; R</a> <table><tr><td>Gorizia</td></tr></table>Leave '
        "{{offer}}"
    )
    assert table({"{{city}}": 2}, INVENTED) == [("{{city}}", 2, ("Gorizia", "(empty)"))]


def test_the_calendar_knows_clashes_and_the_freeze() -> None:
    two = [changed(name, "<p>a</p>", f"<p>{name}</p>") for name in ("one", "two")]
    addresses = [step.address for step in two]
    context = replace(CONTEXT, due={addresses[0]: NOW + 1800, addresses[1]: NOW + 7200})
    steps = {step.address: replace(step, dependencies=(CLUB,)) for step in two}
    first, second = coming(Plan(steps), context)
    assert (first.address.name, first.frozen, second.frozen) == ("one", True, False)
    assert first.clashes == ("club also gets two that day at 13:06",)
    text = text_of(render(Plan(steps), context))
    assert "Clash: club also gets one that day" in text
    assert coming(Plan(steps), replace(context, now=NOW + 10_000)) == []


def test_what_can_not_be_shown_is_said() -> None:
    from reconcile.model.attributes import Digest

    step = changed("c", "<p>a</p>", "<p>b</p>")
    (change,) = step.changes
    unread = replace(step, changes=(replace(change, before=Digest("ab", 3)),), unchecked=("utmSource",))
    text = text_of(render(plan(unread), CONTEXT))
    assert "What is live can't be read back" in text
    assert "utmSource" in text
    lone = replace(step, changes=(), send=story().steps[Address("squalomail", "campaign", "gift-guide")].send)
    text = text_of(render(plan(lone), CONTEXT))
    assert "The mail itself is not in this plan" in text
    context = replace(CONTEXT, bodies={lone.address: {"body": mail("vabilo")}})
    assert "<iframe" in render(plan(lone), context)


def test_times_are_told_in_the_zone_of_the_reader() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=1), "CET")
    assert "12:06 CET (11:06 UTC)" in text_of(render(story(), replace(CONTEXT, zone=zone)))


def test_what_people_have_to_do_has_a_place_of_its_own() -> None:
    step = Step(Address("s", "field", "city"), Action.MANUAL, instructions=("Make the field “city”.",))
    text = text_of(render(plan(step), CONTEXT))
    assert text.index("To be done by hand") < text.index("Make the field") < text.index("When mail goes out")


def test_a_mail_far_away_is_in_the_list_and_takes_no_calendar() -> None:
    step = changed("c", "<p>a</p>", "<p>b</p>", send=Send(None, NOW + 3000 * 86_400, (CLUB,), 3))
    page = render(plan(step), CONTEXT)
    assert "in 3,000 days, to club" in text_of(page)
    assert '<div class="calendar"' not in page
    assert '<div class="calendar"' in render(story(), CONTEXT)


def test_a_new_mail_is_told_in_short() -> None:
    assert "links: 18 to www.duesponde.example" in text_of(render(story(), CONTEXT))


def test_a_mail_made_of_a_template_is_shown_filled_in_before_and_after() -> None:
    made = Address("squalomail", "campaign", "made")
    base = Address("squalomail", "template", "base")
    old, new = "<body><h1>{{headline}}</h1><p>Old</p></body>", "<body><h1>{{headline}}</h1><p>New</p></body>"
    fills = {"texts": {"headline": {"value": "Novelties"}}}
    template = Step(
        base, Action.UPDATE, Cause.MANIFEST, (AttributeChange("body", old, new, Cause.MANIFEST, text=True),)
    )
    campaign = Step(
        made,
        Action.REPLACE,
        Cause.FOLLOWS,
        (AttributeChange("template", Reference(base), Reference(base), Cause.FOLLOWS, readable=False),),
        applied=Applied("7", {"subject": "Made"}),
        dependencies=(base,),
    )
    context = replace(
        CONTEXT,
        registry=REGISTRY,
        bodies={
            made: {"subject": "Made", "template": Reference(base), "templateCustomAttributes": fills},
            base: {"subject": "Base", "body": new},
        },
    )
    letters = {letter.address: letter for letter in letters_of(plan(template, campaign), context)}
    letter = letters[made]
    assert letter.before == "<body><h1>Novelties</h1><p>Old</p></body>"
    assert letter.after == "<body><h1>Novelties</h1><p>New</p></body>"
    assert any("squalomail.template.base" in told for told in letter.missing)
    assert "Novelties" in render(plan(template, campaign), context)


def test_people_on_two_lists_are_not_counted_as_two() -> None:
    one, two = (Address("squalomail", "list", name) for name in ("a", "b"))
    sent = Send(None, 1_796_000_000.0, (one, two), 55)
    assert reached(sent) == "at most 55 people"
    assert reached(replace(sent, to=(one,))) == "55 people"
    assert reached(replace(sent, people=None)) == ""
    guide = mail("gift-guide")
    page = render(plan(replace(changed("guide", guide, nine_edits(guide)), send=sent)), CONTEXT)
    assert "at most 55 people" in page
    assert "people are reached at most" in page
    empty = render(plan(replace(changed("guide", guide, nine_edits(guide)), send=replace(sent, people=0))), CONTEXT)
    assert "nobody is there now" in empty


def test_a_plain_text_that_stays_behind_is_told() -> None:
    guide = mail("gift-guide")
    context = replace(
        CONTEXT,
        registry=REGISTRY,
        bodies={Address("squalomail", "campaign", "guide"): {"body": nine_edits(guide), "altBody": "As before"}},
    )
    step = changed("guide", guide, nine_edits(guide))
    (letter,) = letters_of(plan(step), context)
    assert "The plain-text version stays as it is" in letter.missing[0]
    text = AttributeChange("altBody", "As before", "Other words", Cause.MANIFEST, text=True)
    (letter,) = letters_of(plan(replace(step, changes=(*step.changes, text))), context)
    assert not any("plain text stays" in told for told in letter.missing)


@pytest.mark.parametrize("command", ["::error::", "##[error]", "##vso[task]", "##teamcity[x]"])
def test_no_line_of_a_page_is_a_command_to_a_runner(command: str) -> None:
    step = changed("evil", "<p>a</p>", f"<p>a</p>\n{command} b")
    page = render(plan(step), CONTEXT)
    assert "b" in page
    obeyed = [line for line in page.splitlines() if line.lstrip().startswith("::")]
    assert not obeyed + [marker for marker in ("##[", "##vso[", "##teamcity[") if marker in page]


DEEP = "<div>" * 1200 + "{}" + "</div>" * 1200


def test_a_mail_nested_a_thousand_deep_is_shown() -> None:
    page = render(plan(changed("deep", DEEP.format("deep"), DEEP.format("deeper"))), CONTEXT)
    assert page.count("&gt;deep") >= 1
    assert "can't be shown" not in page


def test_a_mail_that_can_not_be_shown_says_so_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    from reconcile.review import page as module

    def failing(marked: Marked, picture: Picture) -> str:
        if "breaks" in marked.text:
            raise RecursionError("too <deep>")
        return neutral(marked, picture)

    monkeypatch.setattr(module, "neutral", failing)
    page = render(plan(changed("a", None, "<p>it breaks</p>"), changed("b", None, "<p>whole words</p>")), CONTEXT)
    assert page.count("This mail can&amp;#x27;t be shown here: RecursionError. too &amp;lt;deep&amp;gt;") == 1
    assert "whole words" in page


def test_nothing_in_a_mail_steers_a_terminal() -> None:
    body = (
        "<style>a{color:red}\x1b[2J</style><p title='\x9b2J&#27;[1m'>one\x1b]0;x\x07\x7f\u202eegnar\u2069"
        "\r\n\ttwo&#27;[31m&#x9b;</p>"
    )
    page = render(plan(changed("c", body, body.replace("two", "three"))), CONTEXT)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
    assert "one\ufffd]0;x" in page


def test_a_time_is_told_as_its_manifest_writes_it_where_that_is_another_hour() -> None:
    send = Send(None, NOW, (CLUB,), 3)
    step = changed("c", None, "<p>x</p>", send=send)
    for written, told in (
        ("2026-11-18T14:26:40+03:00", True),
        ("2026-11-18T11:26:40Z", False),
        ("2026-11-18T14:27:40+03:00", False),
    ):
        at = datetime.datetime.fromisoformat("2026-11-18T11:26:40Z").timestamp()
        moved = replace(step, send=replace(send, after=at))
        text = text_of(render(plan(moved), replace(CONTEXT, written={step.address: written})))
        assert (f"Wed 2026-11-18 11:26 UTC, in 20 minutes (written {written})" in text) is told
        assert ("(written" in text) is told
