"""What is for which environment: entries, files, overrides, variables of any shape; one beside another; promoted."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from reconcile.sandbox import Sandbox
from tests.cli.conftest import Project
from tests.outside import Colleague

AGENCY = Path(__file__).parents[2] / "examples" / "agency"
SETTINGS = """\
version: 1
providers:
  shop: {type: squalomail, url: "sandbox:", account: "4711"}
variables:
  suffix: null
  everybody: [news, club]
  texts: {a: {value: "${env.WORD:-Hi}"}}
defaults: {shop: {campaign: {fromName: Ada, language: it}}}
policy: {maxDeleteCount: 5, targets: {maxAudience: 10}}
environments:
  staging:
    variables: {suffix: " (test)", everybody: [testers]}
    policy: {targets: null}
    defaults: {shop: {campaign: {language: null}}}
  production: {variables: {suffix: ""}}
"""
MANIFEST = """\
shop:
  lists:
    news: {name: News, overrides: {staging: {color: "#ff0000"}}}
    club: {name: Club, color: "#00ff00", overrides: {staging: {color: null}}}
    testers: {name: Testers, only: [staging]}
  templates:
    base: {subject: Base, body: "<p>{{a}}</p>"}
  campaigns:
    spring:  # the big one
      subject: "Spring${var.suffix}"
      template: base
      templateCustomAttributes: {texts: "${var.texts}"}
      lists: "${var.everybody}"
      schedule: 2099-12-01T09:00:00Z
      overrides: {staging: {schedule: null}}
    plain: {subject: Plain, bodyFile: emails/plain.html, overrides: {staging: {body: "<p>short</p>"}}}
"""
PRODUCTION = "shop: {lists: {vip: {name: VIP}}}\n"
# `testers` is staging's alone, and `everybody` must not name it elsewhere.


@pytest.fixture
def two(tmp_path: Path) -> Project:
    made = Project(tmp_path / "two")
    made.write("reconcile.yaml", SETTINGS)
    made.write("manifests/all.yaml", MANIFEST)
    made.write("manifests/production/vip.yaml", PRODUCTION)
    made.write("emails/plain.html", "<p>long</p>\n")
    return made


def planned(project: Project, environment: str) -> dict[str, dict[str, Any]]:
    """What a plan is to make, by address."""
    done = project.run("--env", environment, "plan", "--format", "json")
    assert done.code == 0, done.err
    resources = json.loads(done.out)["planned_values"]["root_module"]["resources"]
    return {one["address"]: one["values"] for one in resources}


def test_each_environment_has_what_is_for_it(two: Project) -> None:
    staging, production = planned(two, "staging"), planned(two, "production")
    assert sorted(staging.keys() ^ production.keys()) == ["shop.list.testers", "shop.list.vip"]
    spring = "shop.campaign.spring"
    assert (staging[spring]["subject"], production[spring]["subject"]) == ("Spring (test)", "Spring")
    assert (len(staging[spring]["lists"]), len(production[spring]["lists"])) == (1, 2)
    assert staging[spring]["schedule"] is None
    assert production[spring]["schedule"] == "2099-12-01T09:00:00Z"
    assert staging[spring]["templateCustomAttributes"] == {"texts": {"a": {"value": "Hi"}}}
    assert ("language" in staging[spring], "language" in production[spring]) == (False, True)
    assert staging["shop.list.news"]["color"] == "#ff0000"
    assert "color" not in production["shop.list.news"]
    assert "color" not in staging["shop.list.club"]
    assert staging["shop.campaign.plain"]["body"]["length"] == len("<p>short</p>")
    assert production["shop.campaign.plain"]["body"]["length"] == len("<p>long</p>")


def test_validate_goes_through_every_environment(two: Project) -> None:
    done = two.run("validate")
    assert (done.code, done.out) == (0, "Valid: 6 entries (6 in staging, 6 in production).\n")
    two.replace("manifests/all.yaml", 'color: "#ff0000"', "colr: x")
    two.replace("manifests/production/vip.yaml", "VIP", "1")
    told = two.run("validate")
    assert told.code == 1
    assert "In staging." in told.err
    assert "In production." in told.err
    assert two.run("--env", "production", "validate").err.count("error[") == 1


def test_a_variable_that_no_environment_sets_is_told(two: Project) -> None:
    two.replace("reconcile.yaml", 'suffix: " (test)", ', "")
    assert two.run("validate").code == 0, "it can be given with --var"
    two.replace("reconcile.yaml", 'variables: {suffix: ""}', "variables: {}")
    told = two.run("validate")
    assert (told.code, told.err.count('The variable "suffix" has no value')) == (1, 1)
    assert two.run("validate", "--var", "suffix=x").code == 0


@pytest.mark.parametrize(
    ("before", "after", "code", "place"),
    [
        ("only: [staging]", "only: [stagign]", "unknown-environment", "all.yaml:5:37"),
        ("only: [staging]", "only: staging", "wrong-type", "all.yaml:5:36"),
        ("only: [staging]", "only: []", "wrong-type", "all.yaml:5:36"),
        ("only: [staging]", "only: [{a: 1}]", "wrong-type", "all.yaml:5:37"),
        ("overrides: {staging: {color: null}}", "overrides: {staging: x}", "wrong-type", "all.yaml:4:63"),
        ("overrides: {staging: {color: null}}", "overrides: []", "wrong-type", "all.yaml:4:53"),
        ("{staging: {color: null}}", "{stagng: {color: null}}", "unknown-environment", "all.yaml:4:54"),
        ("{staging: {color: null}}", "{staging: {was: [x]}}", "not-overridden", "all.yaml:4:64"),
        ("{staging: {color: null}}", "{staging: {color: 1}}", "wrong-type", "all.yaml:4:71"),
        ('"${var.everybody}"', '"x${var.everybody}"', "wrong-type", "all.yaml:13:14"),
        ('"Spring${var.suffix}"', '"Spring${var.everybody}"', "wrong-expression", "all.yaml:10:23"),
        ('"Spring${var.suffix}"', '"${var.everybody}"', "wrong-type", "all.yaml:10:16"),
        ("name: News,", "name: News, overides: {},", "unknown-attribute", "all.yaml:3:24"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(two: Project, before: str, after: str, code: str, place: str) -> None:
    two.replace("manifests/all.yaml", before, after)
    told = two.run("validate")
    assert told.code == 1
    assert f"error[{code}] manifests/{place}" in told.err


def test_what_is_wrong_within_a_variable_is_told_where_it_is_used(two: Project) -> None:
    two.replace("reconcile.yaml", 'texts: {a: {value: "${env.WORD:-Hi}"}}', "texts: {a: {vlue: x}}")
    told = two.run("--env", "staging", "validate").err
    assert "error[unknown-attribute] manifests/all.yaml:12:" in told
    assert 'There is no attribute "vlue" here.\n  Did you mean "value"?' in told


def test_a_reference_to_what_is_for_others_says_so(two: Project) -> None:
    two.replace("reconcile.yaml", "everybody: [news, club]", "everybody: [testers]")
    told = two.run("--env", "production", "validate").err
    assert "Its entry is for other environments" in told


def test_null_that_takes_out_nothing_is_a_typo(two: Project) -> None:
    two.replace("reconcile.yaml", "policy: {targets: null}", "policy: {target: null}")
    assert 'Did you mean "targets"?' in two.run("validate").err


def test_default_is_an_environment_too(two: Project) -> None:
    two.replace("manifests/all.yaml", "only: [staging]", "only: [default, staging]")
    two.replace("reconcile.yaml", "suffix: null", "suffix: x")
    assert "shop.list.testers" in planned(two, "default")
    assert "shop.list.vip" not in planned(two, "default")


def test_pull_writes_to_what_the_environment_has_otherwise(two: Project) -> None:
    assert two.run("--env", "staging", "apply", "--auto-approve", "--allow-send").code == 0
    lists = json.loads(two.run("--env", "staging", "state", "list", "--format", "json").out)
    for name in ("news", "testers"):
        arguments = (f"id={lists[f'shop.list.{name}']}", "color=#123456", f"name={name.title()}x", "ordering=1")
        done = two.run("--env", "staging", "api", "shop", "update-list", *arguments, "published=true", "listTags=[]")
        assert done.code == 3
        two.run(
            "--env",
            "staging",
            "api",
            "shop",
            "update-list",
            *arguments,
            "published=true",
            "listTags=[]",
            "--auto-approve",
        )
    assert two.run("--env", "staging", "pull").code == 0
    text = (two.root / "manifests/all.yaml").read_text()
    assert 'news: {name: Newsx, overrides: {staging: {color: "#123456"}}}' in text
    assert two.run("--env", "staging", "drift").code == 0


def test_what_is_deleted_in_one_environment_stays_in_the_others(two: Project) -> None:
    assert two.run("--env", "staging", "apply", "--auto-approve", "--allow-send").code == 0
    lists = json.loads(two.run("--env", "staging", "state", "list", "--format", "json").out)
    with Sandbox(two.root / ".reconcile/staging/sandbox.sqlite", account="4711") as sandbox:
        Colleague(sandbox).delete("list", lists["shop.list.club"])
    told = two.run("--env", "staging", "pull", "shop.list.club")
    assert told.code == 1
    assert "Give it `only: [default, production]`" in told.err


def test_what_is_taken_in_is_for_its_environment_alone(two: Project) -> None:
    assert two.run("--env", "staging", "apply", "--auto-approve", "--allow-send").code == 0
    two.run("--env", "staging", "api", "shop", "create-list", "name=Extra", "--auto-approve")
    done = two.run("--env", "staging", "export", "--into", str(two.root), "shop.list.extra-*=extra")
    assert done.code == 0, done.err
    assert "only: [staging]" in (two.root / "manifests/all.yaml").read_text().split("extra:")[1]
    assert "shop.list.extra" not in planned(two, "production")


def test_a_difference_is_told_with_its_reason(two: Project) -> None:
    told = json.loads(two.run("diff", "staging", "production", "--format", "json").out)
    by_variables = {(one["address"], one["attribute"]): one["by_variables"] for one in told}
    assert by_variables == {
        ("shop.campaign.plain", "body"): False,
        ("shop.campaign.plain", "language"): True,
        ("shop.campaign.spring", "language"): True,
        ("shop.campaign.spring", "lists"): True,
        ("shop.campaign.spring", "schedule"): False,
        ("shop.campaign.spring", "subject"): True,
        ("shop.list.club", "color"): False,
        ("shop.list.news", "color"): False,
        ("shop.list.testers", None): False,
        ("shop.list.vip", None): False,
    }
    text = two.run("diff", "staging", "production").out
    assert 'shop.campaign.spring subject: "Spring (test)" -> "Spring"  # by variables or defaults\n' in text
    assert text.endswith("10 differences between staging and production, 4 of them by variables or defaults.\n")
    assert two.run("diff", "production", "production").code == 64
    assert two.run("diff", "production", "prodction").code == 1


def test_promoted_entries_are_alike_and_all_else_is_as_before(two: Project) -> None:
    before = {name: planned(two, name) for name in ("staging", "production")}
    done = two.run("promote", "staging", "production", "shop.list.*", "shop.campaign.plain")
    assert done.code == 0, done.err
    assert "Taking an entry out is left to you" in done.err
    after = planned(two, "production")
    assert planned(two, "staging") == before["staging"]
    for address in ("shop.list.news", "shop.list.club", "shop.list.testers"):
        assert after[address] == before["staging"][address]
    assert after["shop.campaign.plain"]["body"] == before["staging"]["shop.campaign.plain"]["body"]
    assert after["shop.campaign.spring"] == before["production"]["shop.campaign.spring"]
    text = (two.root / "manifests/all.yaml").read_text()
    assert "only: [staging, production]" in text
    assert "# the big one" in text
    assert "Nothing to promote" in two.run("promote", "staging", "production", "shop.list.testers").out


def test_a_file_of_one_environment_is_promoted_to_the_other(two: Project) -> None:
    done = two.run("promote", "production", "staging", "shop.list.vip", "shop.campaign.spring")
    assert done.code == 0, done.err
    assert (two.root / "manifests/staging/vip.yaml").read_text() == "shop:\n  lists:\n    vip:\n      name: VIP\n"
    assert "      overrides" not in (two.root / "manifests/all.yaml").read_text()
    assert planned(two, "staging")["shop.campaign.spring"]["schedule"] == "2099-12-01T09:00:00Z"


def test_what_can_not_be_promoted_changes_nothing(two: Project) -> None:
    files = {path: path.read_text() for path in two.root.rglob("*.yaml")}
    assert "is in production alone" in two.run("promote", "staging", "production", "shop.list.vip").err
    assert 'Did you mean "shop.list.club"?' in two.run("promote", "staging", "production", "shop.list.clb").err
    two.write("manifests/staging/more.yaml", "shop: {campaigns: {x: {subject: X, lists: [testers]}}}\n")
    refused = two.run("promote", "staging", "production", "shop.campaign.x")
    assert refused.code == 1
    assert "dangling-reference" in refused.err
    assert not (two.root / "manifests/production/more.yaml").exists()
    assert {path: path.read_text() for path in files} == files


def test_the_agency_promoted_whole_plans_the_same(tmp_path: Path) -> None:
    """All that the agency has begins in staging; promoted, production plans what staging did."""
    shutil.copytree(AGENCY, tmp_path / "agency", ignore=shutil.ignore_patterns(".reconcile"))
    agency = Project(tmp_path / "agency")
    settings = (agency.root / "reconcile.yaml").read_text()
    agency.write("reconcile.yaml", settings + "\nenvironments: {staging: {}, production: {}}\n")
    for name in ("bakery", "brewery"):
        (agency.root / "manifests/staging").mkdir(exist_ok=True)
        (agency.root / f"manifests/{name}.yaml").rename(agency.root / f"manifests/staging/{name}.yaml")
    staging = planned(agency, "staging")
    assert staging
    assert planned(agency, "production") == {}
    done = agency.run("promote", "staging", "production", "*")
    assert done.code == 0, done.err
    assert planned(agency, "production") == staging
    assert agency.run("diff", "staging", "production").out == "0 differences between staging and production.\n"
    assert planned(agency, "staging") == staging
