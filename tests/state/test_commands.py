"""``state pull``, ``push``, ``mv``, ``rm`` and ``unlock``, as a user calls them."""

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from reconcile.cli.main import run
from reconcile.model.address import Address
from reconcile.model.resource import Applied
from reconcile.state.local import LocalStore
from reconcile.state.open import open_store
from reconcile.state.store import StateStore
from tests.state.servers import StateServer

ONE, TWO = (Address("squalomail", "list", name) for name in ("one", "two"))
APPLIED = Applied("5", {"name": "Italia"})


@dataclass
class Result:
    code: int
    out: str
    err: str


def reconcile(root: Path, *arguments: str) -> Result:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = run(["-C", str(root), "--no-input", *arguments])
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "reconcile.yaml").write_text(
        'version: 1\nproviders: {squalomail: {type: squalomail, url: "sandbox:"}}\n'
    )
    return tmp_path


@pytest.fixture
def store(root: Path) -> StateStore:
    store = LocalStore(root / ".reconcile/default/state.json")
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
    return store


def addresses(store: StateStore) -> set[Address]:
    state = store.read()
    assert state is not None
    return set(state.resources)


def test_what_is_pulled_can_be_pushed(root: Path, store: StateStore) -> None:
    pulled = reconcile(root, "state", "pull")
    assert pulled.code == 0
    document = orjson.loads(pulled.out)
    assert document["resources"]["squalomail.list.one"]["id"] == "5"
    document["resources"]["squalomail.list.one"]["id"] = "6"
    (root / "state.json").write_bytes(orjson.dumps(document))
    pushed = reconcile(root, "state", "push", str(root / "state.json"))
    assert (pushed.code, pushed.out) == (0, "")
    assert "has 1 resource now, serial 2" in pushed.err
    state = store.read()
    assert state is not None
    assert (state.resources[ONE].id, state.serial) == ("6", 2)


@pytest.mark.parametrize(
    ("change", "message"), [({"lineage": "other"}, "has the lineage other"), ({"serial": 0}, "it is older")]
)
def test_a_foreign_or_older_state_is_pushed_by_force_only(
    root: Path, store: StateStore, change: dict[str, object], message: str
) -> None:
    document = orjson.loads(reconcile(root, "state", "pull").out) | change | {"resources": {}}
    (root / "state.json").write_bytes(orjson.dumps(document))
    refused = reconcile(root, "state", "push", str(root / "state.json"))
    assert refused.code == 3
    assert message in refused.err
    assert addresses(store) == {ONE}
    assert reconcile(root, "state", "push", "--force", str(root / "state.json")).code == 0
    assert addresses(store) == set()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_two_entries_for_one_object_are_not_pushed(root: Path, store: StateStore, force: list[str]) -> None:
    document = orjson.loads(reconcile(root, "state", "pull").out)
    resources = document["resources"]
    resources["squalomail.list.two"] = dict(resources["squalomail.list.one"])
    (root / "state.json").write_bytes(orjson.dumps(document))
    refused = reconcile(root, "state", "push", *force, str(root / "state.json"))
    assert refused.code == 3
    assert "squalomail.list.one and squalomail.list.two (id 5)" in refused.err
    assert addresses(store) == {ONE}
    resources["squalomail.list.two"]["external"] = True  # one is only referred to
    (root / "state.json").write_bytes(orjson.dumps(document))
    assert reconcile(root, "state", "push", *force, str(root / "state.json")).code == 0


def test_what_is_no_state_is_not_pushed(root: Path, store: StateStore) -> None:
    (root / "state.json").write_text("{}")
    refused = reconcile(root, "state", "push", "--force", str(root / "state.json"))
    assert refused.code == 1
    assert "state.json is damaged" in refused.err
    assert addresses(store) == {ONE}


def test_there_is_nothing_to_pull_before_the_first_apply(root: Path) -> None:
    result = reconcile(root, "state", "pull")
    assert (result.code, result.out) == (1, "")
    assert "There is no state yet" in result.err


def test_an_encrypted_state_is_pulled_in_clear(root: Path, store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_STATE_KEY", "5b" * 32)
    assert reconcile(root, "state", "mv", "squalomail.list.one", "squalomail.list.two").code == 0
    assert b"Italia" not in (root / ".reconcile/default/state.json").read_bytes()
    assert "Italia" in reconcile(root, "state", "pull").out
    monkeypatch.delenv("RECONCILE_STATE_KEY")
    assert "no key is given" in reconcile(root, "state", "pull").err


def test_an_object_gets_another_address(root: Path, store: StateStore) -> None:
    assert reconcile(root, "state", "mv", "squalomail.list.one", "squalomail.list.two").code == 0
    assert addresses(store) == {TWO}
    for source, target, message in (
        ("squalomail.list.one", "squalomail.list.three", "is not in the state"),
        ("squalomail.list.two", "squalomail.campaign.two", "only the name"),
        ("squalomail.list.two", "two", "is no address"),
    ):
        refused = reconcile(root, "state", "mv", source, target)
        assert refused.code == 1
        assert message in refused.err
    assert addresses(store) == {TWO}


def test_objects_are_forgotten(root: Path, store: StateStore) -> None:
    with store.lock("apply") as state:
        state.put(TWO, APPLIED)
    refused = reconcile(root, "state", "rm", "squalomail.list.one", "squalomail.list.three")
    assert refused.code == 1
    assert "squalomail.list.three is not in the state, so nothing was forgotten" in refused.err
    assert addresses(store) == {ONE, TWO}
    result = reconcile(root, "state", "rm", "squalomail.list.one")
    assert result.code == 0
    assert "The objects stay as they are" in result.err
    assert addresses(store) == {TWO}


def test_a_local_lock_ends_with_its_process(root: Path, store: StateStore) -> None:
    free = reconcile(root, "state", "unlock")
    assert (free.code, "is not locked" in free.err) == (1, True)
    with store.lock("apply"):
        locked = reconcile(root, "state", "rm", "squalomail.list.one")
        assert locked.code == 5
        result = reconcile(root, "state", "unlock", "any")
        assert result.code == 1
        assert "ends with its process" in result.err


def test_a_lock_left_behind_is_freed_by_its_id(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StateServer() as server:
        store = open_store(f"{server.url}/shop", environ={}, who="anna")
        monkeypatch.setattr("reconcile.cli.workspace.Project.store", lambda _: store)
        server.locks["/shop"] = {"ID": "1-2", "Who": "ben@laptop", "Operation": "apply", "Info": ""}
        asked = reconcile(root, "state", "unlock")
        assert asked.code == 3
        assert "reconcile state unlock 1-2" in asked.err
        wrong = reconcile(root, "state", "unlock", "3-4")
        assert (wrong.code, "does not have the id" in wrong.err) == (1, True)
        freed = reconcile(root, "state", "unlock", "1-2")
        assert freed.code == 0
        assert "it was locked by ben on laptop for apply" in freed.err
        assert server.locks == {}


MANIFEST = """\
squalomail:
  lists:
    news: {name: News}
    more: {name: More}
  campaigns:
    hello: {subject: Hello, body: "<p>Hello</p>", lists: [news], utmSource: mail, addUtm: true}
"""


@pytest.fixture
def applied(root: Path) -> Path:
    """A project whose manifests are applied to its sandbox; its state file."""
    (root / "manifests").mkdir()
    (root / "manifests" / "all.yaml").write_text(MANIFEST)
    result = reconcile(root, "apply", "--auto-approve")
    assert result.code == 0, result.err
    return root / ".reconcile/default/state.json"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", None])
def test_a_damaged_state_is_made_anew(root: Path, applied: Path, damage: bytes | None) -> None:
    reconcile(root, "state", "mv", "squalomail.list.more", "squalomail.list.more2")
    reconcile(root, "state", "mv", "squalomail.list.more2", "squalomail.list.more")
    if damage is None:
        applied.unlink()
    else:
        applied.write_bytes(damage)
    assert reconcile(root, "plan").code == 1
    refused = reconcile(root, "state", "rebuild")
    assert refused.code == 3
    assert "--auto-approve" in refused.err
    assert "squalomail.list.news is bound to id " in refused.out
    assert "unknown, since they can't be read: addUtm, utmSource" in refused.out
    rebuilt = reconcile(root, "state", "rebuild", "--auto-approve")
    assert rebuilt.code == 0, rebuilt.err
    assert "has 3 resources now" in rebuilt.err
    assert ".set-aside-" in rebuilt.err
    assert reconcile(root, "plan", "--detailed-exitcode").code == 0


def test_a_usable_state_can_be_made_anew_too(root: Path, applied: Path) -> None:
    before = orjson.loads(applied.read_bytes())
    (root / "manifests" / "all.yaml").write_text(MANIFEST.replace("    more: {name: More}\n", "    new: {name: New}\n"))
    rebuilt = reconcile(root, "state", "rebuild", "--auto-approve")
    assert rebuilt.code == 0
    assert "squalomail.list.more is forgotten (id " in rebuilt.out
    assert "squalomail.list.new matches nothing" in rebuilt.out
    after = orjson.loads(applied.read_bytes())
    assert (after["lineage"], after["serial"]) == (before["lineage"], before["serial"] + 1)
    assert after["accounts"] == before["accounts"]
    assert after["resources"].keys() == {"squalomail.list.news", "squalomail.campaign.hello"}
