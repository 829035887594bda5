"""Each check finds what it is for, and nothing in what is sound."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.mail.checks import Check, Mail, PlatformTag, Severity, Text, checks, look

CHECKS = {check.id: check for check in checks()}


def mail_of(fixture: Mapping[str, object]) -> Mail:
    """The mail that a check's example describes."""
    values = dict(fixture)
    for name in ("subject", "html", "text", "written"):
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
    "version https://git-lfs.github.com/spec/v1\r\noid sha256:4d7a\r\nsize 1\r\n",
    "version https://hawser.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
    "/annex/objects/SHA256E-s1--abc.html\n",
    "outs:\n- md5: abc\n  path: spring.html\n",
    "Subproject commit 0123456789012345678901234567890123456789\n",
    "U2FsdGVkX1+abcdefghijklmnop\n",
    "-----BEGIN PKCS7-----\nMIIB\n",
    "vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==",
    "sops_version=3.8.1\n",
    "diff --git a/a.html b/a.html\n--- a/a.html\n+++ b/a.html\n",
    "[InternetShortcut]\nURL=https://a.example/\n",
    "{\\rtf1\\ansi Hello}",
    "../shared/spring",
    "/home/anna/spring.html\n",
    "https://a.example/spring.html",
    "Not Found",
    "404 page not found\n",
    "Cannot GET /spring.html",
    "503 Service Unavailable",
    "Found. Redirecting to /login",
    "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>",
    "<html><head><title>Just a moment...</title></head></html>",
    "<html><head><title>Page not found · GitHub</title></head></html>",
    "<Error><Code>NoSuchKey</Code></Error>",
    '{"errors": [{"status": 404}]}',
    '{"page": {"rows": []}, "schemaVersion": 12}',
    '<html><title>Sign in</title><form action="/login"><input name=u></form></html>',
    '<form><input name="pass" type="password"></form>',
    '<?xml version="1.0"?><rss><channel></channel></rss>',
    "PGh0bWw+PGJvZHk+SGVsbG8sIHdlIGFyZSBvcGVuLCBhbmQgdGhpcyBpcyBhIG1haWwuPC9i\n" * 4,
]
SOUND = [
    "<p>Look: version https://git-lfs.github.com/spec/v1</p>",
    "<html><head><title>404 reasons to come</title></head><body>x</body></html>",
    "<html><head><title>Gone fishing</title></head><body><h1>Found</h1><hr></body></html>",
    "<html><head><title>Forbidden fruit: our quinces</title></head><body>x</body></html>",
    "<html><head><title>500 Geschenke</title></head><body><h1>500 presents</h1><p>x</p></body></html>",
    "{{headline}}",
    "[[if name]]Dear [[name]][[end]]",
    "Hello",
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "x" "y"><html><body>x</body></html>',
    "<p>What sops: nothing. ENC is a word.</p>",
]


@pytest.mark.parametrize("content", SOUND)
def test_what_only_looks_like_it_is_a_mail(content: str) -> None:
    mail = Mail("a.campaign.b", html=Text(content, "body", file="emails/a.html"))
    assert not list(CHECKS["stand-in"].look(mail))


def test_an_address_alone_may_be_a_plain_text() -> None:
    assert not list(CHECKS["stand-in"].look(Mail("a.campaign.b", text=Text("https://a.example/x", "altBody"))))


MARKS = [
    "<<<<<<< HEAD",
    "||||||| merged common ancestors",
    ">>>>>>> feature/spring",
    ">>>>>>> Stashed changes",
    ">>>>>>> 0a1b2c3 (Change the subject)",
    ">>>>>>>",
    "  <<<<<<< HEAD",
    "<<<<<<< HEAD\r",
    "<<<<<<<<<<<<<<< Conflict 1 of 1",
    "%%%%%%% Changes from base to side #1",
    "+++++++ Contents of side #2",
    "<<<<<<< .mine",
    ">>>>>>> .r42",
    "<<<<<<< working copy: 1f",
    "&lt;&lt;&lt;&lt;&lt;&lt;&lt; HEAD",
    ">>>> ORIGINAL //depot/a.html#1",
    "==== THEIRS //depot/a.html#2",
    "v v v v v v v",
]


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_any_merge(mark: str) -> None:
    mail = Mail("a.campaign.b", html=Text(f"<p>a</p>\n{mark}\n<p>b</p>", "body"))
    assert [found.at for found in CHECKS["conflict-marker"].look(mail)] == [9]


@pytest.mark.parametrize(
    "line", ["=======", "<<<<<<", ">>>>>>> Buy it now, all of it", ">> a", "-------", "a <<<<<<< b"]
)
def test_lines_that_are_no_marks(line: str) -> None:
    mail = Mail("a.campaign.b", html=Text(f"<p>a</p>\n{line}\n<p>b</p>", "body"))
    assert not list(CHECKS["conflict-marker"].look(mail))


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
        "<?php include 'x'; ?>\n<p>x</p>",
        "---\ntitle: Spring\n---\n<p>x</p>",
        "import * as React from 'react'\nexport default () => <p/>",
        "--abc\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--abc--",
    ],
)
def test_sources_in_place_of_a_mail(content: str) -> None:
    assert list(CHECKS["raw-source"].look(Mail("a.campaign.b", html=Text(content, "body"))))


PIECES = [
    "<",
    "<p",
    "<td",
    ">",
    "</td>",
    "<style>",
    "</style>",
    "@media",
    "(",
    "max-width:",
    "{",
    "}",
    ";",
    "color:",
    "#ff",
    "rgb(",
    "1e999",
    "var(--x)",
    ")",
    "font:",
    "10px",
    "em",
    "..",
    "calc(",
    "url(",
    "'",
    '"',
    "!important",
    "&nbsp;",
    "{{x}}",
    "word",
    "<!--",
    "-->",
    "<a",
    "href=",
    "style='",
    "bgcolor=",
    "<font",
    "color=",
    "%",
    "-",
    "opacity:",
    "nan",
    "inf",
    "e5",
    "<svg>",
    "<table>",
    "font-size:",
    "1.2.3px",
    "hsl(",
    "none",
    "/",
    "*/",
    "/*",
    "prefers-color-scheme:",
    "dark)",
    "99999999999999px",
    ":root",
    "p{color:red}",
    "display:flex",
    "<br>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
@settings(max_examples=150, deadline=None)
def test_no_check_fails_at_soup(soup: str) -> None:
    mail = Mail("a.campaign.b", subject=Text(soup, "subject"), html=Text(soup, "body"), text=Text(soup, "altBody"))
    for check in CHECKS.values():
        list(check.look(mail))
