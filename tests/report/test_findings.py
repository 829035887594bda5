"""Findings for CI systems: SARIF as its specification has it, and JUnit's XML."""

from typing import Any, Literal
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, Field

from reconcile.errors import Diagnostic, Location, Severity
from reconcile.report.findings import junit, sarif

FOUND = [
    Diagnostic(
        "size",
        "a large mail",
        "It has 130 KB.",
        "a.campaign.b",
        Location("emails/a b.html", 3, 5),
        severity=Severity.WARNING,
    ),
    Diagnostic("empty-body", "an empty mail", "Nothing\x00 in it.", "a.campaign.c", hint="Write it."),
    Diagnostic("not-built", "can't be built", "No such file.", None, Location("x.mjml")),
]


# SARIF 2.1.0 (OASIS), sections 3.13 to 3.32, as far as we write it: nothing else may stand there.
class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Message(_Part):
    text: str = Field(min_length=1)


class _Rule(_Part):
    id: str = Field(min_length=1)
    shortDescription: _Message


class _Driver(_Part):
    name: str
    version: str
    rules: list[_Rule]


class _Tool(_Part):
    driver: _Driver


class _Artifact(_Part):
    uri: str = Field(pattern=r"^[^\s\\]+$")


class _Region(_Part):
    startLine: int = Field(ge=1)
    startColumn: int = Field(ge=1)


class _Physical(_Part):
    artifactLocation: _Artifact
    region: _Region


class _Logical(_Part):
    fullyQualifiedName: str
    kind: str


class _Location(_Part):
    physicalLocation: _Physical | None = None
    logicalLocations: list[_Logical] = []


class _Result(_Part):
    ruleId: str
    ruleIndex: int = Field(ge=0)
    level: Literal["none", "note", "warning", "error"]
    message: _Message
    locations: list[_Location] = []


class _Run(_Part):
    tool: _Tool
    columnKind: Literal["utf16CodeUnits", "unicodeCodePoints"]
    results: list[_Result]


class _Log(_Part):
    schema_: str = Field(alias="$schema")
    version: Literal["2.1.0"]
    runs: list[_Run] = Field(min_length=1)


def checked(log: dict[str, Any]) -> _Run:
    (run,) = _Log.model_validate(log).runs
    for result in run.results:
        assert run.tool.driver.rules[result.ruleIndex].id == result.ruleId
    assert len({rule.id for rule in run.tool.driver.rules}) == len(run.tool.driver.rules)
    return run


def test_sarif_is_as_it_is_specified() -> None:
    run = checked(sarif([*FOUND, *FOUND], version="1"))
    assert [(result.ruleId, result.level) for result in run.results] == [
        ("size", "warning"),
        ("empty-body", "error"),
        ("not-built", "error"),
    ]
    place = run.results[0].locations[0].physicalLocation
    assert place is not None
    assert (place.artifactLocation.uri, place.region.startLine) == ("emails/a%20b.html", 3)
    assert checked(sarif([], version="1")).results == []


def test_junit_has_a_case_for_each_entry_and_only_errors_fail() -> None:
    root = ElementTree.fromstring(junit(FOUND, ["a.campaign.b", "a.campaign.c", "a.list.d"]))  # our own
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {"a.campaign.b", "a.campaign.c", "a.list.d", "project"}
    assert {name for name, case in cases.items() if case.find("failure") is not None} == {"a.campaign.c", "project"}
    assert (root.get("tests"), root.get("failures")) == ("4", "2")
    assert "emails/a b.html:3:5: warning[size]" in (cases["a.campaign.b"].findtext("system-out") or "")
