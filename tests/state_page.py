"""The page of the docs about what a state holds: members and types from the code that reads it, and a word on each."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from reconcile.model.memory import Segment
from reconcile.state import history, state, statefile
from reconcile.state.encryption import FORMAT, Envelope, Scrypt
from reconcile.state.statefile import CHECKSUM

# Class -> its heading; members are told below, by class and name.
_PARTS: dict[str, type[BaseModel]] = {
    "The state": statefile._StateRow,
    "An account": statefile._AccountRow,
    "A resource": statefile._ResourceRow,
    "What was built": statefile._BuildRow,
    "What was pulled": get_args(statefile._ResourceRow.model_fields["pulled"].annotation)[0],
    "A former address": get_args(statefile._ResourceRow.model_fields["former"].annotation)[0],
    "An accepted edit": get_args(statefile._ResourceRow.model_fields["accepted"].annotation)[0],
    "An intent": statefile._IntentRow,
    "A generation": statefile._GenerationRow,
    "What was begun": statefile._BegunRow,
    "A memory": statefile._MemoryRow,
    "A segment": statefile._SegmentRow,
    "A digest": statefile._DigestRow,
}
WORDS: dict[str, dict[str, str]] = {
    "The state": {
        "version": f"The format: {state.FORMAT_VERSION}. A newer one is refused.",
        "lineage": "Its birth id: a state of another lineage is never written over it.",
        "serial": "Raised by every write; a write that began from another one is refused.",
        "accounts": "By alias: the account that its objects are in.",
        "resources": "By address: what was applied.",
        "intents": "By address: writes that must not happen twice, and whose outcome is not known yet.",
        "generations": "By address, removed ones too: how often it was written.",
        "memories": "By address of an audience: what it remembers of people, in digests alone.",
        "history": f"The last {state.LONGEST_HISTORY} lines of the history, oldest first.",
        "commit": "The git commit of the last apply that planned all there is.",
        "rules": "Policy and contracts that the last apply was made under.",
    },
    "An account": {
        "type": "The platform.",
        "host": "The API's host.",
        "id": "The account at it: app id, instance.",
    },
    "A resource": {
        "id": "The object's, as the platform has it.",
        "kind": "The kind, as addresses have it.",
        "applied": "As declared and sent, long texts as digests; what can't be read back stays when it is taken out.",
        "observed": "Digests of texts as they were read right after the write: a platform may rewrite them.",
        "dependencies": "Addresses that it refers to.",
        "preventDestroy": "It is protected, also once its entry is gone.",
        "external": "It is looked up, and never changed.",
        "created": "We made it; false: it was adopted.",
        "deposed": "Ids of objects that it replaced and that are not deleted yet.",
        "builds": "By text: what it was built from, and by which builder.",
        "reach": "By target: how many people were approved for mail that is to go out.",
        "pulled": "An outside edit that was pulled, and waits for manifests that hold it.",
        "former": "Addresses that it had, oldest first.",
        "accepted": "Outside edits that stay as they are.",
    },
    "What was built": {
        "source": "A digest over the files and options that it was built from.",
        "builder": "The builder, and its version.",
    },
    "What was pulled": {
        "attributes": "What was read.",
        "removed": "What was not there any more.",
        "observed": "Digests of texts as they were read.",
        "commit": "The git commit of the folder at that time.",
        "by": "Who pulled it.",
        "when": "UNIX seconds.",
        "gone": "The object was deleted outside.",
    },
    "A former address": {"address": "The address.", "commit": "The git commit that gave it another."},
    "An accepted edit": {
        "name": "The attribute.",
        "live": "What is accepted.",
        "declared": "What was declared then.",
        "reason": "Why.",
        "until": "The day it ends; null: it doesn't.",
        "by": "Who accepted it.",
        "when": "UNIX seconds.",
    },
    "An intent": {
        "operation": "The call that was about to be made.",
        "key": "The natural key of what it makes.",
        "before": "Ids that matched the key before the call; another one that matches after it is the call's.",
        "attributes": "What the object was to have.",
        "started": "When, UNIX seconds.",
        "id": "The object's, where there is one already.",
    },
    "A generation": {
        "number": "How often the address was written, so that no approval serves twice.",
        "step": "The digest of the step that wrote it last.",
        "made": "That step made the object.",
        "begun": "A step that was begun since.",
        "commit": "The git commit of the last apply that wrote it, or found it so.",
        "lost": "When an object of it was last lost for good, in UNIX seconds.",
    },
    "What was begun": {
        "step": "The step's digest.",
        "goal": "The digest of what is to be there in the end.",
        "makes": "It makes a new object.",
        "loses": "When it began to lose one for good, in UNIX seconds; 0: it loses none.",
    },
    "A memory": {
        "key": "The fingerprint of the project key that the digests were made with.",
        "rows": "How many people the source had at the last apply that could take people off, or at most since.",
        "excluded": "How many people the file of those to exclude had at the last apply that wrote.",
        "segments": "In the order in which they came; a later one goes on from those before it.",
    },
    "A segment": {
        "name": "The SHA-256 of its content, which is beside the state in its backend.",
        "count": "How many digests of 16 bytes it has.",
        "data": "The content in base64, where the backend has no other place (HTTP).",
    },
    "A digest": {"$sha256": "SHA-256 of the text in UTF-8.", "length": "Its length in characters."},
    "Journal": {
        "put": "What was applied to an address; settles its intent. `done`: its step ends with this.",
        "remove": "The address is forgotten.",
        "settle": "The write that was intended did not happen.",
        "move": "The object has another address.",
        "intend": "A write that must not happen twice is about to be made.",
        "begin": "A step is about to make its first write.",
        "remember": "What an audience remembers is this now.",
        "accounts": "The accounts behind these aliases.",
        "stand": "A run of this commit is about to apply these addresses; `whole`: it plans all there is.",
        "note": "A line of the history.",
        "rules": "The rules that an apply was made under.",
    },
    "History": {
        "version": f"The format: {history._VERSION}.",
        "previous": "SHA-256 of the line before it; 64 zeros in the first one.",
        "when": "When the run ended, in UTC.",
        "who": "Who ran it.",
        "host": "On which machine.",
        "command": "What was run.",
        "environment": "For which environment.",
        "commit": "The git commit of the project's folder; null outside of a repository.",
        "plan": "The fingerprint of the plan that was carried out.",
        "writes": "The writes that were made, by operation.",
        "lost": "How many objects were deleted or made anew, by provider and kind; the bounds of a day count them.",
        "unfinished": "How many steps failed half-way.",
        "serial": "The state's serial before and after.",
        "outcome": "The exit code.",
        CHECKSUM: "SHA-256 of the line without it, so that a changed line is found by itself.",
    },
    "Envelope": {
        "format": f"`{FORMAT}`.",
        "version": "The envelope's format.",
        "kdf": "How the key was made from a passphrase; null for a key.",
        "key_id": "Which key.",
        "nonce": "96 random bits, new for each.",
        "lineage": "The state's.",
        "serial": "The state's.",
        "line": "The line of a journal; 0 for the state itself.",
        "ciphertext": "The content, AES-256-GCM; all other members are authenticated with it.",
    },
    "Scrypt": {
        "name": "How.",
        "salt": "16 random bytes.",
        "n": "Cost, within bounds that keep a forged header from costing gigabytes.",
        "r": "Block size.",
        "p": "Parallelism.",
    },
}
_OPENING = """\
# The state

Written from the code; don't edit it here. The state is JSON that `reconcile state pull` prints, and `state push` takes
back. In every part an unknown member is refused, since it would be lost at the next write; members with their default
are left out.

| part | where | kept whole by |
| --- | --- | --- |
"""
_PLACES = {
    "state": "`.reconcile/ENV/state.json`, or an object, a row, a document elsewhere "
    "| a checksum over all of it, and one compare-and-swap per write",
    "journal": "`state.json.journal`, or rows and objects of the same backend "
    "| a checksum in each line; folded into the state when a run ends, and when the next one starts",
    "history": "`state.json.history`, and in the state | in each line the digest of the one before it, and its own",
    "segments": "beside the state in its backend | their names, which are their SHA-256, listed in the state",
}


def page() -> str:
    """The page in Markdown."""
    lines = [_OPENING.rstrip(), *(f"| {name} | {told} |" for name, told in _PLACES.items()), ""]
    for title, row in _PARTS.items():
        lines += [f"## {title}", "", *_members(row, WORDS[title])]
        if title == "The state":
            lines[-1:] = [f"| `{CHECKSUM}` | text |  | SHA-256 of all other members, as JSON with sorted keys. |", ""]
    lines += ["## The journal", "", "The first line says which state it goes on from:", ""]
    words = {name: WORDS["The state"][name] for name in ("version", "lineage", "serial")}
    lines += _members(statefile._JournalRow, {**words, "claim": "The id of the lock that it is written under."})
    lines += [
        f"Each other line is an entry with its `{CHECKSUM}`:",
        "",
        "| `op` | other members | is |",
        "| --- | --- | --- |",
    ]
    for row in get_args(statefile._EntryRow):
        for operation in get_args(row.model_fields["op"].annotation):
            names = ", ".join(f"`{name}`" for name in row.model_fields if name != "op")
            lines.append(f"| `{operation}` | {names} | {WORDS['Journal'][operation]} |")
    told = (*history._document(None, history.Run(0.0, "", "", "")),)
    assert set(told) == WORDS["History"].keys()
    types = {"version": int, "previous": str, CHECKSUM: str, **get_type_hints(history.Run), "when": str}
    lines += ["", "## The history", "", "A line for each run that changed something or meant to.", "", *_HEAD[:2]]
    lines += [f"| `{name}` | {_type(types[name])} |  | {WORDS['History'][name]} |" for name in told]
    lines += ["", "## Encryption", ""]
    lines += ["Where `RECONCILE_STATE_KEY` is set, the state, each line and each segment are in an envelope:", ""]
    lines += [*_members(Envelope, WORDS["Envelope"]), "`kdf`:", "", *_members(Scrypt, WORDS["Scrypt"])]
    assert {each.name for each in fields(Segment)} == WORDS["A segment"].keys()
    return "\n".join(lines).rstrip() + "\n"


_HEAD = ("| member | type | where absent | is |", "| --- | --- | --- | --- |")


def _members(row: type[BaseModel], words: dict[str, str]) -> Iterator[str]:
    yield from _HEAD
    names = {member.alias or name: member for name, member in row.model_fields.items()}
    assert names.keys() == words.keys(), (row, names.keys() ^ words.keys())
    for name, member in names.items():
        default = "needed" if member.is_required() else _json(member.get_default(call_default_factory=True))
        yield f"| `{name}` | {_type(member.annotation)} | {default} | {words[name]} |"
    yield ""


def _json(value: Any) -> str:
    import json

    return f"`{json.dumps(value)}`"


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (list, tuple):
        return f"list of {_type(inner[0])}"
    if origin is not None and getattr(origin, "__name__", "") in ("dict", "Mapping"):
        return f"mapping to {_type(inner[1])}"
    if inner:
        return " or ".join(_type(each) for each in inner)
    named = next((title for title, row in _PARTS.items() if row.__name__ == getattr(annotation, "__name__", "")), None)
    if named is not None:
        return named.split(" ", 1)[-1] if named.startswith(("A ", "An ")) else named[0].lower() + named[1:]
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null"}
    return plain.get(annotation, "mapping" if annotation is Scrypt else "any value")
