"""Encryption at rest: keys and their forms, rotation, tampering, and the way from plain to encrypted."""

import base64
from pathlib import Path

import orjson
import pytest

from reconcile.errors import StateError
from reconcile.model.address import Address
from reconcile.model.resource import Applied
from reconcile.state import encryption
from reconcile.state.codec import Codec
from reconcile.state.local import LocalStore
from reconcile.state.open import open_store
from reconcile.state.state import State
from reconcile.state.store import StateStore

ONE, TWO = (Address("squalomail", "list", name) for name in ("one", "two"))
APPLIED = Applied("5", {"name": "Italia"})
KEY = "5b" * 32
OTHER = base64.b64encode(bytes(range(32))).decode()
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    make = encryption.Scrypt
    monkeypatch.setattr(encryption, "Scrypt", lambda salt: make(salt=salt, n=2**10))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def store(path: Path, key: str | None = KEY, **more: str) -> StateStore:
    environ = {} if key is None else {"RECONCILE_STATE_KEY": key}
    return open_store(path, environ=environ | more)


def put(found: StateStore, *addresses: Address) -> None:
    with found.lock("apply") as state:
        for address in addresses:
            state.put(address, APPLIED)


def addresses(found: StateStore) -> set[Address]:
    state = found.read()
    assert state is not None
    return set(state.resources)


def left_by_a_killed_run(path: Path, *records: Address) -> Path:
    """Its journal, and the state as it was."""
    journal = path.with_name("state.json.journal")
    with store(path).lock("apply") as state:
        saved = path.read_bytes() if path.exists() else None
        for address in records:
            state.put(address, APPLIED)
        lines = journal.read_bytes()
    if saved is not None:
        path.write_bytes(saved)
    journal.write_bytes(lines)
    return journal


@pytest.mark.parametrize("key", [KEY, KEY.upper(), OTHER, OTHER.rstrip("="), PASSPHRASE])
def test_each_form_of_a_key_keeps_a_state(path: Path, key: str) -> None:
    put(store(path, key), ONE)
    assert b"Italia" not in path.read_bytes()
    assert addresses(store(path, key)) == {ONE}
    put(store(path, key), TWO)
    assert addresses(store(path, key)) == {ONE, TWO}


def test_the_header_says_what_it_is(path: Path) -> None:
    put(store(path), ONE)
    document = orjson.loads(path.read_bytes())
    state = store(path).read()
    assert state is not None
    assert document.keys() == {"format", "version", "key_id", "nonce", "lineage", "serial", "line", "ciphertext"}
    assert (document["format"], document["lineage"], document["serial"]) == ("reconcile-encrypted", state.lineage, 1)
    put(store(path, PASSPHRASE + "\n" + KEY), ONE)
    assert orjson.loads(path.read_bytes())["kdf"].keys() == {"name", "salt", "n", "r", "p"}


def test_no_nonce_is_used_twice(path: Path) -> None:
    nonces = set()
    for _ in range(5):
        put(store(path), ONE)
        nonces.add(orjson.loads(path.read_bytes())["nonce"])
    assert len(nonces) == 5


def test_a_passphrase_is_stretched_once_a_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store(path, PASSPHRASE), ONE)
    stretch, made = encryption._scrypt, []
    monkeypatch.setattr(encryption, "_scrypt", lambda kdf, text: made.append(kdf) or stretch(kdf, text))
    put(store(path, PASSPHRASE), ONE, TWO)
    assert len(made) == 1


def test_a_plain_state_is_encrypted_by_the_next_write(path: Path) -> None:
    put(store(path, None), ONE)
    assert addresses(store(path)) == {ONE}
    assert b"one" in path.read_bytes()
    put(store(path), TWO)
    assert b"one" not in path.read_bytes()
    assert addresses(store(path, RECONCILE_STATE_KEY_ENFORCED="1")) == {ONE, TWO}


def test_a_plain_state_is_refused_where_encryption_is_enforced(path: Path) -> None:
    put(store(path, None), ONE)
    enforced = store(path, RECONCILE_STATE_KEY_ENFORCED="true")
    with pytest.raises(StateError, match="is not encrypted, and RECONCILE_STATE_KEY_ENFORCED is set"):
        enforced.read()
    with pytest.raises(StateError, match="is not encrypted"), enforced.lock("apply"):
        pass
    for off in ("", "0", "false", "no"):
        assert addresses(store(path, RECONCILE_STATE_KEY_ENFORCED=off)) == {ONE}
    with pytest.raises(StateError, match="but there is no key"):
        store(path, None, RECONCILE_STATE_KEY_ENFORCED="1")


def test_a_plain_line_is_refused_where_encryption_is_enforced(path: Path) -> None:
    put(store(path), ONE)
    journal = left_by_a_killed_run(path, TWO)
    with journal.open("ab") as file:
        file.write(b'{"op": "remove", "address": "squalomail.list.one"}\n')
    with pytest.raises(StateError, match="line 3 is not encrypted"):
        store(path, RECONCILE_STATE_KEY_ENFORCED="1").read()
    assert addresses(store(path)) == {TWO}  # written before there was a key, for all we know


def test_the_first_key_writes_and_any_reads(path: Path) -> None:
    put(store(path, KEY), ONE)
    rotated = store(path, f"{OTHER}\n\n{KEY}\n")
    assert addresses(rotated) == {ONE}
    put(rotated, TWO)
    assert addresses(store(path, OTHER)) == {ONE, TWO}
    with pytest.raises(StateError, match="that is none of the keys given"):
        store(path, KEY).read()


def test_keys_come_from_a_file_too(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n")
    put(store(path, None, RECONCILE_STATE_KEY_FILE=str(file)), ONE)
    assert addresses(store(path, KEY)) == {ONE}
    assert addresses(store(path, OTHER, RECONCILE_STATE_KEY_FILE=str(file))) == {ONE}
    file.write_text("\n")
    with pytest.raises(StateError, match="is empty"):
        store(path, None, RECONCILE_STATE_KEY_FILE=str(file))
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(StateError, match="no text in UTF-8"):
        store(path, None, RECONCILE_STATE_KEY_FILE=str(file))
    file.unlink()
    with pytest.raises(StateError, match="can't be read"):
        store(path, None, RECONCILE_STATE_KEY_FILE=str(file))


def test_a_key_that_is_too_short_is_refused(path: Path) -> None:
    with pytest.raises(StateError, match="has only 6 characters") as caught:
        store(path, "hunter")
    assert "hunter" not in repr(caught.value.diagnostics)


def test_without_a_key_an_encrypted_state_is_not_touched(path: Path) -> None:
    put(store(path), ONE)
    before = path.read_bytes()
    for key, message in ((None, "and no key is given"), (OTHER, "none of the keys"), (PASSPHRASE, "none of the keys")):
        with pytest.raises(StateError, match=message):
            store(path, key).read()
        with pytest.raises(StateError, match=message), store(path, key).lock("apply"):
            pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("nonce", base64.b64encode(bytes(12)).decode()),
        ("nonce", ""),
        ("ciphertext", base64.b64encode(bytes(64)).decode()),
        ("ciphertext", ""),
        ("ciphertext", "***"),
        ("lineage", "another"),
        ("serial", 7),
        ("line", 2),
        ("kdf", {"name": "scrypt", "salt": "00" * 16, "n": 1024, "r": 8, "p": 1}),
        ("kdf", {"name": "scrypt", "salt": "00" * 16, "n": 2**30, "r": 8, "p": 1}),
        ("key_id", "0" * 16),
        ("version", 2),
        ("version", "1"),
        ("more", 1),
    ],
)
def test_every_change_of_the_envelope_is_noticed(path: Path, member: str, value: object) -> None:
    put(store(path), ONE)
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()) | {member: value}))
    with pytest.raises(StateError, match=r"state\.json"):
        store(path).read()


def test_every_flipped_bit_is_noticed(path: Path) -> None:
    put(store(path), ONE)
    data = path.read_bytes()
    codec = Codec.of({"RECONCILE_STATE_KEY": KEY})
    for position in range(0, len(data) - 2, 5):
        damaged = bytearray(data)
        damaged[position] ^= 1
        with pytest.raises(StateError):
            codec.parse_state(bytes(damaged), "it")


def test_the_lines_of_a_journal_are_encrypted_each(path: Path) -> None:
    put(store(path), ONE)
    with store(path).lock("apply") as state:
        state.put(TWO, APPLIED)
        lines = path.with_name("state.json.journal").read_bytes()
        assert b"two" not in lines
        assert b"Italia" not in lines
        assert addresses(store(path)) == {ONE, TWO}


def test_a_killed_run_is_taken_up(path: Path) -> None:
    put(store(path), ONE)
    journal = left_by_a_killed_run(path, TWO)
    with journal.open("ab") as file:
        file.write(journal.read_bytes().splitlines()[-1][:40])  # it was writing another one
    with store(path).lock("apply") as state:
        assert state.state.resources.keys() == {ONE, TWO}


def test_lines_cannot_change_places_or_be_taken_out(path: Path) -> None:
    put(store(path), ONE)
    journal = left_by_a_killed_run(path, TWO, ONE)
    header, two, one = journal.read_bytes().splitlines(keepends=True)
    for lines in ([header, one, two], [header, one], [header, two, two]):
        journal.write_bytes(b"".join(lines))
        with pytest.raises(StateError, match="belongs to another place"):
            store(path).read()
    journal.write_bytes(header.replace(b'"serial":1', b'"serial":1') + two + one)
    assert addresses(store(path)) == {ONE, TWO}
    journal.write_bytes(header + two + one.replace(b'"line":3', b'"line":4'))
    with pytest.raises(StateError, match="does not fit its seal"):
        store(path).read()


def test_a_line_is_no_state_and_a_state_no_line(path: Path) -> None:
    put(store(path), ONE)
    journal = left_by_a_killed_run(path, TWO)
    header, line = journal.read_bytes().splitlines(keepends=True)
    saved = path.read_bytes()
    journal.write_bytes(header + saved)
    with pytest.raises(StateError, match="belongs to another place"):
        store(path).read()
    journal.unlink()
    path.write_bytes(line)
    with pytest.raises(StateError, match="it is a line of a journal"):
        store(path).read()


def test_keys_do_not_print_themselves() -> None:
    for text in (KEY, PASSPHRASE):
        assert text not in repr(encryption.parse_secret(text))
        assert repr(bytes.fromhex(KEY)) not in repr(encryption.parse_secret(text))


def test_a_state_is_about_a_third_larger(path: Path) -> None:
    state = State("x", resources={Address("squalomail", "list", f"n{n}"): APPLIED for n in range(1000)})
    plain, sealed = (Codec.of(environ).render_state(state) for environ in ({}, {"RECONCILE_STATE_KEY": KEY}))
    assert len(sealed) < 1.34 * len(plain) + 400


def test_a_store_without_a_codec_is_plain(path: Path) -> None:
    put(LocalStore(path), ONE)
    assert b"one" in path.read_bytes()
