"""A recording of every operation, with a canary in every text, name, number, path and header: none is in the file."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.doctor.recording import Recording
from reconcile.errors import ApiError
from reconcile.model.call import Call
from reconcile.model.right_to_send import RightToSend
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import CAPABILITIES, ENUMS, Contract, members
from reconcile.providers.gatormail.operations import OPERATIONS as GATORMAIL
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.squalomail.operations import OPERATIONS as SQUALOMAIL
from reconcile.providers.transport import Pace, Transport
from tests.doctor.accounts import PLATFORMS, questionnaire
from tests.world import FREELY

CANARY, DIGITS = "cAnArY", 7_391_826_455
TEXTS = (
    CANARY, f"ann.{CANARY}@example.test", f"https://{CANARY}.example.test/a?b={CANARY}", f"<p>{CANARY}</p>",
    f" {CANARY} ", f"2027-01-01T00:00:00 {CANARY}", f"name {CANARY}", f"{DIGITS}", f"{CANARY}\n{CANARY}",
    f"errorCode{CANARY}", f"{DIGITS}-1",
)  # fmt: skip


def planted(known: list[str]) -> dict[str, Any]:
    """An object that has a canary wherever one can be: under names that are known, too."""
    return {
        **{name: TEXTS[at % len(TEXTS)] for at, name in enumerate(known)},
        **{text: text for text in TEXTS},
        "id": DIGITS,
        "rows": [list(TEXTS), {"email": CANARY, CANARY: {CANARY: DIGITS, "n": -DIGITS, "x": DIGITS / 8}}],
    }


def answers(known: list[str]) -> list[httpx.Response]:
    headers = dict.fromkeys(("date", "age", "retry-after", "api-version", "set-cookie", "x-a"), f"{CANARY} {DIGITS}")
    content = planted(known)
    return [
        httpx.Response(200, json=[content, content], headers=headers),
        httpx.Response(200, json=content, headers={**headers, "content-type": f"application/json; charset={CANARY}"}),
        httpx.Response(200, json=CANARY, headers={"content-type": f"text/{CANARY}"}),
        httpx.Response(400, json={"message": CANARY, "modelState": {CANARY: [CANARY]}}, headers=headers),
        httpx.Response(200, html=f"<html>{CANARY} {DIGITS}</html>"),
        httpx.Response(500, text=CANARY),
        httpx.Response(200, content=b'{"a": "' + CANARY.encode()),
    ]


def made(shape: str) -> dict[str, Any]:
    """An object of a shape as it is sent."""
    found: dict[str, Any] = {}
    for at, (name, member) in enumerate(members(shape).items()):
        if member.shape:
            found[name] = {"id": CANARY, "name": CANARY}
        elif member.enum:
            found[name] = ENUMS[member.enum][0]
        else:
            found[name] = "2027-01-01T00:00:00Z" if member.date else TEXTS[at % len(TEXTS)]
    return found


def calls(platform: str) -> Iterator[Call]:
    if platform == "squalomail":
        for function in SQUALOMAIL:
            yield Call(
                function, {**planted(["name", "email", "subject"]), "entity": CANARY, "filter": f'a=="{CANARY}"'}
            )
        return
    for name, operation in GATORMAIL.items():
        if name == "oauth_token":
            continue  # signing in goes another way, which is never recorded
        arguments: dict[str, Any] = dict.fromkeys(Contract().variables(operation.key), f"{CANARY} {DIGITS}")
        if operation.takes == "[contact]":
            arguments["contacts"] = [made("contact")]
        elif operation.takes:
            arguments |= {name: value for name, value in made(operation.takes).items() if name not in arguments}
        elif operation.key == "op.contact.match":
            arguments |= {"field": CANARY, "value": CANARY}
        yield Call(name, arguments)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_recording_of_all_operations_says_nothing(platform: str, tmp_path: Path) -> None:
    words = questionnaire(platform).words
    known = sorted(words)
    queue: list[httpx.Response] = []
    transport = Transport(
        pace=Pace(attempts=1, wait=0.0),
        right=RightToSend(held=True),
        transport=httpx.MockTransport(lambda _: queue.pop(0)),
    )
    recording = Recording(words)
    client: Any = (
        SqualoMail("https://api.example.test/v1", f"KEY-{CANARY}", transport)
        if platform == "squalomail"
        else GatorMail(
            "https://api.example.test/mail", f"{CANARY}_lz", Contract(dict.fromkeys(CAPABILITIES, True)), transport
        )
    )
    client.record(recording.note)
    asked = 0
    for call in calls(platform):
        for answer in answers(known):
            queue[:] = [answer]
            with suppress(ApiError):
                client.send(call, FREELY)
            assert not queue, f"{call.operation} was not called"
            asked += 1
    file = tmp_path / "calls.har"
    recording.write(file)
    text = file.read_text()
    assert CANARY.lower() not in text.lower()
    assert str(DIGITS) not in text
    assert "example.test" not in text
    entries = json.loads(text)["log"]["entries"]
    assert len(entries) == asked == 7 * (len(SQUALOMAIL) if platform == "squalomail" else len(GATORMAIL) - 1)
    # It is of use all the same: names that are known, and the shapes.
    assert '\\"id\\":9999999999' in text
    assert "address-" in text
    assert {entry["request"]["method"] for entry in entries} >= {"GET", "POST"}
