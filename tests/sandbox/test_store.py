"""The sandbox's file: for its owner alone, and when it can't be used, that is said with the way out."""

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from reconcile.sandbox import DataError, Sandbox

Api = Any


def _damage(path: Path) -> None:
    """Spoil every page but the first, so that it still opens."""
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def test_the_file_and_its_journal_are_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "sandbox.sqlite"
    before = os.umask(0)
    try:
        with Sandbox(path):
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert "sandbox.sqlite" in modes
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite"
    with Sandbox(path):
        pass
    path.chmod(0o644)
    with Sandbox(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sandbox.sqlite"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"sandbox.sqlite can't be used .*remove it, or name another file"):
        Sandbox(path)
    assert path.read_bytes() == content


def test_a_file_of_another_format(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(DataError, match="have format 7, not 1: remove the file"):
        Sandbox(path)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't be used: "):
        Sandbox(tmp_path / "file" / "sandbox.sqlite")


def test_a_file_damaged_while_it_is_served(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite"
    body = {"apiKey": "K", "name": "x"}
    with Sandbox(path) as sandbox:
        sandbox.handle(httpx.Request("POST", "http://s/squalomail/v1/create-list", json=body))
    _damage(path)
    try:
        damaged = Sandbox(path)
    except DataError as error:
        assert "damaged" in str(error)  # noqa: PT017 - SQLite may notice at once, or with the first call
        return
    with damaged:
        answer = damaged.handle(httpx.Request("GET", "http://s/squalomail/v1/get-data?apiKey=K&entity=List"))
        assert answer.status_code == 507
        assert "damaged" in answer.json()["errorMessage"]


@pytest.mark.parametrize(
    ("url", "message"),
    [("/squalomail/v1/create-list", "errorMessage"), ("/oauth/core/connect/token", "error_description")],
)
def test_a_full_disk_is_told_and_nothing_is_half_done(make: Any, url: str, message: str) -> None:
    api = make()
    api.list("Before")
    with api.sandbox.store.transaction(write=False) as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    form = {"grant_type": "password", "username": "u", "password": "p", "scope": "openid GatorMailApi"}
    for number in range(3000):
        if url.startswith("/oauth"):
            answer = api.client.post(url, data=form, auth=("c", "s"))
        else:
            answer = api.client.post(url, json={"apiKey": "K", "name": f"{number}" * 50})
        if answer.status_code != 200:
            break
    assert answer.status_code == 507
    assert "The sandbox's file :memory: can't be used" in answer.json()[message]
    assert "the disk is full" in answer.json()[message]
    assert api.data("List")[0]["name"] == "Before"


@pytest.mark.parametrize("moment", [1e308, -1, 253_370_764_800, float("nan"), float("inf"), 10**400])
def test_a_moment_that_is_none_is_refused(api: Api, moment: float) -> None:
    api.recipient(listIds=[api.list()])
    content = b'{"now": %s}' % str(moment).replace("inf", "Infinity").replace("nan", "NaN").encode()
    answer = api.client.post("/_sandbox/clock", content=content)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert api.control("GET", "clock")["set"] is False


@pytest.mark.parametrize(
    ("url", "status"),
    [("/squalomail/v1/create-list", 400), ("/_sandbox/switches", 400), ("/gatormail/example_testlz/campaign", 401)],
)
def test_deep_json_is_answered(api: Api, url: str, status: int) -> None:
    for content in (b"[" * 100_000, b'{"a":' * 100_000):
        assert api.client.post(url, content=content).status_code == status
