"""Every verdict for every attribute: changed in the manifest, outside, on both sides alike or differently."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconcile.engine.drift import drift
from reconcile.engine.run import Rights
from reconcile.model.address import Address, parse_address
from reconcile.model.attributes import Digest, same
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import rules
from reconcile.model.resource import Resource
from reconcile.planner.drift import Drift
from reconcile.planner.plan import Cause, Right
from reconcile.providers.gatormail.kinds.datafeed import DatafeedSpec
from reconcile.report.drift import drift_json, render, render_markdown
from tests.outside import colleague, edit, id_of, operator
from tests.world import NOW, OVERWRITE, REGISTRY, World, address, declared, gator, ref, resource, shape

ALL = Rights(frozenset(Right), deletes=100)


def instant(days: int) -> str:
    return datetime.fromtimestamp(NOW + days * 86400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


MAIL: dict[str, tuple[Any, ...]] = {
    "subject": ("One", "Two", "Three"),
    "body": ("<p>one</p>", "<p>two</p>", "<p>three</p>"),
    "altBody": ("one", "two", "three"),
    "fromEmail": ("a@example.com", "b@example.com", "c@example.com"),
    "fromName": ("A", "B", "C"),
    "replyToEmail": ("a@example.com", "b@example.com", "c@example.com"),
    "replyToName": ("A", "B", "C"),
    "language": ("it", "en", "sl"),
    "visible": (True, False),
}
# Kind -> attribute -> three values; what can have only two has no conflict.
READABLE: dict[str, dict[str, tuple[Any, ...]]] = {
    "squalomail.list": {
        "name": ("One", "Two", "Three"),
        "description": ("one", "two", "three"),
        "color": ("#111111", "#222222", "#333333"),
        "ordering": (1, 2, 3),
        "published": (True, False),
        "listTags": (("a",), ("a", "b"), ("c",)),
    },
    "squalomail.field": {
        "fieldname": ("One", "Two", "Three"),
        "type": ("text", "textarea", "radio"),
        "value": ("1", "2", "3"),
        "published": (True, False),
        "ordering": (7, 8, 9),
    },
    "squalomail.template": MAIL,
    "squalomail.campaign": MAIL
    | {
        "lists": ((ref("list", "a"),), (ref("list", "a"), ref("list", "b")), (ref("list", "b"),)),
        "schedule": (instant(2), instant(3), instant(4)),
    },
    "gatormail.group": {"name": ("One", "Two", "Three"), "description": ("one", "two", "three")},
    "gatormail.campaign": {
        "name": ("One", "Two", "Three"),
        "subject": ("One", "Two", "Three"),
        "fromName": ("A", "B", "C"),
        "fromAddress": ("a@example.com", "b@example.com", "c@example.com"),
        "replyTo": ("a@example.com", "b@example.com", "c@example.com"),
        "type": ("Static", "StaticRecurring", "RefreshRecurring"),
        "startDate": (instant(2), instant(3), instant(4)),
        "endDate": (instant(12), instant(13), instant(14)),
        "group": tuple(ref("group", name, "gatormail") for name in "abc"),
        "crmId": ("1", "2", "3"),
        "email.name": ("One", "Two", "Three"),
        "email.autoTrackLinks": (True, False),
        "initiate": (True, False),
    },
    "gatormail.schema": {
        "entities": tuple({"Contact": {"displayName": name}} for name in ("One", "Two", "Three")),
        "mappings": tuple({"Contact.email": name} for name in ("EmailLogin", "FirstName", "LastName")),
    },
    "gatormail.datafeed": {"batchSize": (100, 200, 300)}
    | {name: (True, False) for name in rules(DatafeedSpec) if name.startswith("feeds.")},
}
UTM = dict.fromkeys(("utmSource", "utmMedium", "utmCampaign", "utmId", "utmTerm", "utmContent"), ("one", "two"))
NEWSLETTER: dict[str, tuple[Any, ...]] = {
    "addUtm": (False, True),
    **UTM,
    "template": (ref("template", "s"), ref("template", "t")),
    "templateCustomAttributes": ({"texts": {"x": {"value": "1"}}}, {"texts": {"x": {"value": "2"}}}),
}
UNREADABLE: dict[str, dict[str, tuple[Any, ...]]] = {
    "squalomail.template": NEWSLETTER,
    "squalomail.campaign": NEWSLETTER,
    "gatormail.campaign": {"email.html": ("<p>1</p>", "<p>2</p>"), "email.text": ("1", "2")},
}
REQUIRED: dict[str, dict[str, Any]] = {
    "squalomail.list": {"name": "It"},
    "squalomail.field": {},
    "squalomail.template": {"subject": "It", "body": "<p>it</p>"},
    "squalomail.campaign": {"subject": "It", "body": "<p>it</p>", "lists": (ref("list", "a"),)},
    "gatormail.group": {"name": "It"},
    "gatormail.campaign": {
        "name": "It",
        "subject": "It",
        "fromAddress": "a@example.com",
        "startDate": instant(5),
        "group": ref("group", "a", "gatormail"),
        "email.html": "<p>it</p>",
    },
    "gatormail.schema": {"entities": {"Contact": {"attributes": {"email": {"dataType": "string"}}}}},
    "gatormail.datafeed": {},
}
MATRIX = [(kind, name, verdict) for kind in READABLE for name in READABLE[kind] for verdict in range(4)]
HIDDEN = [(kind, name) for kind in UNREADABLE for name in UNREADABLE[kind]]
PEOPLES = {("squalomail.field", name) for name in READABLE["squalomail.field"]} | {("gatormail.schema", "mappings")}
SINGLETONS = ("gatormail.schema", "gatormail.datafeed")


def around(kind: str) -> list[Resource]:
    """What campaigns refer to."""
    if kind.startswith("gatormail"):
        return [gator("group", name, {"name": name.upper()}) for name in "abc"]
    return [
        resource("list", "a", {"name": "A"}),
        resource("list", "b", {"name": "B"}),
        resource("template", "s", {"subject": "S", "body": "<p>s {{x}}</p>"}),
        resource("template", "t", {"subject": "T", "body": "<p>t {{x}}</p>"}),
    ]


def where(kind: str) -> Address:
    return parse_address(f"{kind}.{'main' if kind in SINGLETONS else 'it'}")


def it(kind: str, name: str, value: Any) -> dict[Address, Resource]:
    members = {**REQUIRED[kind], name: value}
    if name in ("template", "templateCustomAttributes"):
        del members["body"]
        members = {"template": ref("template", "s"), **members}
    address = where(kind)
    return declared(*around(kind), resource(address.kind, address.name, members, provider=address.provider))


def applied(kind: str, name: str, value: Any) -> World:
    """A world in which the attribute was applied with this value."""
    world = World(may_send=True)
    if kind == "squalomail.field":
        colleague(world).make("field", namekey="it", **{"fieldname": "It", "type": "text", name: value})
    if kind.startswith("gatormail"):
        world.apply(declared(*around(kind)), ALL)
        operator(world).people()
    world.apply(it(kind, name, value), ALL)
    if (kind, name) == ("gatormail.schema", "mappings"):
        edit(world, where(kind), {name: value})
        world.apply(it(kind, name, value), ALL)
    assert not list(world.plan(it(kind, name, value)).changes)
    return world


def verdict_of(world: World, desired: Mapping[Address, Resource], kind: str, name: str) -> Cause | None:
    step = world.plan(desired).steps[where(kind)]
    return next((change.cause for change in step.changes if change.name == name), None)


def drifted(world: World) -> Drift:
    return drift(world.workspace, world.store.read())


@pytest.mark.parametrize(("kind", "name", "verdict"), MATRIX, ids=lambda part: str(part))
def test_verdict(kind: str, name: str, verdict: int) -> None:
    """0: changed in the manifest; 1: outside; 2: on both sides alike; 3: on both sides differently."""
    before, *others = READABLE[kind][name]
    if verdict == 3 and len(others) < 2:
        return
    desired_value = others[0] if verdict in (0, 2, 3) else before
    live_value = {0: before, 1: others[0], 2: others[0], 3: others[-1]}[verdict]
    world = applied(kind, name, before)
    it_is = where(kind)
    if verdict:
        edit(world, it_is, {name: live_value})
    world.clear_log()
    expected = (Cause.MANIFEST, Cause.OUTSIDE, None, Cause.BOTH)[verdict]
    assert verdict_of(world, it(kind, name, desired_value), kind, name) is expected
    found = drifted(world)
    assert not world.writes()
    assert [(entry.address, [change.name for change in entry.changes]) for entry in found.entries] == (
        [(it_is, [name])] if verdict else []
    )
    assert found.counts(strict=True) == bool(verdict)
    assert found.counts() == (bool(verdict) and (kind, name) not in PEOPLES)
    if verdict:
        (change,) = found.entries[0].changes
        assert same(change.after, live_value)
        assert same(change.before, before)
        assert isinstance(change.after, Digest) == (name in ("body", "altBody"))


@pytest.mark.parametrize("provider", REGISTRY.providers)
def test_the_matrix_is_whole(provider: str) -> None:
    for name, kind in REGISTRY.providers[provider].kinds.items():
        if isinstance(kind, BulkKind):
            continue
        attributes = {attribute for attribute, rule in rules(kind.spec).items() if rule.file_of is None}
        hidden = {attribute for attribute in attributes if not rules(kind.spec)[attribute].readable}
        named = {kind.spec.named} if kind.spec.named else set()
        assert attributes - hidden - named == READABLE[f"{provider}.{name}"].keys()
        assert hidden == UNREADABLE.get(f"{provider}.{name}", {}).keys()


@pytest.mark.parametrize(("kind", "name"), HIDDEN)
def test_what_cant_be_read_is_told_and_changes_only_in_the_manifest(kind: str, name: str) -> None:
    before, after = UNREADABLE[kind][name]
    world = applied(kind, name, before)
    assert verdict_of(world, it(kind, name, before), kind, name) is None
    assert verdict_of(world, it(kind, name, after), kind, name) is Cause.MANIFEST
    assert name in world.plan(it(kind, name, after)).steps[where(kind)].unchecked or name.startswith("template")
    found = drifted(world)
    assert not found.entries
    assert name in found.unchecked


TAKEN: dict[str, tuple[Any, Any]] = {
    "crmId": ("1", {"crmId": ""}),
    "group": (ref("group", "a", "gatormail"), {"group": None}),
    "email.name": ("One", {"email": None}),
    "startDate": (instant(3), {"startDate": None}),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_was_taken_away_outside_comes_back(name: str) -> None:
    before, edits = TAKEN[name]
    world = applied("gatormail.campaign", name, before)
    edit(world, where("gatormail.campaign"), edits)
    desired = it("gatormail.campaign", name, before)
    (entry,) = drifted(world).entries
    assert [change.name for change in entry.changes] == [name]
    assert verdict_of(world, desired, "gatormail.campaign", name) is Cause.OUTSIDE
    assert world.apply(desired)[0] == 3
    assert world.apply(desired, OVERWRITE)[0] == 0
    assert not world.plan(desired).has_changes


def test_deleted_outside() -> None:
    world = applied("squalomail.campaign", "fromName", "A")
    colleague(world).delete("campaign", id_of(world, address("campaign", "it")))
    (entry,) = drifted(world).entries
    assert entry.gone
    assert drifted(world).counts()


def test_the_body_that_a_template_made() -> None:
    world = applied("squalomail.campaign", "template", ref("template", "s"))
    colleague(world).edit("campaign", id_of(world, address("campaign", "it")), body="<p>by hand</p>")
    (entry,) = drifted(world).entries
    assert [change.name for change in entry.changes] == ["body"]


def test_a_body_that_the_platform_rewrites_is_no_drift() -> None:
    world = World(switches={"rewrite_body": "line_ends"})
    desired = declared(resource("campaign", "it", {"subject": "It", "body": "<p>1</p>\r\n<p>2</p>"}))
    assert world.apply(desired)[0] == 0
    assert not drifted(world).entries


def test_what_was_sent_otherwise_counts_too() -> None:
    world = applied("squalomail.campaign", "schedule", instant(2))
    it_is = address("campaign", "it")
    world.now = NOW + 3 * 86400
    colleague(world).edit("campaign", id_of(world, it_is), subject="By hand")
    found = drifted(world)
    assert [(entry.address, entry.final) for entry in found.entries] == [(it_is, True)]
    assert found.counts()


def test_lists_that_are_managed_elsewhere_are_told_from_others() -> None:
    world = World()
    colleague(world).make("list", name="Theirs", published=True)
    desired = declared(
        resource("list", "theirs", {"name": "Theirs"}, external=True),
        resource("campaign", "it", {"subject": "It", "body": "<p>it</p>", "lists": (ref("list", "theirs"),)}),
    )
    assert world.apply(desired)[0] == 0
    assert not world.plan(desired).has_changes
    assert not drifted(world).entries


def test_nothing_is_read_where_nothing_was_applied() -> None:
    world = World()
    assert not drifted(world).counts()
    assert not world.log()


def test_ignored_attributes_are_no_drift() -> None:
    world = World()
    colour = replace(resource("list", "it", {"name": "It", "color": "#111111"}), ignore_changes=frozenset(["color"]))
    world.apply(declared(colour))
    colleague(world).edit("list", id_of(world, address("list", "it")), color="#222222")
    assert not drifted(world).entries


def test_it_reads_well() -> None:
    world = applied("squalomail.campaign", "fromName", "A")
    it_is = id_of(world, address("campaign", "it"))
    world.now += 3600
    colleague(world).edit("campaign", it_is, fromName="<b>", body="<p>secret words</p>")
    colleague(world).delete("list", id_of(world, address("list", "b")))
    found = drifted(world)
    text = render(found, color=False, now=world.now, zone=UTC)
    assert text == (
        "  ~ squalomail.campaign.it was edited outside\n"
        f"      body:     content changed (9 characters, sha256 {_short('<p>it</p>')} before, 19 characters, sha256 "
        f"{_short('<p>secret words</p>')} after)\n"
        '      fromName: "A" -> "<b>"\n'
        "      last changed: Fri 2027-01-15 09:00 UTC, in less than a minute\n"
        "\n"
        f"  - squalomail.list.b was deleted outside, id {_gone(found)}\n"
        "\n"
        "Drift: 1 edited outside, 1 deleted outside, of 5 objects.\n"
        "API reads made: 7\n"
        "Account of squalomail: squalomail account 4711 at 127.0.0.1\n"
    )
    assert "secret words" not in str(drift_json(found))
    markdown = render_markdown(found, now=world.now, zone=UTC)
    assert "### Drift: 1 edited outside, 1 deleted outside, of 5 objects." in markdown
    assert '`"A"` → `"<b>"`' in markdown
    json = drift_json(found)
    assert json["drift"]
    assert [entry["verdict"] for entry in json["entries"]] == ["edited outside", "deleted outside"]


def _short(text: str) -> str:
    from reconcile.model.attributes import digest_text

    return f"{digest_text(text).sha256[:8]}…"


def _gone(found: Drift) -> str:
    return next(entry.id for entry in found.entries if entry.gone)


def test_a_conflict_is_refused_even_to_who_said_yes_and_shown_as_one() -> None:
    world = applied("squalomail.campaign", "fromName", "A")
    it_is = address("campaign", "it")
    colleague(world).edit("campaign", id_of(world, it_is), fromName="B")
    desired = it("squalomail.campaign", "fromName", "C")
    said_yes = Rights(approved=True)
    code, events, made = world.apply(desired, said_yes)
    assert code == 3
    assert [found.code for event in events for found in event.diagnostics] == ["conflict"]
    assert shape(made) == {str(it_is): "update"}
    assert world.rows("Mail", 'subject=="It"')[0]["fromname"] == "B"
    assert world.apply(desired, OVERWRITE)[0] == 0
    assert world.rows("Mail", 'subject=="It"')[0]["fromname"] == "C"


def test_who_said_yes_may_overwrite_what_only_changed_outside() -> None:
    world = applied("squalomail.campaign", "fromName", "A")
    colleague(world).edit("campaign", id_of(world, address("campaign", "it")), fromName="B")
    desired = it("squalomail.campaign", "fromName", "A")
    assert world.apply(desired)[0] == 3
    assert world.apply(desired, Rights(approved=True))[0] == 0
