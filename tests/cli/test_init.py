"""``init``: what it writes validates, applies to the sandbox, and has what editors and CI need."""

import json
from pathlib import Path

import pytest
import yaml

from reconcile.cli.main import run
from tests.cli.conftest import Project

CHOICES = [
    (),
    ("--provider", "gatormail", "--zone", "Europe/Rome", "--ci", "github"),
    (
        *("--provider", "squalomail", "--provider", "gatormail", "--zone", "America/New_York"),
        *("--environments", "staging,production", "--ci", "gitlab"),
    ),
    ("--environments", "", "--ci", "other"),
]


@pytest.mark.parametrize("choice", CHOICES, ids=["usual", "gatormail", "both", "bare"])
def test_what_it_writes_validates_and_applies(tmp_path: Path, choice: tuple[str, ...]) -> None:
    new = Project(tmp_path / "new")
    assert run(["init", str(new.root), *choice]) == 0
    environments = yaml.safe_load((new.root / "reconcile.yaml").read_text()).get("environments", {})
    for name in ("default", *environments):
        told = new.run("--env", name, "validate")
        assert (told.code, told.err) == (0, "")
    assert new.run("fmt", "--check").code == 0
    assert new.run("apply", "--auto-approve").code == 0
    assert new.run("plan", "--detailed-exitcode").code == 0
    for path in [new.root / "reconcile.yaml", *(new.root / "manifests").glob("*.yaml")]:
        named = path.read_text().split("\n")[0].removeprefix("# yaml-language-server: $schema=")
        assert "$schema" in json.loads((path.parent / named).read_text())


def test_a_schedule_that_is_taken_out_of_its_comment_is_planned(tmp_path: Path) -> None:
    new = Project(tmp_path / "new")
    assert run(["init", str(new.root), "--zone", "Europe/Rome"]) == 0
    new.replace("manifests/newsletter.yaml", "# schedule", "schedule")
    told = new.run("plan")
    assert told.code == 0, told.err
    assert "Sends (1)" in told.out


def test_a_pipeline_has_the_names_that_sign_in(tmp_path: Path) -> None:
    new = Project(tmp_path / "new")
    assert run(["init", str(new.root), *CHOICES[1], "--environments", "staging,production"]) == 0
    text = (new.root / ".github/workflows/reconcile.yml").read_text()
    assert "@@" not in text
    assert text.count("GATOR_PASSWORD: ${{ secrets.GATOR_PASSWORD }}") == 4
    assert yaml.safe_load(text)["env"]["RECONCILE_ENV"] == "production"
    assert run(["init", str(tmp_path / "lab"), *CHOICES[2]]) == 0
    pipeline = yaml.safe_load((tmp_path / "lab/.gitlab-ci.yml").read_text())
    assert pipeline["variables"]["RECONCILE_ENV"] == "production"
    assert pipeline["plan"]["artifacts"]["reports"]["dotenv"] == ".reconcile/ci/production/plan.env"


def test_all_that_is_wrong_with_its_options_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = ("--provider", "squalomial,gator", "--zone", "Rome", "--environments", "a b,c d")
    assert run(["init", *wrong]) != 0
    told = capsys.readouterr().err
    for said in ("squalomial", "gator", "Rome", "a b", "c d"):
        assert f'"{said}"' in told
    assert 'Did you mean "squalomail"?' in told
    assert run(["init", "--provider", "squalomail,gatormail"]) == 0
    assert "Made a project here. Next: reconcile plan" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "manifests").iterdir()} == {"launch.yaml", "newsletter.yaml"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--zone", "Europe/Rom"), 'Did you mean "Europe/Rome"?'),
        (("--zone", ""), "There is no time zone"),
        (("--environments", "a b"), "can't be the name of an environment"),
        (("--environments", "default"), "can't be the name of an environment"),
        (("--provider", "mailchimp"), "mailchimp"),
        (("--ci", "jenkins"), "is not one of"),
    ],
)
def test_what_can_t_be_is_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], said: str
) -> None:
    assert run(["init", str(tmp_path / "new"), *given]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
