"""Findings in the forms that CI systems read: SARIF 2.1.0, and JUnit's XML."""

from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

from reconcile.errors import Diagnostic, Severity
from reconcile.report.text import harmless

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning"}


def sarif(findings: Iterable[Diagnostic], *, version: str) -> dict[str, Any]:
    """The findings as a log of SARIF 2.1.0, in plain JSON types."""
    told = list(dict.fromkeys(findings))
    rules = {one.code: one.summary for one in reversed(told)}
    names = sorted(rules)
    driver = {
        "name": "reconcile",
        "version": version,
        "rules": [{"id": code, "shortDescription": {"text": rules[code] or code}} for code in names],
    }
    results = [_result(one, names.index(one.code)) for one in told]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _result(finding: Diagnostic, rule: int) -> dict[str, Any]:
    place: dict[str, Any] = {}
    if finding.location is not None:
        region = {"startLine": max(finding.location.line, 1), "startColumn": max(finding.location.column, 1)}
        place["physicalLocation"] = {"artifactLocation": {"uri": _uri(finding.location.file)}, "region": region}
    if finding.address:
        place["logicalLocations"] = [{"fullyQualifiedName": finding.address, "kind": "resource"}]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": _words(finding)},
    }
    if finding.standing:
        result["properties"] = {"standing": True}
    return {**result, "locations": [place]} if place else result


def _uri(path: str) -> str:
    from urllib.parse import quote

    return quote(path.replace("\\", "/"), safe="/")


def _words(finding: Diagnostic) -> str:
    return harmless(" ".join(part for part in (finding.detail or finding.summary, finding.hint) if part))


def junit(findings: Iterable[Diagnostic], addresses: Sequence[str]) -> bytes:
    """The findings as JUnit's XML: a case for each entry, and one for what is about none; errors are failures.

    Warnings stand in the output of their case, and fail nothing.
    """
    by_case: dict[str, list[Diagnostic]] = {address: [] for address in addresses}
    for one in dict.fromkeys(findings):
        by_case.setdefault(one.address or "project", []).append(one)
    failing = sum(any(each.severity is Severity.ERROR for each in found) for found in by_case.values())
    numbers = {"tests": str(len(by_case)), "failures": str(failing), "errors": "0"}
    root = ElementTree.Element("testsuites", {"name": "reconcile", **numbers})
    suite = ElementTree.SubElement(root, "testsuite", {"name": "findings", **numbers})
    for name, found in sorted(by_case.items()):
        case = ElementTree.SubElement(suite, "testcase", {"classname": "reconcile", "name": _xml(name)})
        errors = [one for one in found if one.severity is Severity.ERROR]
        if errors:
            message = {"message": _xml(errors[0].summary), "type": errors[0].code}
            ElementTree.SubElement(case, "failure", message).text = _xml("\n".join(map(_line, errors)))
        warnings = [one for one in found if one.severity is not Severity.ERROR]
        if warnings:
            ElementTree.SubElement(case, "system-out").text = _xml("\n".join(map(_line, warnings)))
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _line(finding: Diagnostic) -> str:
    place = f"{finding.location}: " if finding.location is not None else ""
    return f"{place}{finding.severity.value}[{finding.code}] {_words(finding)}"


def _xml(text: str) -> str:
    """The text without what XML has no place for."""
    return "".join(
        one if one in "\t\n" or " " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd" or one > "\uffff" else "\ufffd"
        for one in text
    )
