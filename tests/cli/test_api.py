"""``api`` and ``event``: single calls by hand, under the same rules as plans."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from reconcile.cli.options import Options
from reconcile.providers.squalomail.operations import OPERATIONS
from reconcile.sandbox.server import Server
from tests.cli.conftest import Project, Result

KEY = "a-very-secret-key"
HOUR = 3600
Answer = Callable[[str], None]


@pytest.fixture
def live(project: Project, server: Server, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project against the emulator over HTTP, with a list, two people on it and a newsletter to it."""
    monkeypatch.setenv("SQUALOMAIL_API_KEY", KEY)
    project.replace("reconcile.yaml", 'url: "sandbox:"', f"url: {server.url}/squalomail/v1")
    project.write("reconcile.yaml", (project.root / "reconcile.yaml").read_text() + "    limits: {concurrency: 4}\n")
    person = f"{server.url}/_sandbox/squalomail/4711"
    httpx.post(f"{person}/lists", json={"name": "News"}).raise_for_status()
    for name in ("ada", "bea"):
        httpx.post(f"{person}/recipients", json={"email": f"{name}@example.com", "listIds": [1]}).raise_for_status()
    mail = {"subject": "Hello", "body": "<p>Hello</p>", "listIds": [1]}
    httpx.post(f"{person}/newsletters", json=mail).raise_for_status()
    return project


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Somebody sits there and answers so."""

    def give(text: str) -> None:
        monkeypatch.setattr(Options, "may_ask", lambda self: True)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{text}\n"))

    return give


def call(project: Project, *arguments: str) -> Any:
    """The answer of a call that succeeds."""
    result = project.run("api", "squalomail", *arguments)
    assert result.code == 0, result.err
    assert KEY not in result.out + result.err
    return json.loads(result.out)


def refused(result: Result, code: int, *words: str) -> None:
    assert result.code == code, result
    assert not result.out
    for word in words:
        assert word in result.err


def writes(server: Server) -> list[str]:
    return [entry["function"] for entry in httpx.get(f"{server.url}/_sandbox/requests").json() if entry["write"]]


def schedule(server: Server, seconds: float) -> None:
    """Somebody schedules the newsletter, so many seconds ahead."""
    body = {"sendDate": int(time.time() + seconds)}
    httpx.post(
        f"{server.url}/_sandbox/squalomail/4711/newsletters/{mail(server)}/schedule", json=body
    ).raise_for_status()


def mail(server: Server) -> int:
    (row,) = httpx.get(f"{server.url}/squalomail/v1/get-data", params={"apiKey": "k", "entity": "Mail"}).json()
    number: int = row["mailid"]
    return number


def test_a_read_prints_its_answer_as_json(live: Project, server: Server) -> None:
    rows = call(live, "get-data", "entity=List", 'filter=name=="News"')
    assert [(row["name"], row["listid"]) for row in rows] == [("News", 1)]
    assert call(live, "get-app-id")["appId"] == 4711
    assert call(live, "get-lists", "listIds=[1]")["lists"][0]["name"] == "News"
    assert not writes(server)


def test_values_are_json_where_they_parse_as_json(live: Project) -> None:
    made = call(
        live, "create-list", "name=5 o'clock", "published=true", "ordering=7", 'listTags=["a","b"]', "--auto-approve"
    )
    assert {name: made["list"][name] for name in ("name", "published", "ordering", "listTags")} == {
        "name": "5 o'clock",
        "published": True,
        "ordering": 7,
        "listTags": ["a", "b"],
    }
    assert call(live, "create-list", 'name="7"', "--auto-approve")["list"]["name"] == "7"


def test_any_of_the_functions_can_be_called(live: Project) -> None:
    for operation in OPERATIONS.values():
        result = live.run("api", "squalomail", operation.name)
        if operation.write:
            refused(result, 3, "--allow-send" if operation.sends else "")
        else:
            assert (result.code == 0) is not ("is required" in result.err), result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sqalomail", "get-data"), ('no provider "sqalomail"', 'Did you mean "squalomail"?')),
        (("squalomail", "get-dta"), ('no operation "get-dta"', 'Did you mean "get-data"?')),
        (("squalomail", "zzz"), ("There are: create-list, update-list",)),
        (("squalomail", "get-data", "entity"), ('"entity" is not of the form NAME=VALUE',)),
        (("squalomail", "get-data", "amp;entity=List"), ("not of the form",)),
        (("squalomail", "get-data", "entity=List", "Entity=Mail"), ("Entity is given twice",)),
        (("squalomail", "get-data", "api_key=x"), ("can't be given here",)),
        (("squalomail", "delete-list", "listId=[1]"), ("called by GET",)),
    ],
)
def test_wrong_usage(live: Project, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(live.run("api", *arguments), 64, *words)


def test_what_the_platform_refuses_is_an_error(live: Project) -> None:
    refused(live.run("api", "squalomail", "get-subscribed-recipients", "listId=99"), 1, "There is no list 99")


def test_a_write_asks_first(live: Project, server: Server, answer: Answer) -> None:
    refused(live.run("api", "squalomail", "create-list", "name=A"), 3, "--auto-approve")
    answer("n")
    refused(live.run("api", "squalomail", "create-list", "name=A"), 3, "You said no")
    assert not writes(server)
    answer("y")
    result = live.run("api", "squalomail", "create-list", "name=A")
    assert (result.code, "Call create-list?" in result.err) == (0, True)
    assert writes(server) == ["create-list"]


def test_a_write_needs_the_pinned_account(live: Project, server: Server) -> None:
    live.replace("reconcile.yaml", '"4711"', '"4712"')
    refused(live.run("api", "squalomail", "create-list", "name=A", "--auto-approve"), 7, "pins the account 4712")
    assert not writes(server)


def test_the_key_is_never_printed(live: Project) -> None:
    made = call(live, "create-list", f"name=List of {KEY}", "--auto-approve")
    assert made["list"]["name"] == "List of ***"
    result = live.run("api", "squalomail", "get-data", f"entity={KEY}", f"filter={KEY}")
    assert result.code == 1
    assert KEY not in result.err


def test_the_tokens_of_recipients_are_not_printed(live: Project) -> None:
    assert {row["key"] for row in call(live, "get-data", "entity=Recipient")} == {"***"}


def test_sends_need_the_right(live: Project, server: Server) -> None:
    arguments = ("api", "squalomail", "custom-event", "customText=hello", "--auto-approve")
    refused(live.run(*arguments), 3, "--allow-send")
    live.write("reconcile.yaml", (live.root / "reconcile.yaml").read_text() + "policy: {sends: deny}\n")
    refused(live.run(*arguments, "--allow-send"), 3, "policy.sends is deny")
    live.replace("reconcile.yaml", "deny", "allow")
    assert not writes(server)
    assert live.run(*arguments).code == 0
    assert writes(server) == ["custom-event"]


def test_there_is_no_send_now(live: Project, server: Server) -> None:
    send = ("api", "squalomail", "send-newsletter", f"newsletterId={mail(server)}", "--allow-send", "--auto-approve")
    soon, later = int(time.time() + HOUR - 60), int(time.time() + 2 * HOUR)
    refused(live.run(*send), 3, "It needs sendDate")
    refused(live.run(*send, "sendDate=now"), 3, "It needs sendDate")
    refused(live.run(*send, "sendDate=1"), 3, 'no "send now"')
    refused(live.run(*send, f"sendDate={soon}"), 3, "policy.freeze")
    refused(live.run(*send[:3], "newsletterId=99", f"sendDate={later}", *send[4:]), 3, "of a newsletter that exists")
    refused(live.run(*send[:-2], f"sendDate={later}", "--auto-approve"), 3, "--allow-send")
    assert not writes(server)
    sent = live.run(*send, f"sendDate={later}")
    assert sent.code == 0, sent.err
    assert 'It has the newsletter "Hello"' in sent.err
    (row,) = call(live, "get-data", "entity=Mail")
    assert (row["published"], row["senddate"]) == (2, later)


def test_a_newsletter_about_to_go_out_is_left_alone_but_for_stopping_it(live: Project, server: Server) -> None:
    number = mail(server)
    deeds = (
        ("delete-newsletter", f"newsletterId={number}"),
        ("update-newsletter", f"id={number}", "subject=Other", "body=x"),
        ("send-newsletter", f"newsletterId={number}", f"sendDate={int(time.time() + 5 * HOUR)}", "--allow-send"),
    )
    schedule(server, HOUR / 2)
    for deed in deeds:
        refused(live.run("api", "squalomail", *deed, "--auto-approve"), 3, "[frozen]", "cancel-sending-newsletter")
    assert not writes(server)
    call(live, "cancel-sending-newsletter", f"newsletterId={number}", "--auto-approve")
    assert call(live, "get-data", "entity=Mail")[0]["published"] == 0
    schedule(server, 2 * HOUR)
    refused(live.run("api", "squalomail", *deeds[0]), 3, "which is scheduled, and its sending", "--auto-approve")
    httpx.post(f"{server.url}/_sandbox/clock", json={"now": time.time() + 3 * HOUR})
    for deed in deeds:
        refused(live.run("api", "squalomail", *deed, "--auto-approve"), 3, "was sent")
    refused(live.run("api", "squalomail", "delete-newsletter", "--auto-approve"), 3, "It needs newsletterId")
    refused(live.run("api", "squalomail", "update-newsletter", "id=x", "--auto-approve"), 3, "It needs id")


def test_more_lists_for_a_scheduled_newsletter_are_a_send(live: Project, server: Server) -> None:
    call(live, "create-list", "name=Second", "--auto-approve")
    update = ("update-newsletter", f"id={mail(server)}", "subject=Hello", "body=x", "--auto-approve")
    call(live, *update, "listIds=[1,2]")
    call(live, *update, "listIds=[1]")
    schedule(server, 2 * HOUR)
    call(live, *update, "listIds=[1]")
    refused(live.run("api", "squalomail", *update, "listIds=[1,2]"), 3, "--allow-send")
    call(live, *update, "listIds=[1,2]", "--allow-send")


def test_unsubscribing_that_makes_somebody_mailable_again_is_a_send(live: Project) -> None:
    unsubscribe = ("unsubscribe-recipient-by-email", "email=ada@example.com", "listIds=[1]", "--auto-approve")
    call(live, *unsubscribe, "accept=0")
    refused(live.run("api", "squalomail", *unsubscribe, "accept=1"), 3, "--allow-send")


def test_a_stop_that_does_not_stop_is_told(live: Project, server: Server) -> None:
    schedule(server, 2 * HOUR)
    httpx.post(f"{server.url}/_sandbox/switches", json={"cancel_unscheduled": "ok", "read_delay_seconds": 60})
    stopped = live.run(
        "api", "squalomail", "cancel-sending-newsletter", f"newsletterId={mail(server)}", "--auto-approve"
    )
    assert stopped.code == 1
    assert "not-cancelled" in stopped.err


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (("delete-recipient", "recipientId=99"), "It deletes 0 people for good"),
        (("delete-recipient-by-email", "email=ADA@example.com"), "It deletes 1 person for good"),
        (("delete-recipients-by-list", "listId=1"), 'up to 2 people (0 of them unsubscribed) of the list "News"'),
        (("delete-recipients-by-list", "listId=9"), "There is no list 9."),
        (("delete-list", "listId=1"), "the subscriptions of 2 people (0 of them unsubscribed)"),
    ],
)
def test_who_deletes_is_told_how_many_people_it_concerns(
    live: Project, server: Server, deed: tuple[str, ...], words: str
) -> None:
    refused(live.run("api", "squalomail", *deed), 3, words, "--auto-approve")
    assert not writes(server)
    assert words in live.run("api", "squalomail", *deed, "--auto-approve").err


def test_a_lost_reply_is_told_and_the_call_not_repeated(live: Project, server: Server) -> None:
    httpx.post(f"{server.url}/_sandbox/faults", json={"faults": ["drop-after:custom-event"]})
    lost = live.run("event", "squalomail", "hello", "--allow-send", "--auto-approve")
    refused(lost, 1, "[unknown-outcome]", "may or may not have been carried out", "never repeats")
    assert writes(server) == ["custom-event"]


def test_events(live: Project, server: Server) -> None:
    event = ("event", "squalomail", "thanks", "--allow-send", "--auto-approve")
    assert "has taken the event (custom-event)" in live.run(*event).out
    ordered = live.run(*event, "--order", "A-1", "--shop", "123", "--format", "json")
    assert json.loads(ordered.out)["errorCode"] == 0
    assert live.run(*event, "--abandoned-checkout", "C-9", "--shop", "123").code == 0
    received = httpx.get(f"{server.url}/_sandbox/squalomail/4711/events").json()
    assert [{name: value for name, value in row.items() if name != "date"} for row in received] == [
        {"kind": "event", "customText": "thanks"},
        {"kind": "order", "customText": "thanks", "orderId": "A-1", "shopId": 123},
        {"kind": "abandoned-checkout", "customText": "thanks", "abandonedCheckoutId": "C-9", "shopId": 123},
    ]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--auto-approve",), 3, "--allow-send"),
        (("--allow-send",), 3, "--auto-approve"),
        (("--order", "A-1"), 64, "--shop goes with"),
        (("--shop", "1"), 64, "--shop goes with"),
        (("--order", "A-1", "--abandoned-checkout", "C-9", "--shop", "1"), 64, "not both"),
        (("--order", " ", "--shop", "1"), 64, "is empty"),
    ],
)
def test_events_that_are_not_told(
    live: Project, server: Server, options: tuple[str, ...], code: int, words: str
) -> None:
    refused(live.run("event", "squalomail", "hello", *options), code, words)
    refused(live.run("event", "squalomial", "hello"), 64, 'Did you mean "squalomail"?')
    refused(live.run("event", "squalomail", " "), 64, "TEXT is empty")
    assert not writes(server)
