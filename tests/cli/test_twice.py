"""An account whose answers have a member twice: each command says so and names it, and nothing is marked or written."""

import json
import re
from typing import Any

import httpx
import pytest

from reconcile.providers import transport
from tests.cli.conftest import Project
from tests.cli.test_gatormail_outside import SEND, both

__all__ = ["both"]

CALLS = {
    "squalomail": ("get-lists-details", ["page=0", "pageSize=10"], "name", "f.list.name"),
    "gatormail": ("gatormail_groupList", ["page=1", "pageSize=10"], "title", "op.group.list"),
}


def repeat(monkeypatch: pytest.MonkeyPatch, name: str, path: str = "") -> list[str]:
    """From now on the first member of that name stands twice in each answer from such a path; gives the calls."""
    real, calls = transport.exchange, list[str]()

    def exchange(http: httpx.Client, request: httpx.Request, *bounds: Any) -> httpx.Response:
        calls.append(f"{request.method} {request.url.path}")
        answer = real(http, request, *bounds)
        if path not in request.url.path:
            return answer
        content = re.sub(rb'"%b"\s*:' % name.encode(), rb'"%b":"cAnArY",\g<0>' % name.encode(), answer.content, count=1)
        return httpx.Response(answer.status_code, content=content, request=request)

    monkeypatch.setattr(transport, "exchange", exchange)
    return calls


@pytest.mark.parametrize("platform", CALLS)
def test_a_member_that_stands_there_twice_is_named(
    both: Project, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    operation, arguments, name, row = CALLS[platform]
    calls = repeat(monkeypatch, name, operation if platform == "squalomail" else "")
    shown = both.run("api", platform, operation, *arguments)
    assert (shown.code, shown.out) == (1, "")
    assert re.search(
        rf"{operation}: the answer can't be understood: `(lists\.)?{name}` in row 1 stands there\s+twice", shown.err
    )
    assert f"`{row}`" in shown.err
    asked = both.run("doctor", platform, "--format", "json")
    differing = {
        each["id"]: each["seen"] for each in json.loads(asked.out)[platform]["findings"] if each["verdict"] == "differs"
    }
    assert asked.code == 2
    assert f"{operation} `" in differing["distort_types"]
    assert "stands there twice" in differing["distort_types"]
    both.replace("manifests/all.yaml", "Hello</p>", "Hello again</p>")
    both.replace("manifests/all.yaml", "Soon", "Later")
    calls.clear()
    applied = both.run(*SEND)
    assert applied.code == 1, applied.err
    assert re.search(rf"the answer can't be understood: `\S*{name}`.* twice", applied.err)
    assert "cAnArY" not in shown.err + asked.out + asked.err + applied.out + applied.err
    assert calls
    assert not [call for call in calls if not re.match(r"GET|.*/get-", call)]


def test_a_batch_with_a_member_twice_is_not_marked(both: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = repeat(monkeypatch, "records")
    pulled = both.run("datafeed", "pull", "--to", str(both.root / "feed.jsonl"), "--auto-approve")
    assert pulled.code == 1
    assert "`records` stands there twice" in pulled.err
    assert "`op.datafeed.fetch`" in pulled.err
    assert [call for call in calls if not call.startswith("GET")] == []
