"""Each check finds what it is for, and nothing in what is sound."""

import re
from collections.abc import Mapping

import pytest

from reconcile.mail.checks import Check, Mail, PlatformTag, Severity, Text, checks, look

CHECKS = {check.id: check for check in checks()}


def mail_of(fixture: Mapping[str, object]) -> Mail:
    """The mail that a check's example describes."""
    values = dict(fixture)
    for name in ("subject", "html", "text"):
        if name in values:
            values[name] = Text(str(values[name]), name)
    if "template" in values:
        template = Text(str(values["template"]), "body")
        values["template"] = Mail("squalomail.template.base", html=template, goes_out=False)
    if "tags" in values:
        values["tags"] = tuple(PlatformTag(re.compile(pattern), "field") for pattern in values["tags"])  # type: ignore[attr-defined]
    if "fields" in values:
        values["fields"] = frozenset(values["fields"])  # type: ignore[call-overload]
    return Mail("squalomail.campaign.spring", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_a_check_finds_its_bad_example_and_nothing_in_its_good_one(check: Check) -> None:
    bad = list(check.look(mail_of(check.bad)))
    assert bad, "nothing is found"
    for found in bad:
        assert found.detail.endswith((".", "?", "}")) or "://" in found.detail
        assert found.text is None or found.at is None or 0 <= found.at <= len(found.text.value)
    assert list(check.look(mail_of(check.good))) == []


def test_severities_are_the_projects() -> None:
    mail = mail_of(CHECKS["conflict-marker"].bad)
    severity = {found[0].id: found[1] for found in look(mail, {"conflict-marker": Severity.WARNING})}
    assert severity["conflict-marker"] is Severity.WARNING
    assert "conflict-marker" not in {found[0].id for found in look(mail, {"conflict-marker": Severity.OFF})}


def test_what_blocks_by_default() -> None:
    assert {check.id for check in CHECKS.values() if check.severity is Severity.ERROR} == {
        "conflict-marker",
        "control-characters",
        "empty-body",
        "no-unsubscribe",
        "raw-source",
        "stand-in",
        "unfilled-tag",
        "unknown-fill",
        "unknown-merge-tag",
    }


STAND_INS = [
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
    "\0GITCRYPT\0abc",
    '{"data": "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]", "sops": {"kms": null}}',
    "data: ENC[AES256_GCM,data:x]\nsops:\n    kms: []\n",
    "age-encryption.org/v1\n-> X25519 abc\n",
    "-----BEGIN AGE ENCRYPTED FILE-----\nabc\n",
    "$ANSIBLE_VAULT;1.1;AES256\n3362\n",
    "-----BEGIN PGP MESSAGE-----\n\nabc\n",
    "../common/spring.html",
    "404: Not Found",
    "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
    '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
    '{"message": "Not Found", "documentation_url": "https://docs.example"}',
]


@pytest.mark.parametrize("content", STAND_INS)
def test_what_stands_in_for_content(content: str) -> None:
    mail = Mail("a.campaign.b", html=Text(content, "body", file="emails/a.html"))
    assert [found.hint for found in CHECKS["stand-in"].look(mail)]


@pytest.mark.parametrize(
    "content",
    [
        "From: A <a@example.com>\r\nSubject: Hi\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>",
        '<td style=3D"color:red">Hall=C3=B6chen <a href=3D"https://a.example/">x</a>=\n y</td>',
        "<mjml><mj-body></mj-body></mjml>",
        '{% extends "base.html" %}\n<p>x</p>',
    ],
)
def test_sources_in_place_of_a_mail(content: str) -> None:
    assert list(CHECKS["raw-source"].look(Mail("a.campaign.b", html=Text(content, "body"))))
