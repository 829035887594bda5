"""Diagnostics as people and as programs get them."""

from reconcile.errors import Diagnostic, Location, Severity
from reconcile.report.diagnostics import render, to_json

COLOUR = Diagnostic(
    "unknown-attribute",
    "an attribute that the kind does not have",
    'squalomail.list.news has no attribute "colour".',
    address="squalomail.list.news",
    location=Location("manifests/lists.yaml", 6, 3),
    hint='Did you mean "color"?',
)
TWICE = Diagnostic(
    "duplicate",
    "a name used twice",
    "There are two of them.",
    address="squalomail.list.news",
    location=Location("manifests/a.yaml", 12, 1),
    severity=Severity.WARNING,
    others=(Location("manifests/b.yaml", 2, 1),),
)
PLACELESS = Diagnostic("lock-held", "the state is locked", "Somebody holds the lock.\nSince noon.", address="x.y.z")


def test_the_text_is_by_file_and_line() -> None:
    assert render([PLACELESS, COLOUR, TWICE, COLOUR], color=False) == (
        "warning[duplicate] manifests/a.yaml:12:1 (squalomail.list.news)\n"
        "  There are two of them.\n"
        "  also at manifests/b.yaml:2:1\n"
        "\n"
        "error[unknown-attribute] manifests/lists.yaml:6:3\n"
        '  squalomail.list.news has no attribute "colour".\n'
        '  Did you mean "color"?\n'
        "\n"
        "error[lock-held] x.y.z\n"
        "  Somebody holds the lock.\n"
        "  Since noon.\n"
    )


def test_one_place_that_many_entries_share_is_told_once() -> None:
    named = [
        Diagnostic("no-fallback", "x", "People read Dear alone.", f"a.campaign.{name}", Location("a.html", 3, 7))
        for name in ("one", "two", "three")
    ]
    assert render([*named, named[0]], color=False) == (
        "error[no-fallback] a.html:3:7\n  People read Dear alone.\n  3 objects: a.campaign: one, three, two\n"
    )
    assert len(to_json(named)) == 3


def test_nothing_is_nothing() -> None:
    assert render([], color=True) == ""


def test_colours() -> None:
    assert render([TWICE], color=True).startswith(
        "\x1b[1;33mwarning[duplicate]\x1b[0m \x1b[1mmanifests/a.yaml:12:1 (squalomail.list.news)\x1b[0m\n"
    )


def test_the_line_at_fault_is_shown() -> None:
    files = {"manifests/lists.yaml": "\n" * 5 + "  colour: red\n"}
    assert render([COLOUR, TWICE], color=False, sources=files.get).endswith(
        '  squalomail.list.news has no attribute "colour".\n'
        "      6 |   colour: red\n"
        "            ^\n"
        '  Did you mean "color"?\n'
    )


def test_a_line_that_may_hold_a_credential_is_not_shown() -> None:
    for line in ("  apiKey: s3cret", 'clientSecret: "s3cret"', "password : s3cret", "  x: {api-key: s3cret}"):
        shown = render([COLOUR], color=False, sources=lambda _, line=line: "\n" * 5 + line)  # type: ignore[misc]
        assert "s3cret" not in shown


def test_places_outside_the_file_do_no_harm() -> None:
    for text in ("", "one line", None):
        assert "|" not in render([COLOUR], color=False, sources=lambda _, text=text: text)  # type: ignore[misc]


def test_user_data_can_not_steer_the_terminal() -> None:
    finding = Diagnostic(
        "x\x1b", "", "a\x1b]0;title\x07\rb\u202e", address="\x9b2J", hint="\x1b[2J", location=Location("f\x1b.yaml")
    )
    files = {"f\x1b.yaml": "evil\x1b[31m"}
    assert render([finding], color=False, sources=files.get) == (
        "error[x\\x1b] f\\x1b.yaml:1:1 (\\x9b2J)\n"
        "  a\\x1b]0;title\\x07\\x0db\\u202e\n"
        "      1 | evil\\x1b[31m\n"
        "          ^\n"
        "  \\x1b[2J\n"
    )


def test_json() -> None:
    assert to_json([PLACELESS, TWICE]) == [
        {
            "severity": "warning",
            "code": "duplicate",
            "summary": "a name used twice",
            "detail": "There are two of them.",
            "address": "squalomail.list.news",
            "location": {"file": "manifests/a.yaml", "line": 12, "column": 1},
            "hint": None,
            "others": [{"file": "manifests/b.yaml", "line": 2, "column": 1}],
            "standing": False,
        },
        {
            "severity": "error",
            "code": "lock-held",
            "summary": "the state is locked",
            "detail": "Somebody holds the lock.\nSince noon.",
            "address": "x.y.z",
            "location": None,
            "hint": None,
            "others": [],
            "standing": False,
        },
    ]
