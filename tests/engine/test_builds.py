"""Mails that are built: in sync once applied, edits of others told and never written into a source, builders."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile.engine.drift import drift
from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.model.resource import Resource
from reconcile.planner.make import Request
from reconcile.planner.plan import Plan
from tests.engine.project import ALL, Project
from tests.world import address

MJML = """\
<mjml><mj-body><mj-section><mj-column>
<mj-text>Hello {subtag:name}</mj-text>
<!-- reconcile:part foot -->
</mj-column></mj-section></mj-body></mjml>
"""
FOOT = "<mj-text>{unsubscribe}Out{/unsubscribe}</mj-text>\n"
MANIFEST = """\
squalomail:
  lists: {news: {name: News}}
  templates:
    base: {subject: Base, bodyFile: emails/base.html}
  campaigns:
    mjml: {subject: Spring, bodyFile: emails/spring.mjml, lists: [news]}
    parts: {subject: Summer, bodyFile: emails/summer.html, lists: [news]}
    plain: {subject: Autumn, body: "<p>{unsubscribe}Out{/unsubscribe}</p>", lists: [news]}
    made: {subject: Winter, template: base, lists: [news]}
gatormail:
  groups: {all: {name: All}}
  campaigns:
    launch:
      {name: L, subject: S, fromName: A, fromAddress: a@b.example, replyTo: a@b.example, group: all, type: Static,
       startDate: 2036-12-01T09:00:00Z, email: {name: M, htmlFile: emails/launch.mjml, text: Out}}
"""
BUILT = {
    address("campaign", "mjml"),
    address("campaign", "parts"),
    address("template", "base"),
    address("campaign", "launch", "gatormail"),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return made_in(tmp_path)


def made_in(folder: Path) -> Project:
    project = Project(folder)
    project.write(all=MANIFEST)
    project.put("emails/spring.mjml", MJML)
    project.put("emails/launch.mjml", MJML.replace("<!-- reconcile:part foot -->", "<mj-text>#[UNSUB]#</mj-text>"))
    project.put("emails/summer.html", "<p>Summer</p>\n<!-- reconcile:part small -->\n")
    project.put("emails/base.html", "<p>Base</p><!-- reconcile:part small -->")
    project.put("parts/foot.html", FOOT)
    project.put("parts/small.html", "<small>{unsubscribe}Out{/unsubscribe}</small>")
    return project


def written(plan: Plan) -> set[Address]:
    return {step.address for step in plan.steps.values() if step.writes}


def newer(resources: Mapping[Address, Resource]) -> dict[Address, Resource]:
    """The resources as another builder makes them: of the same sources something else."""
    return {
        where: replace(
            one,
            attributes={**one.attributes, **{name: f"{one.attributes[name]}<i></i>" for name in one.builds}},
            builds={name: replace(made, builder="newer 2") for name, made in one.builds.items()},
        )
        for where, one in resources.items()
    }


def test_what_was_built_is_in_sync_once_applied_and_its_digests_are_on_record(project: Project) -> None:
    project.apply()
    assert project.is_in_sync()
    kept = project.world.store.read().resources
    assert {where for where, one in kept.items() if one.builds} == BUILT
    record = kept[address("campaign", "mjml")]
    assert record.builds["body"].builder.startswith("reconcile-build 1 mjml-python ")
    assert record.attributes["body"].sha256 != record.builds["body"].source


def test_a_changed_part_changes_the_mails_that_use_it_and_no_other(project: Project) -> None:
    project.apply()
    project.put("parts/foot.html", FOOT.replace("Out", "Leave"))
    assert written(project.world.plan(project.load().resources)) == {address("campaign", "mjml")}
    project.put("parts/foot.html", FOOT)
    project.put("parts/small.html", "<small>{unsubscribe}Leave{/unsubscribe}</small>")
    plan = project.world.plan(project.load().resources)
    # The campaign that was made from the template has it, too.
    assert written(plan) == {address("campaign", name) for name in ("parts", "made")} | {address("template", "base")}


def test_another_builder_alone_changes_nothing_and_the_plan_says_so(project: Project) -> None:
    project.apply()
    desired = newer(project.load().resources)
    plan = project.world.plan(desired)
    assert written(plan) == set()
    (warning,) = [one for one in plan.warnings if "mjml-python" in one.detail]
    assert warning.code == "built-before"
    assert "--rebuild" in str(warning.hint)
    assert "newer 2" in warning.detail
    # Nor does an apply of that: what is on record stays what was applied.
    before = project.world.store.read().resources
    assert project.world.apply(desired, ALL)[0] == 0
    assert project.world.store.read().resources == before


def test_what_is_asked_to_be_rebuilt_is(project: Project) -> None:
    project.apply()
    desired = newer(project.load().resources)
    plan = project.world.plan(desired, Request(rebuild=True))
    assert written(plan) == BUILT | {address("campaign", "made")}
    code, events, _ = project.world.apply(desired, ALL, request=Request(rebuild=True))
    assert code == 0, events
    assert written(project.world.plan(desired)) == set()
    assert project.world.store.read().resources[address("campaign", "mjml")].builds["body"].builder == "newer 2"


def test_another_change_leaves_the_text_as_it_is_where_it_can_be_read(project: Project) -> None:
    project.apply()
    manifest = MANIFEST.replace("Spring", "Spring is here").replace("subject: S,", "subject: Soon,")
    project.write(all=manifest)
    desired = newer(project.load().resources)
    plan = project.world.plan(desired)
    changed = {step.address: [change.name for change in step.changes] for step in plan.changes}
    # What GatorMail has can't be read back, so that whatever writes the mail writes what is built now, and says so.
    assert changed == {
        address("campaign", "mjml"): ["subject"],
        address("campaign", "launch", "gatormail"): ["subject", "email.html"],
    }
    code, events, _ = project.world.apply(desired, ALL)
    assert code == 0, events
    assert written(project.world.plan(desired)) == set()


def test_what_was_edited_outside_is_put_back_as_it_is_built_now(project: Project) -> None:
    project.apply()
    project.edit("campaign", "mjml", body="<p>by hand</p>")
    plan = project.world.plan(newer(project.load().resources))
    (change,) = plan.steps[address("campaign", "mjml")].changes
    assert str(change.after).endswith("<i></i>")


def test_a_replacement_is_built_anew(project: Project) -> None:
    project.apply()
    where = address("campaign", "parts")
    plan = project.world.plan(newer(project.load().resources), Request(replace=(where,)))
    assert plan.steps[where].action is Action.REPLACE
    assert any("<i></i>" in str(call.arguments) for call in plan.steps[where].calls)


def test_an_edit_of_a_built_mail_is_drift_and_never_written_into_its_source(project: Project) -> None:
    project.apply()
    files = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    for name in ("mjml", "parts"):
        project.edit("campaign", name, body="<p>by hand</p>")
    found = {entry.address for entry in drift(project.world.workspace, project.world.store.read()).entries}
    assert found == {address("campaign", "mjml"), address("campaign", "parts")}
    outcome = project.pull()
    assert not outcome.written
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == files
    details = sorted(one.detail for one in outcome.left)
    assert "built from emails/spring.mjml, parts/foot.html" in details[0]
    assert "built from emails/summer.html, parts/small.html" in details[1]
    assert "--overwrite-drift" in details[0]


def test_line_ends_of_the_checkout_are_no_change(project: Project) -> None:
    project.apply()
    before = {where: one.builds for where, one in project.load().resources.items()}
    for path in (project.root / "parts").iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert {where: one.builds for where, one in project.load().resources.items()} == before


PIECES = st.lists(
    st.sampled_from(["Hello", "{subtag:name}", "&nbsp;", "<b>now</b>", "è €", "<!-- reconcile:part foot -->", "\n  "]),
    min_size=1,
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["mjml", "html"]), PIECES, PIECES, st.booleans(), st.booleans())
def test_build_apply_and_the_plan_is_empty(
    form: str, pieces: list[str], part: list[str], inline: bool, minify: bool
) -> None:
    with TemporaryDirectory() as folder:
        project = Project(Path(folder))
        text = " ".join(pieces)
        body = f"<body><style>p {{color: red}}</style><p>{text}</p></body>"
        if form == "mjml":
            section = f"<mj-section><mj-column><mj-text>{text}</mj-text></mj-column></mj-section>"
            body = f"<mjml><mj-body>{section}</mj-body></mjml>"
        project.put(f"emails/a.{form}", body)
        project.put("parts/foot.html", " ".join(piece for piece in part if "reconcile" not in piece))
        build_ = f"build: {{inline: {str(inline).lower()}, minify: {str(minify).lower()}}}"
        project.write(
            all=f"squalomail:\n  lists: {{news: {{name: News}}}}\n  campaigns:\n"
            f"    a: {{subject: A, bodyFile: emails/a.{form}, lists: [news], {build_}}}\n"
        )
        project.apply()
        assert project.is_in_sync()
        project.edit("campaign", "a", body="<p>by hand</p>")
        (entry,) = drift(project.world.workspace, project.world.store.read()).entries
        assert entry.address == address("campaign", "a")
        project.world.close()
