"""The state file and the journal's lines: round trips, and what is said of files that are none."""

import random
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.errors import StateError
from reconcile.model.account import Account
from reconcile.model.address import Address
from reconcile.model.attributes import Digest, Value, digest_text
from reconcile.model.generation import Begun, Generation
from reconcile.model.reference import Reference
from reconcile.model.resource import Applied, Former, PullRecord
from reconcile.state.journal import Accounts, Begin, Entry, Intend, Move, Note, Put, Remove, Settle, Stand
from reconcile.state.state import Intent, State
from reconcile.state.statefile import (
    REBUILD,
    JournalHeader,
    parse_entries,
    parse_journal_header,
    parse_state,
    render_entry,
    render_journal_header,
    render_state,
)

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]*", fullmatch=True)
addresses = st.builds(Address, names, names, names)
digests = st.text().map(digest_text)
scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    digests,
    st.builds(Reference, addresses),
)
keys = st.text().filter(lambda key: not key.startswith("$"))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(keys, inner, max_size=3)
)
attributes = st.dictionaries(keys, values, max_size=4)
ids = st.lists(st.text(), max_size=2).map(tuple)
moments = st.floats(min_value=0, allow_infinity=False)
records = st.builds(
    PullRecord,
    attributes,
    ids,
    st.dictionaries(keys, digests, max_size=2),
    st.text(),
    st.text(),
    moments,
)
applieds = st.builds(
    Applied,
    st.text(),
    attributes,
    st.dictionaries(keys, digests, max_size=2),
    st.lists(addresses, max_size=2).map(tuple),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    ids,
    pulled=st.none() | records,
    former=st.lists(st.builds(Former, addresses, st.text()), max_size=2).map(tuple),
)
intents = st.builds(
    Intent,
    addresses,
    st.text(),
    st.none() | st.lists(values, max_size=2).map(tuple),
    ids,
    attributes,
    st.floats(min_value=0, allow_infinity=False),
    st.none() | st.text(),
)
accounts = st.dictionaries(names, st.builds(Account, st.text(), st.text(), st.text()), max_size=2)
begun = st.builds(Begun, st.text(), st.text(), st.booleans())
generations = st.builds(Generation, st.integers(0, 2**31), st.text(), st.booleans(), st.none() | begun, st.text())
lineages = st.text(min_size=1)
serials = st.integers(0, 2**63 - 1)
states = st.builds(
    State,
    lineages,
    serials,
    accounts,
    st.dictionaries(addresses, applieds, max_size=3),
    st.lists(intents, max_size=2).map(lambda found: {intent.address: intent for intent in found}),
    st.dictionaries(addresses, generations, max_size=2),
    commit=st.text(),
)
entries = st.one_of(
    st.builds(Put, addresses, applieds, st.booleans()),
    st.builds(Begin, addresses, begun),
    st.builds(Note, st.text()),
    st.builds(Remove, addresses),
    st.builds(Move, addresses, addresses, st.text()),
    st.builds(Stand, st.text(), st.lists(addresses, max_size=2).map(tuple), st.booleans()),
    st.builds(Intend, intents),
    st.builds(Settle, addresses),
    st.builds(Accounts, accounts),
)

ITALIA = Address("squalomail", "list", "italia")
STATE = State(
    "3f1c",
    7,
    {"squalomail": Account("squalomail", "api.squalomail.com", "4711")},
    {
        Address("squalomail", "campaign", "spring"): Applied(
            "12",
            {"subject": "Saldi", "body": Digest("ab", 5), "lists": (Reference(ITALIA),)},
            {"body": Digest("cd", 6)},
            (ITALIA,),
            prevent_destroy=True,
            deposed=("11",),
        ),
        ITALIA: Applied("5", {"name": "Italia"}, external=True, created=False),
    },
    {ITALIA: Intent(ITALIA, "create-list", ("Italia",), ("4",), {"name": "Italia"}, 1764547200.5, "5")},
)
TEXT = """\
{
  "version": 1,
  "lineage": "3f1c",
  "serial": 7,
  "accounts": {
    "squalomail": {
      "type": "squalomail",
      "host": "api.squalomail.com",
      "id": "4711"
    }
  },
  "resources": {
    "squalomail.campaign.spring": {
      "id": "12",
      "kind": "campaign",
      "applied": {
        "subject": "Saldi",
        "body": {
          "$sha256": "ab",
          "length": 5
        },
        "lists": [
          {
            "$ref": "squalomail.list.italia"
          }
        ]
      },
      "observed": {
        "body": {
          "$sha256": "cd",
          "length": 6
        }
      },
      "dependencies": [
        "squalomail.list.italia"
      ],
      "preventDestroy": true,
      "deposed": [
        "11"
      ]
    },
    "squalomail.list.italia": {
      "id": "5",
      "kind": "list",
      "applied": {
        "name": "Italia"
      },
      "external": true,
      "created": false
    }
  },
  "intents": {
    "squalomail.list.italia": {
      "operation": "create-list",
      "key": [
        "Italia"
      ],
      "before": [
        "4"
      ],
      "attributes": {
        "name": "Italia"
      },
      "started": 1764547200.5,
      "id": "5"
    }
  }
}
"""
BARE: dict[str, Any] = {"version": 1, "lineage": "3f1c", "serial": 7, "resources": {}}


def with_resource(**members: Any) -> bytes:
    return orjson.dumps(BARE | {"resources": {str(ITALIA): {"id": "5", "applied": {}} | members}})


def refusal(data: bytes) -> StateError:
    with pytest.raises(StateError) as caught:
        parse_state(data, "state.json", "Do this.")
    assert caught.value.exit_code == 1
    return caught.value


@settings(deadline=None)
@given(states)
def test_a_state_comes_back_as_it_was(state: State) -> None:
    # By their text, since True == 1 == 1.0.
    again = parse_state(render_state(state), "state.json")
    assert again == state
    assert sorted(map(repr, again.resources.items())) == sorted(map(repr, state.resources.items()))


@settings(deadline=None)
@given(lineages, serials, st.lists(entries, max_size=4))
def test_a_journal_comes_back_as_it_was(lineage: str, serial: int, written: list[Entry]) -> None:
    header = JournalHeader(lineage, serial)
    data = render_journal_header(header) + b"".join(map(render_entry, written))
    assert data.count(b"\n") == 1 + len(written)
    assert parse_journal_header(data, "journal") == header
    assert list(map(repr, parse_entries(data, "journal"))) == list(map(repr, written))


def test_the_file_is_readable_and_says_no_more_than_it_must() -> None:
    assert _unsigned(render_state(STATE)) == orjson.loads(TEXT)
    assert render_state(STATE).decode().startswith(TEXT.rstrip("}\n").rstrip())
    assert parse_state(TEXT.encode(), "state.json") == STATE  # as versions before checksums wrote it
    assert _unsigned(render_state(State("3f1c", 7))) == BARE


def _unsigned(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(data)
    assert len(document.pop("checksum")) == 64
    return document


def test_a_changed_byte_never_makes_another_state() -> None:
    """4,000 of the state, 1,000 of a journal's lines: refused, or without effect."""
    chance = random.Random(12)
    data = render_state(STATE)
    for _ in range(4000):
        damaged = _damaged(data, chance)
        with suppress(StateError):
            assert parse_state(damaged, "state.json") == STATE, damaged
    entries: list[Entry] = [Put(address, applied) for address, applied in STATE.resources.items()]
    header = render_journal_header(JournalHeader("3f1c", 7))
    lines = b"".join(render_entry(entry) for entry in entries)
    last = render_entry(Settle(next(iter(STATE.resources))))
    for _ in range(1000):
        damaged = _damaged(lines, chance)
        with suppress(StateError):
            assert list(parse_entries(header + damaged + 2 * last, "journal"))[:-2] == entries, damaged


def _damaged(data: bytes, chance: random.Random) -> bytes:
    """A byte changed, or some cut out."""
    at = chance.randrange(len(data))
    if chance.random() < 0.2:
        return data[:at] + data[at + chance.randint(1, 20) :]
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def test_the_order_of_the_file_is_that_of_the_addresses() -> None:
    some = [Address("a", "list", name) for name in ("c", "a", "b")]
    texts = {
        render_state(State("x", 1, {}, {address: Applied("1", {}) for address in order}))
        for order in (some, some[::-1], sorted(some))
    }
    assert len(texts) == 1


def test_the_kind_may_be_left_out() -> None:
    assert parse_state(with_resource(), "state.json").resources == {ITALIA: Applied("5", {})}


@pytest.mark.parametrize("data", [b"", b" \n"])
def test_an_empty_file_is_no_new_project(data: bytes) -> None:
    error = refusal(data)
    assert str(error) == "The state file state.json is empty."
    assert error.diagnostics[0].hint == "Do this."


def test_a_truncated_file_is_refused_wherever_it_ends() -> None:
    for length in range(1, len(TEXT) - 2):
        assert str(refusal(TEXT.encode()[:length])).startswith("The state file state.json is damaged at line ")


def test_a_damaged_file_is_refused_with_the_place() -> None:
    error = refusal(TEXT.encode().replace(b'"serial": 7,', b'"serial": 7'))
    assert str(error).startswith("The state file state.json is damaged at line 5, column 3: ")
    assert error.diagnostics[0].hint == "Do this."


@pytest.mark.parametrize("version", [2, 99])
def test_a_newer_format_is_refused_before_its_shape_is_looked_at(version: int) -> None:
    error = refusal(orjson.dumps({"version": version, "things": []}))
    assert str(error) == (
        f"state.json was written by a newer reconcile: its format has version {version},"
        " and this reconcile reads those up to 1."
    )
    assert error.diagnostics[0].hint == "Upgrade reconcile on this machine, and leave the file as it is."


NO_ADDRESS = 'state.json is damaged: "italia" is no address: it takes provider.kind.name, such as shop.list.italia.'


def shape(finding: str) -> str:
    return f"state.json is damaged: {finding}."


def of_resource(finding: str) -> str:
    return shape(f"resources > squalomail.list.italia > {finding}")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "state.json does not hold a JSON object, so it is not the state."),
        (b"null", "state.json does not hold a JSON object, so it is not the state."),
        (b"{}", shape("version is missing, and there are 3 more such findings")),
        (
            orjson.dumps(BARE | {"version": 0}),
            "state.json claims the format version 0, which there has never been.",
        ),
        (orjson.dumps(BARE | {"version": "1"}), shape("version is wrong (Input should be a valid integer)")),
        (orjson.dumps(BARE | {"version": True}), shape("version is wrong (Input should be a valid integer)")),
        (orjson.dumps({k: v for k, v in BARE.items() if k != "serial"}), shape("serial is missing")),
        (
            orjson.dumps(BARE | {"serial": -1}),
            shape("serial is wrong (Input should be greater than or equal to 0)"),
        ),
        (
            orjson.dumps(BARE | {"lineage": ""}),
            shape("lineage is wrong (String should have at least 1 character)"),
        ),
        (orjson.dumps(BARE | {"resources": []}), shape("resources is wrong (Input should be a valid dictionary)")),
        (orjson.dumps(BARE | {"checks": {}}), shape("checks is not known to this version of reconcile")),
        (
            with_resource(id=5),
            of_resource("id is wrong (Input should be a valid string)"),
        ),
        (
            with_resource(note=""),
            of_resource("note is not known to this version of reconcile"),
        ),
        (
            with_resource(observed={"body": {"$sha256": "ab"}}),
            of_resource("observed > body > length is missing"),
        ),
        (
            with_resource(kind="group"),
            'state.json is damaged: the kind of squalomail.list.italia is "list", not "group".',
        ),
        (
            with_resource(dependencies=["italia"]),
            NO_ADDRESS,
        ),
        (
            orjson.dumps(BARE | {"resources": {"italia": {"id": "5", "applied": {}}}}),
            NO_ADDRESS,
        ),
        (with_resource(applied={"list": {"$ref": 5}}), "state.json is damaged: it has a malformed reference or value."),
    ],
)
def test_what_is_no_state_is_refused_with_what_is_wrong(data: bytes, message: str) -> None:
    error = refusal(data)
    assert str(error) == message
    assert error.diagnostics[0].hint in ("Do this.", REBUILD)


def test_a_refusal_does_not_repeat_what_the_file_holds() -> None:
    assert "anna@example.com" not in str(refusal(with_resource(id=["anna@example.com"])))


def test_a_value_without_a_place_in_json_is_refused_with_its_address() -> None:
    with pytest.raises(StateError) as caught:
        render_entry(Put(ITALIA, Applied("5", {"ordering": 2**70})))
    assert str(caught.value) == (
        "What is to be recorded of squalomail.list.italia has a value that can't be kept as JSON:"
        " Integer exceeds 64-bit range."
    )


HEADER = render_journal_header(JournalHeader("3f1c", 7))
ENTRIES: list[Entry] = [
    Intend(STATE.intents[ITALIA]),
    *(Put(*pair) for pair in STATE.resources.items()),
    Remove(ITALIA),
]
LINES = [HEADER, *map(render_entry, ENTRIES)]


def test_a_torn_journal_has_every_entry_whose_line_is_complete() -> None:
    whole = b"".join(LINES)
    for length in range(len(whole) + 1):
        data = whole[:length]
        complete = data.count(b"\n")
        header = parse_journal_header(data, "journal")
        assert header == (JournalHeader("3f1c", 7) if complete else None)
        if header is not None:
            assert list(parse_entries(data, "journal")) == ENTRIES[: complete - 1]


@pytest.mark.parametrize("garbage", [b"\0" * 40, b'{"op":"re', b"\0\0\n", b'{"op":"\0\0\0"}\n'])
def test_an_unreadable_last_line_was_never_acknowledged(garbage: bytes) -> None:
    assert list(parse_entries(b"".join(LINES) + garbage, "journal")) == ENTRIES


@pytest.mark.parametrize("damage", [b'{"op":"remove","addr\n', b"\n", LINES[-1][:-1] + b"?", LINES[-1][1:]])
def test_a_last_line_that_was_written_whole_and_damaged_is_an_error(damage: bytes) -> None:
    with pytest.raises(StateError, match=r"^journal is damaged in line"):
        list(parse_entries(b"".join(LINES) + damage, "journal"))


def test_an_unreadable_first_line_is_torn_only_if_it_is_the_last() -> None:
    assert parse_journal_header(b"\0\0\0\n", "journal") is None
    with pytest.raises(StateError, match=r"^journal is damaged in line 1: .*\.$"):
        parse_journal_header(b"\0\0\0\n" + LINES[1], "journal")


@pytest.mark.parametrize("damage", [b"\n", b'{"op":"remove"\n', b"\0\0\n"])
@pytest.mark.parametrize("line", [2, 3, 4])
def test_a_damaged_line_elsewhere_is_an_error_with_its_number(damage: bytes, line: int) -> None:
    lines = [*LINES[: line - 1], damage, *LINES[line:]]
    for tail in (b"", b'{"op":'):
        with pytest.raises(StateError, match=rf"^journal is damaged in line {line}: ") as caught:
            list(parse_entries(b"".join(lines) + tail, "journal", "Do this."))
        assert caught.value.diagnostics[0].hint == "Do this."
        assert caught.value.exit_code == 1


def test_a_damaged_line_before_a_torn_one_is_no_torn_one() -> None:
    with pytest.raises(StateError, match=r"^journal is damaged in line 2: "):
        list(parse_entries(HEADER + b'{"op":\n{"op":', "journal"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"op": "rename", "address": str(ITALIA)}, "line 2 is damaged: the whole is wrong"),
        ({"op": "remove"}, "line 2 is damaged: remove > address is missing"),
        ({"op": "remove", "address": "italia"}, 'line 2 is damaged: "italia" is no address'),
        (["remove"], "line 2 is damaged: the whole is wrong"),
    ],
)
def test_a_readable_line_that_is_no_entry_is_an_error_even_if_it_is_the_last(line: object, message: str) -> None:
    with pytest.raises(StateError) as caught:
        list(parse_entries(HEADER + orjson.dumps(line) + b"\n", "journal"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"version": 2}, "journal was written by a newer reconcile: its format has version 2"),
        ({"version": 1, "serial": 2}, "journal, line 1 is damaged: lineage is missing."),
        ([], "journal, line 1 does not hold a JSON object"),
    ],
)
def test_a_wrong_first_line_is_an_error(header: object, message: str) -> None:
    with pytest.raises(StateError) as caught:
        parse_journal_header(orjson.dumps(header) + b"\n", "journal")
    assert str(caught.value).startswith(message)
