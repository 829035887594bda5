"""What is wrong with a mail is told where it stands, and keeps its entry from being written."""

import ast
import json
from dataclasses import fields
from pathlib import Path

import pytest

from reconcile.engine import mail_checks
from reconcile.mail.checks import Mail
from tests.cli.conftest import MANIFEST, Project
from tests.repository import git

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFLICT = "<p>Hello</p>\n<<<<<<< HEAD\n<p>One</p>\n=======\n<p>Two</p>\n>>>>>>> other\n"


@pytest.fixture
def broken(project: Project) -> Project:
    project.write("manifests/all.yaml", MANIFEST)
    project.write("emails/hello.html", CONFLICT)
    return project


@pytest.mark.parametrize("name", ["quickstart", "agency", "audience"])
def test_nothing_is_found_in_the_mails_of_the_examples(name: str) -> None:
    result = Project(EXAMPLES / name).run("validate")
    assert (result.code, result.err) == (0, "")


def test_an_error_has_its_file_and_line_and_blocks_its_entry_alone(broken: Project) -> None:
    result = broken.run("validate")
    assert result.code == 1
    assert "error[conflict-marker] emails/hello.html:2:1 (squalomail.campaign.hello)" in result.err
    assert broken.run("plan").code == 0
    applied = broken.run("apply", "--auto-approve")
    assert applied.code == 6  # the list is made, the campaign is not
    listed = broken.run("state", "list").out
    assert "squalomail.list.news" in listed
    assert "campaign" not in listed
    assert broken.run("apply", "--auto-approve").code == 3


def test_the_project_sets_how_bad_a_finding_is(broken: Project) -> None:
    text = (broken.root / "reconcile.yaml").read_text()
    broken.write("reconcile.yaml", text + "checks: {conflict-marker: warning}\n")
    result = broken.run("validate", "--format", "json")
    assert result.code == 0
    (found,) = [one for one in json.loads(result.out)["diagnostics"] if one["code"] == "conflict-marker"]
    assert found["severity"] == "warning"
    broken.write("reconcile.yaml", text + "checks: {conflict-maker: off}\n")
    result = broken.run("validate")
    assert result.code == 1
    assert 'Did you mean "conflict-marker"?' in result.err


@pytest.mark.parametrize(("until", "code"), [("2999-12-31", 0), ("2020-01-01", 1), ("soon", 1)])
def test_a_waiver_holds_until_its_day(broken: Project, until: str, code: int) -> None:
    waiver = f"      waive: [{{check: conflict-marker, reason: it is about git, until: '{until}'}}]\n"
    broken.write("manifests/all.yaml", MANIFEST + waiver)
    result = broken.run("validate")
    assert result.code == code, result.err
    assert ("waiver-over" in result.err) == (until == "2020-01-01")


def test_a_part_and_mjml_are_built_and_told_by_their_own_place(project: Project) -> None:
    project.write("manifests/all.yaml", MANIFEST.replace("hello.html", "hello.mjml"))
    inside = "<mj-text>Hi {unsubscribe}no more{/unsubscribe}</mj-text>"
    text = f"<mjml><mj-body>\n<mj-section><mj-column>{inside}</mj-column></mj-section></mj-body></mjml>"
    project.write("emails/hello.mjml", text)
    assert project.run("validate").code == 0
    assert project.run("apply", "--auto-approve").code == 0
    assert project.run("plan", "--detailed-exitcode").code == 0
    project.write("emails/hello.mjml", text.replace("mj-text>", "mj-txt>"))
    result = project.run("plan")
    assert result.code == 1
    assert "error[not-built] emails/hello.mjml:2:24" in result.err


def test_a_changed_part_replans_exactly_the_mails_that_use_it(project: Project) -> None:
    more = "    other: {subject: Other, bodyFile: emails/other.html, lists: [news]}\n"
    project.write("manifests/all.yaml", MANIFEST + more)
    project.write("emails/hello.html", "<p>a</p><!-- reconcile:part foot -->")
    project.write("emails/other.html", "<p>b</p>")
    project.write("parts/foot.html", "<p>one</p>\n")
    assert project.run("apply", "--auto-approve").code == 0
    project.write("parts/foot.html", "<p>two</p>\n")
    plan = json.loads(project.run("plan", "--format", "json").out)
    changed = [one["address"] for one in plan["resource_changes"] if one["change"]["actions"] != ["no-op"]]
    assert changed == ["squalomail.campaign.hello"]


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 87518\n"


def test_what_stands_in_for_a_part_is_told_at_the_part(project: Project) -> None:
    project.write("manifests/all.yaml", MANIFEST)
    project.write("emails/hello.html", "<p>a</p><!-- reconcile:part foot -->")
    project.write("parts/foot.html", LFS)
    result = project.run("validate")
    assert result.code == 1
    assert "error[stand-in] parts/foot.html:1:1" in result.err
    project.write("parts/foot.html", "<p>b</p>\n>>>>>>> other\n")
    assert "error[conflict-marker] parts/foot.html:2:1" in project.run("validate").err


@pytest.mark.parametrize(("content", "said"), [(LFS, "Git LFS"), (CONFLICT, "unfinished merge")])
def test_a_source_that_is_none_says_so(project: Project, content: str, said: str) -> None:
    project.write("manifests/all.yaml", MANIFEST.replace("hello.html", "hello.mjml"))
    project.write("emails/hello.mjml", content)
    result = project.run("validate")
    assert result.code == 1
    assert said in result.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<p>è</p>".encode("utf-16"), "UTF-16"),
        (b"\0GITCRYPT\0\xff\xfe", "git-crypt"),
        ("<p>è</p>".encode("latin-1"), "0xe8"),
    ],
)
def test_files_that_are_no_text_say_what_they_are(project: Project, content: bytes, said: str) -> None:
    project.write("manifests/all.yaml", MANIFEST)
    project.write("emails/hello.html", content)
    result = project.run("validate")
    assert result.code == 1
    assert said in result.err


def test_findings_are_written_for_ci_systems(broken: Project) -> None:
    sarif, junit = broken.root / "found.sarif", broken.root / "found.xml"
    assert broken.run("validate", "--sarif", str(sarif), "--junit", str(junit)).code == 1
    (result,) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("conflict-marker", "error")
    assert 'name="squalomail.campaign.hello"' in junit.read_text()
    assert 'failures="1"' in junit.read_text()


SMALL = '<p>Our letter</p><p style="color:#bbb">Small print</p><p>Hello {subtag:name},</p>'


def test_a_plan_tells_what_the_change_brings_before_what_was_so(project: Project) -> None:
    project.write("manifests/all.yaml", MANIFEST)
    project.write("emails/hello.html", SMALL)
    assert project.run("apply", "--auto-approve").code == 0
    project.write("emails/hello.html", SMALL.replace("Our letter", 'Our letter <a href="#">here</a>'))
    sarif = project.root / "found.sarif"
    result = project.run("plan", "--sarif", str(sarif))
    new, old = result.out.index("warning[links]"), result.out.index("warning[contrast]")
    assert new < old
    assert result.out.count("(it was so before)") == 2  # contrast, and the greeting without a fallback
    assert "(it was so before)" not in result.out[new : result.out.index("\n", new)]
    found = {each["ruleId"]: each.get("properties") for each in json.loads(sarif.read_text())["runs"][0]["results"]}
    assert found["links"] is None
    assert found["contrast"] == {"standing": True}
    page = project.run("plan", "--format", "html").out
    assert page.index("leads nowhere") < page.index("it was so before")


def test_what_blocks_a_plan_is_in_its_files_too(broken: Project) -> None:
    sarif, junit = broken.root / "found.sarif", broken.root / "found.xml"
    assert broken.run("plan", "--sarif", str(sarif), "--junit", str(junit)).code == 0
    (result,) = [each for each in json.loads(sarif.read_text())["runs"][0]["results"] if each["level"] == "error"]
    assert result["ruleId"] == "conflict-marker"
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "squalomail.campaign.hello"
    assert 'failures="1"' in junit.read_text()


def test_validate_tells_what_is_not_committed_first(project: Project) -> None:
    project.write("manifests/all.yaml", MANIFEST)
    project.write("emails/hello.html", SMALL)
    git(project.root, "init", "-q")
    git(project.root, "add", "-A")
    git(project.root, "commit", "-qm", "x")
    assert "it was so before" not in project.run("validate").err
    project.write(
        "manifests/more.yaml",
        'squalomail: {campaigns: {zweite: {subject: "Zweite", bodyFile: emails/zweite.html, lists: [news]}}}\n',
    )
    project.write("emails/zweite.html", SMALL.replace("Our letter", "Lorem ipsum dolor"))
    told = project.run("validate").err
    assert told.index("emails/zweite.html") < told.index("emails/hello.html")
    assert "(it was so before)" in told[told.index("emails/hello.html") :]
    assert "(it was so before)" not in told[: told.index("emails/hello.html")]


ZONED = """\
version: 1
providers:
  gatormail: {type: gatormail, url: "sandbox:", instance: example_testlz, timezone: Europe/London}
"""


@pytest.mark.parametrize(
    ("start", "found"),
    [("2031-07-01T09:00:00+00:00", True), ("2031-01-15T09:00:00+01:00", True), ("2031-07-01T09:00:00+01:00", False)],
)
def test_an_offset_that_is_not_the_zones_then_is_told_where_it_stands(tmp_path: Path, start: str, found: bool) -> None:
    project = Project(tmp_path)
    project.write("reconcile.yaml", ZONED)
    project.write(
        "manifests/all.yaml",
        "gatormail:\n  campaigns:\n    launch:\n      name: Launch\n      subject: We open\n"
        "      fromAddress: hello@acme.example\n      fromName: Acme\n      type: Static\n"
        f"      startDate: {start}\n      email: {{name: Launch, html: <p>We open</p>, text: We open}}\n",
    )
    told = project.run("validate").err
    assert ("warning[zone-offset] manifests/all.yaml:9:7" in told) is found, told


def test_checks_are_given_all_that_they_ask_for() -> None:
    source = (Path(mail_checks.__file__)).read_text(encoding="utf-8")
    (made,) = [
        call
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Mail"
    ]
    assert {keyword.arg for keyword in made.keywords} == {field.name for field in fields(Mail)}
