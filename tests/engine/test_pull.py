"""Outside edits written back into the manifests: nothing but the edited values differs, and the next plan is empty."""

import difflib
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconcile.engine.pull import pull
from reconcile.errors import InvalidInput, Severity
from reconcile.manifests.comments import comments
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.load import Manifests
from reconcile.manifests.pulling import Drafts
from reconcile.model.address import Address
from reconcile.model.kind import Action
from tests.budget import examples
from tests.engine.project import ALL, VARIABLES, Project
from tests.outside import colleague, id_of
from tests.world import address


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def differing(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines taken out and put in."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return [line[2:] for line in lines if line[0] == "-"], [line[2:] for line in lines if line[0] == "+"]


LISTS = """\
squalomail:
  lists:
    italia: {name: Italia}
    club: {name: Club}
    slovenija: {name: Slovenija}
"""
# Name -> how the entry "it" of a campaign is written, the outside edit, and the entry afterwards.
GOLDEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "plain text beside a comment": (
        "subject: One  # the first\nbody: <p>1</p>",
        {"subject": "Two"},
        "subject: Two  # the first\nbody: <p>1</p>",
    ),
    "plain text that must be quoted now": (
        "subject: One\nbody: <p>1</p>",
        {"subject": "Two: a #hash"},
        'subject: "Two: a #hash"\nbody: <p>1</p>',
    ),
    "text that reads as something else": (
        "subject: One\nbody: <p>1</p>\nfromName: A",
        {"subject": "12", "fromName": "yes"},
        'subject: "12"\nbody: <p>1</p>\nfromName: "yes"',
    ),
    "single quotes": ("subject: 'One'\nbody: <p>1</p>", {"subject": "It's"}, "subject: 'It''s'\nbody: <p>1</p>"),
    "double quotes": ('subject: "One"\nbody: <p>1</p>', {"subject": 'a "b"'}, 'subject: "a \\"b\\""\nbody: <p>1</p>'),
    "a literal dollar": ("subject: One\nbody: <p>1</p>", {"subject": "${var.x}"}, "subject: $${var.x}\nbody: <p>1</p>"),
    "braces": (
        "{subject: One, body: <p>1</p>, visible: true}  # short",
        {"subject": "a, b", "visible": False},
        '{subject: "a, b", body: <p>1</p>, visible: false}  # short',
    ),
    "a literal text": (
        "subject: One\nbody: |\n  <p>1</p>\n    <b>2</b>\n\n  <p>3</p>\n\n# end\nvisible: true",
        {"body": "<p>1</p>\n    <i>2</i>\n\n<p>3</p>\n<p>4</p>\n"},
        "subject: One\nbody: |\n  <p>1</p>\n      <i>2</i>\n\n  <p>3</p>\n  <p>4</p>\n\n# end\nvisible: true",
    ),
    "a literal text with a comment and an indicator": (
        "subject: One\nbody: |2-  # why\n    <p>1</p>\n  <p>2</p>\nvisible: true",
        {"body": "<p>2</p>\n  <p>1</p>"},
        "subject: One\nbody: |2-  # why\n  <p>2</p>\n    <p>1</p>\nvisible: true",
    ),
    "a folded text": (
        "subject: One\nbody: >-\n  <p>one two three\n  four five six\n  seven eight</p>\nvisible: true",
        {"body": "<p>one two three four FIVE six seven eight</p>"},
        "subject: One\nbody: >-\n  <p>one two three\n  four FIVE six\n  seven eight</p>\nvisible: true",
    ),
    "a text that gets lines, beside a comment": (
        "subject: One\nbody: <p>1</p>  # short\n\n# end\nvisible: true",
        {"body": "<p>1</p>\n<p>2</p>"},
        "subject: One\nbody: |-  # short\n  <p>1</p>\n  <p>2</p>\n\n# end\nvisible: true",
    ),
    "a text that gets lines": (
        "subject: One\nbody: <p>1</p>",
        {"body": "<p>1</p>\n<p>2</p>"},
        "subject: One\nbody: |-\n  <p>1</p>\n  <p>2</p>",
    ),
    "a list in brackets": (
        "subject: One\nbody: b\nlists: [ italia, club ]  # both",
        {"lists": ["club", "slovenija"]},
        "subject: One\nbody: b\nlists: [ club, slovenija ]  # both",
    ),
    "the last of a list": (
        "subject: One\nbody: b\nlists: [italia, club]",
        {"lists": ["italia"]},
        "subject: One\nbody: b\nlists: [italia]",
    ),
    "an empty list": ("subject: One\nbody: b\nlists: []", {"lists": ["club"]}, "subject: One\nbody: b\nlists: [club]"),
    "a list that becomes empty": (
        "subject: One\nbody: b\nlists: [italia, club]",
        {"lists": []},
        "subject: One\nbody: b\nlists: []",
    ),
    "comments at the end of a list": (
        "subject: One\nlists:\n  # first\n  - italia  # ours\n  - club  # theirs\n  # rest\n\n# body\nbody: b",
        {"lists": ["italia", "slovenija"]},
        "subject: One\nlists:\n  # first\n  - italia  # ours\n  - slovenija\n  # theirs\n  # rest\n\n# body\nbody: b",
    ),
    "all of a list over lines": (
        "subject: One\nbody: b\nlists:\n- italia\n- club\n# end\nvisible: true",
        {"lists": []},
        "subject: One\nbody: b\nlists: []\n# end\nvisible: true",
    ),
    "other items of a list over lines": (
        'subject: One\nbody: b\nlists:\n  - "italia"\nvisible: true',
        {"lists": ["club", "slovenija"]},
        "subject: One\nbody: b\nlists:\n  - club\n  - slovenija\nvisible: true",
    ),
    "an expression that stays in a list": (
        'subject: One\nbody: b\nlists: [italia, "${var.club}"]',
        {"lists": ["club", "slovenija"]},
        'subject: One\nbody: b\nlists: ["${var.club}", slovenija]',
    ),
    "an alias": (
        "subject: &s One\nbody: b\nfromName: *s  # alias",
        {"fromName": "Two"},
        "subject: &s One\nbody: b\nfromName: Two  # alias",
    ),
    "an anchor that others use": (
        "subject: &s One\nbody: b\nfromName: *s  # alias\nreplyToName: *s",
        {"subject": "Two"},
        "subject: Two\nbody: b\nfromName: &s One  # alias\nreplyToName: *s",
    ),
    "an anchor that nobody uses": ("subject: &s One\nbody: b", {"subject": "Two"}, "subject: &s Two\nbody: b"),
    "an anchored list": (
        "subject: One\nbody: b\nlists: &l [italia, club]",
        {"lists": ["italia"]},
        "subject: One\nbody: b\nlists: &l [italia]",
    ),
    "a time in its zone": (
        "subject: One\nbody: b\nlists: [italia]\nschedule: 2027-01-20T10:00:00+01:00  # Wednesday",
        {"schedule": "2027-01-21T10:00:00Z"},
        "subject: One\nbody: b\nlists: [italia]\nschedule: 2027-01-21T11:00:00+01:00  # Wednesday",
    ),
    "no time any more": (
        "subject: One\nbody: b\nlists: [italia]\nschedule: 2027-01-20T10:00:00+01:00",
        {"schedule": None},
        "subject: One\nbody: b\nlists: [italia]\nschedule: null",
    ),
    "carriage returns": (
        "subject: One\r\nbody: |\r\n  1\r\n  2\r\nvisible: true\r\n",
        {"body": "1\n3\n4", "visible": False},
        "subject: One\r\nbody: |\r\n  1\r\n  3\r\n  4\r\nvisible: false\r\n",
    ),
}


def campaign(entry: str) -> str:
    """A manifest whose campaign "it" is written so, between others."""
    end = "\r\n" if "\r\n" in entry else "\n"
    braces = entry.startswith("{")
    body = f" {entry}{end}" if braces else end + "".join(_indented(line) for line in entry.splitlines(keepends=True))
    head = f"# top{end}{end}squalomail:{end}  campaigns:{end}    # it{end}    it:"
    body += "" if body.endswith("\n") else end
    return f"{head}{body}{end}    # other{end}    zz: {{subject: Z, body: z}}{end}"


def _indented(line: str) -> str:
    return f"      {line}" if line.strip() else line


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(project: Project, name: str) -> None:
    before, edit, after = GOLDEN[name]
    project.write(lists=LISTS, all=campaign(before))
    project.apply()
    ids = {one: int(id_of(project.world, address("list", one))) for one in ("italia", "club", "slovenija")}
    members = dict(edit)
    if "lists" in members:
        members["listIds"] = [ids[one] for one in members.pop("lists")]
    project.edit("campaign", "it", **members)
    outcome = project.pull()
    assert not outcome.left
    assert project.text() == campaign(after)
    assert outcome.files == ("manifests/all.yaml",)
    assert project.is_in_sync()
    assert not project.pull().written


def test_bodies_go_back_to_their_files(project: Project) -> None:
    project.put("emails/it.html", "\ufeff<p>1</p>\r\n<p>2</p>\r\n\r\n")
    project.put("emails/it.txt", "no end")
    manifest = campaign("subject: One\nbodyFile: emails/it.html\naltBodyFile: emails/it.txt  # text")
    project.write(all=manifest)
    project.apply()
    project.edit("campaign", "it", body="<p>1</p>\n<p>3</p>\n<p>4</p>", altBody="still none")
    outcome = project.pull()
    assert outcome.files == ("emails/it.html", "emails/it.txt")
    assert project.text("emails/it.html") == "\ufeff<p>1</p>\r\n<p>3</p>\r\n<p>4</p>\r\n\r\n"
    assert project.text("emails/it.txt") == "still none"
    assert project.text() == manifest
    assert project.is_in_sync()


def test_a_file_of_two_entries_is_only_written_if_both_agree(project: Project) -> None:
    project.put("emails/it.html", "<p>1</p>\n")
    project.write(
        all="squalomail:\n  campaigns:\n"
        "    a: {subject: A, bodyFile: emails/it.html}\n    b: {subject: B, bodyFile: emails/it.html}\n"
    )
    project.apply()
    project.edit("campaign", "a", body="<p>2</p>")
    outcome = project.pull()
    assert [finding.detail for finding in outcome.left] == [
        "squalomail.campaign.a: body changed outside, but it is in emails/it.html, which is also the file of "
        "squalomail.campaign.b."
    ]
    assert project.text("emails/it.html") == "<p>1</p>\n"
    project.edit("campaign", "b", body="<p>2</p>")
    assert not project.pull().left
    assert project.text("emails/it.html") == "<p>2</p>\n"
    assert project.is_in_sync()


def test_expressions_are_kept_and_reported(project: Project) -> None:
    manifest = campaign('subject: "One${var.suffix}"\nbody: b\nfromName: A')
    project.write(all=manifest)
    project.apply()
    project.edit("campaign", "it", subject="Two", fromName="B")
    outcome = project.pull()
    assert [str(finding.location) for finding in outcome.left] == ["manifests/all.yaml:7:7"]
    assert "an expression stands there" in outcome.left[0].detail
    assert project.text() == manifest.replace("fromName: A", "fromName: B")
    step = project.world.plan(project.load().resources).steps[address("campaign", "it")]
    assert [change.name for change in step.changes] == ["subject"]


def test_what_comes_from_defaults_is_written_at_the_entry(project: Project) -> None:
    project.defaults = "defaults: {squalomail: {campaign: {fromName: A, language: it}}}\n"
    project.write(all=campaign("subject: One  # s\nbody: |\n  b\n\n# end"))
    project.apply()
    project.edit("campaign", "it", fromName="B", language="en")
    assert not project.pull().left
    assert project.text() == campaign("subject: One  # s\nfromName: B\nlanguage: en\nbody: |\n  b\n\n# end")
    assert project.is_in_sync()


def test_a_list_that_no_entry_stands_for_is_reported(project: Project) -> None:
    project.write(lists=LISTS, all=campaign("subject: One\nbody: b\nlists: [italia]"))
    project.apply()
    stranger = project.person.make("list", name="Stranger")
    project.edit("campaign", "it", listIds=[int(stranger)])
    outcome = project.pull()
    assert f"no entry stands for the list with the id {stranger}" in outcome.left[0].detail
    assert not outcome.written


def test_the_entry_of_a_deleted_object_is_taken_out(project: Project) -> None:
    project.write(lists=LISTS)
    project.apply()
    project.person.delete("list", id_of(project.world, address("list", "club")))
    outcome = project.pull()
    assert [(out.address, out.comments) for out in outcome.taken_out] == [(address("list", "club"), ())]
    assert not outcome.left
    assert address("list", "club") not in project.load().resources


def test_what_no_manifest_may_say_holds_nothing_else_back(project: Project) -> None:
    project.write(lists=LISTS)
    project.apply()
    before = project.text("manifests/lists.yaml")
    project.edit("list", "club", name="C")
    project.edit("list", "italia", name="I")

    def reload() -> Manifests:
        found = project.load()
        if found.resources[address("list", "italia")].attributes["name"] == "I":
            raise InvalidInput("No list may be called I.")  # as of what the platform takes and manifests don't
        return found

    with project.world.store.lock("pull") as locked:
        drafts = Drafts(project.root, Scope(VARIABLES))
        outcome = pull(project.world.workspace, locked, project.load(), drafts, reload)
    assert [pulled.address.name for pulled in outcome.written] == ["club"]
    (left,) = outcome.left
    assert left.detail.startswith("squalomail.list.italia: no manifest may say what is live")
    assert left.hint is not None
    assert "--target squalomail.list.italia --overwrite-drift" in left.hint
    assert project.text("manifests/lists.yaml") == before.replace("{name: Club}", "{name: C}")


def test_only_the_targets(project: Project) -> None:
    project.write(lists=LISTS)
    project.apply()
    project.edit("list", "club", name="C")
    project.edit("list", "italia", name="I")
    outcome = project.pull(address("list", "club"))
    assert [pulled.address.name for pulled in outcome.written] == ["club"]
    assert project.text("manifests/lists.yaml") == LISTS.replace("{name: Club}", "{name: C}")


def test_a_conflict_takes_the_outside_edit_and_says_so(project: Project) -> None:
    project.write(lists=LISTS)
    project.apply()
    project.edit("list", "club", name="Outside")
    project.write(lists=LISTS.replace("name: Club", "name: Manifest").replace("name: Italia", "name: Mine"))
    outcome = project.pull()
    assert [(pulled.before, pulled.after, pulled.conflict) for pulled in outcome.written] == [
        ("Manifest", "Outside", True)
    ]
    plan = project.world.plan(project.load().resources)
    assert [step.address.name for step in plan.changes] == ["italia"]


TEMPLATE = """\
squalomail:
  templates:
    base: {subject: Base, body: "<p>{{x}}</p>"}
  campaigns:
    it:
      subject: One
      # what is filled in
      template: base  # from here
      templateCustomAttributes:
        texts:
          x: {value: one}  # inner
      # end
      fromName: A
"""


def test_the_body_of_a_templates_campaign_is_reported(project: Project) -> None:
    project.write(all=TEMPLATE)
    project.apply()
    project.edit("campaign", "it", body="<p>by hand</p>", fromName="B")
    outcome = project.pull()
    assert ["--detach" in finding.detail for finding in outcome.left] == [True]
    assert project.text() == TEMPLATE.replace("fromName: A", "fromName: B")


def test_detach(project: Project) -> None:
    project.write(all=TEMPLATE)
    project.apply()
    project.edit("campaign", "it", body="<p>by hand</p>", fromName="B")
    outcome = project.pull(detach=True)
    assert not outcome.left
    assert project.text("emails/it.html") == "<p>by hand</p>\n"
    removed, added = differing(TEMPLATE, project.text())
    assert added == ["      fromName: B", "      bodyFile: emails/it.html"]
    assert [line.strip() for line in removed] == [
        "template: base  # from here",
        "templateCustomAttributes:",
        "texts:",
        "x: {value: one}  # inner",
        "fromName: A",
    ]
    assert project.is_in_sync()


def test_what_was_made_from_a_changed_template_is_named(project: Project) -> None:
    project.write(all=TEMPLATE)
    project.apply()
    project.edit("template", "base", body="<p>new {{x}}</p>")
    outcome = project.pull()
    assert [(finding.code, finding.severity) for finding in outcome.left] == [("rendered-before", Severity.WARNING)]
    plan = project.world.plan(project.load().resources)
    assert {str(step.address): step.action.value for step in plan.changes} == {"squalomail.campaign.it": "replace"}


def test_shared_entries_are_reported(project: Project) -> None:
    manifest = "squalomail:\n  lists:\n    a: &a {name: A, listTags: [x], allowDuplicate: true}\n    b: *a\n"
    project.write(all=manifest)
    colleague(project.world)
    project.world.apply(project.load().resources, ALL)
    project.edit("list", "b", name="B")
    project.edit("list", "a", name="C")
    assert [finding.detail.partition(", but ")[2] for finding in project.pull().left] == [
        "other entries are aliases of its entry; write their values out.",
        "its entry is an alias of another one; write its values out.",
    ]
    assert project.text() == manifest


def test_a_write_that_says_too_much_is_taken_back(project: Project) -> None:
    project.write(lists=LISTS)
    project.apply()
    project.edit("list", "club", name="C")
    wrong = project.load()
    drafts = Drafts(project.root, Scope())
    with project.world.store.lock("pull") as locked:
        outcome = pull(project.world.workspace, locked, project.load(), drafts, lambda: wrong)
    assert not outcome.written
    assert [found.detail.partition(":")[0] for found in outcome.left] == ["squalomail.list.club"]
    assert project.text("manifests/lists.yaml") == LISTS
    assert not list(project.root.rglob("*.tmp-*"))


def test_an_entry_under_a_new_name(project: Project) -> None:
    project.write(lists=LISTS)
    project.apply()
    project.edit("list", "club", name="C")
    moved = LISTS.replace("club: {name: Club}", "members: {name: Club, was: [club]}")
    project.write(lists=moved)
    assert not project.pull().left
    assert project.text("manifests/lists.yaml") == moved.replace("name: Club", "name: C")
    # The new name is these manifests' alone until they are applied.
    assert {step.action for step in project.world.plan(project.load().resources).changes} == {Action.MOVE}
    project.apply()
    assert project.is_in_sync()
    state = project.world.store.read()
    assert state is not None
    assert {where.name for where in state.resources} == {"italia", "members", "slovenija"}


def test_a_byte_order_mark_and_wide_characters_stay(project: Project) -> None:
    manifest = "\ufeff# \U0001f600\n" + LISTS.replace("Italia", '"\U0001f600 Italia"  # \U0001f600', 1)
    manifest = manifest.replace(
        '{name: "\U0001f600 Italia"  # \U0001f600}', '{name: "\U0001f600 Italia"}  # \U0001f600'
    )
    project.write(lists=manifest)
    project.apply()
    project.edit("list", "italia", name="\U0001f600\U0001f600")
    project.edit("list", "slovenija", name="S")
    assert not project.pull().left
    expected = manifest.replace("\U0001f600 Italia", "\U0001f600\U0001f600").replace("name: Slovenija", "name: S")
    assert project.text("manifests/lists.yaml") == expected
    assert project.is_in_sync()


def test_what_no_manifest_has_any_more_is_reported(project: Project) -> None:
    project.write(lists=LISTS)
    project.apply()
    project.edit("list", "club", name="C")
    project.write(lists=LISTS.replace("    club: {name: Club}\n", ""))
    assert ["no manifest has it any more" in finding.detail for finding in project.pull().left] == [True]


# Generated manifests


def commented(dice: random.Random) -> str:
    return dice.choice(["", "", "  # note", "  # a, b: [c]", "  # 'quoted'"])


def spelled(dice: random.Random, text: str) -> str:
    """A text in any of its spellings; the words are safe in all of them."""
    return dice.choice([text, f'"{text}"', f"'{text}'"])


def line_of(dice: random.Random, name: str, value: str) -> list[str]:
    above = dice.choice([[], [], [""], ["# above", ""], ["", "# above"]])
    return [*above, f"{name}: {value}{commented(dice)}"]


def listed(dice: random.Random, items: list[str]) -> str:
    if not items or dice.random() < 0.5:
        return f"[{', '.join(items)}]"
    comment = dice.choice(["", "\n  # last"])
    return "".join(f"\n  - {item}{commented(dice)}" for item in items) + comment


WORDS = ["Uno", "due tre", "Quattro 4", "è così", "cinque-sei"]
TAGS = ["x", "y", "z"]


def generated(seed: int) -> tuple[str, dict[Address, dict[str, Any]]]:
    """A manifest with comments all over, and an outside edit of some of its values."""
    dice = random.Random(seed)
    edits: dict[Address, dict[str, Any]] = {}
    lines = ["# top", "", "squalomail:", *dice.choice([[], ["  # lists"]]), "  lists:"]
    for name in ("italia", "club"):
        members = line_of(dice, "name", spelled(dice, f"List {name}"))
        members += line_of(dice, "color", '"#112233"') if dice.random() < 0.7 else []
        members += line_of(dice, "listTags", listed(dice, dice.sample(TAGS, dice.randrange(1, 4))))
        members += line_of(dice, "ordering", str(dice.randrange(9))) if dice.random() < 0.5 else []
        lines += [f"    {name}:", *_nested(members), *dice.choice([[], [""], ["", "    # next"]])]
        edits[address("list", name)] = _some(
            dice,
            members,
            name=lambda: f"{dice.choice(WORDS)} {dice.randrange(10**6)}",
            color=lambda: "#aabbcc",
            listTags=lambda: dice.sample([*TAGS, "new"], dice.randrange(4)),
            ordering=lambda: 99,
        )
    lines += ["  campaigns:  # all", f"    it:{commented(dice)}"]
    members = line_of(dice, "subject", spelled(dice, "Spring"))
    members += line_of(dice, "fromName", f"&who {spelled(dice, 'Elena')}")
    members += line_of(dice, "replyToName", "*who") if dice.random() < 0.5 else []
    members += line_of(dice, "visible", dice.choice(["true", "false"]))
    members += line_of(dice, "body", dice.choice(["|\n  <p>1</p>\n  <p>2</p>", '"<p>1</p>"', ">-\n  <p>1\n  2</p>"]))
    members += line_of(dice, "lists", listed(dice, dice.sample(["italia", "club"], dice.randrange(3))))
    members += line_of(dice, "altBody", "plain words")
    lines += [*_nested(members), *dice.choice([[], ["", "# the end"], ["    # the end"]])]
    edits[address("campaign", "it")] = _some(
        dice,
        members,
        subject=lambda: dice.choice(['Say "hi": now', "it's #1", " padded ", "- dash", "12", "Spring 2"]),
        fromName=lambda: dice.choice(WORDS),
        replyToName=lambda: "Matej",
        body=lambda: dice.choice(["<p>1</p>\n<p>3</p>", "<p>one line</p>", "  <p>indented</p>\n<p>x</p>"]),
        lists=lambda: dice.sample(["italia", "club"], dice.randrange(3)),
        altBody=lambda: dice.choice(["other words", "two\nlines", "#"]),
    )
    return "\n".join(lines) + "\n", {where: edit for where, edit in edits.items() if edit}


def _nested(members: list[str]) -> list[str]:
    lines = [line for member in members for line in member.split("\n")]
    return [f"      {line}" if line else "" for line in lines]


def _some(dice: random.Random, members: list[str], **values: Callable[[], Any]) -> dict[str, Any]:
    there = {member.partition(":")[0] for member in members}
    return {name: value() for name, value in values.items() if name in there and dice.random() < 0.4}


def _untouched(text: str, edits: Mapping[Address, Mapping[str, Any]]) -> list[str]:
    """The lines that no edit has any business with: neither in an edited value, nor with the anchor it may move."""
    names = {name for edit in edits.values() for name in edit} | ({"replyToName"} if edits else set())
    kept = []
    inside = False
    for line in text.split("\n"):
        name = line.strip().partition(":")[0]
        starts = line.startswith("      ") and not line.startswith("       ") and not line.strip().startswith("#")
        if line.strip() and (starts or not line.startswith("      ")):
            inside = starts and name in names
        if not inside:
            kept.append(line)
    return kept


@pytest.mark.parametrize("batch", range(examples(2, 10)))
def test_generated_manifests(tmp_path: Path, batch: int) -> None:
    for seed in range(batch * 20, batch * 20 + 20):
        project = Project(tmp_path / str(seed))
        text, edits = generated(seed)
        project.write(all=text)
        project.apply()
        before = {where: dict(found.attributes) for where, found in project.load().resources.items()}
        for where, edit in edits.items():
            members = dict(edit)
            if "lists" in members:
                ids = [id_of(project.world, address("list", name)) for name in members.pop("lists")]
                members["listIds"] = [int(id_) for id_ in ids]
            project.edit(where.kind, where.name, **members)
        outcome = project.pull()
        after = project.text()
        assert not outcome.left, (seed, outcome.left)
        assert project.is_in_sync(), seed
        assert sorted(comments(after)) == sorted(comments(text)), seed
        assert _untouched(after, edits) == _untouched(text, edits), seed
        for where, found in project.load().resources.items():
            for name, value in found.attributes.items():
                assert value == before[where][name] or name in edits.get(where, {}), (seed, where, name)
        project.world.close()


def test_more_people_than_were_approved_are_put_on_record_and_no_file_changes(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write(
        all="squalomail:\n  lists: {news: {name: News}}\n  campaigns:\n    mail:\n"
        "      {subject: S, body: <p>1</p>, fromEmail: a@example.com, fromName: A, lists: [news], "
        "schedule: 2027-01-20T09:00:00Z}\n"
    )
    project.apply()
    id_ = int(id_of(project.world, address("list", "news")))
    project.world.api("create-recipient", email="p@example.com", name="P", listIds=[id_])
    assert not project.is_in_sync()
    before = project.text()
    outcome = project.pull()
    assert {str(where): [grown.now for grown in more] for where, more in outcome.reached.items()} == {
        "squalomail.campaign.mail": [1]
    }
    assert (outcome.written, outcome.left, project.text()) == ([], [], before)
    assert project.is_in_sync()
