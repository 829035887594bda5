"""Every verdict for every attribute: changed in the manifest, outside, on both sides alike or differently."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconcile.engine.drift import drift
from reconcile.engine.run import Rights
from reconcile.model.address import Address
from reconcile.model.attributes import Digest, same
from reconcile.model.bulk import BulkKind
from reconcile.model.kind import rules
from reconcile.model.resource import Resource
from reconcile.planner.drift import Drift
from reconcile.planner.plan import Cause, Right
from reconcile.report.drift import drift_json, render, render_markdown
from tests.outside import colleague, id_of, typed
from tests.world import NOW, OVERWRITE, REGISTRY, World, address, declared, ref, resource, shape

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
    "list": {
        "name": ("One", "Two", "Three"),
        "description": ("one", "two", "three"),
        "color": ("#111111", "#222222", "#333333"),
        "ordering": (1, 2, 3),
        "published": (True, False),
        "listTags": (("a",), ("a", "b"), ("c",)),
    },
    "field": {
        "fieldname": ("One", "Two", "Three"),
        "type": ("text", "textarea", "radio"),
        "value": ("1", "2", "3"),
        "published": (True, False),
        "ordering": (7, 8, 9),
    },
    "template": MAIL,
    "campaign": MAIL
    | {
        "lists": ((ref("list", "a"),), (ref("list", "a"), ref("list", "b")), (ref("list", "b"),)),
        "schedule": (instant(2), instant(3), instant(4)),
    },
}
UTM = dict.fromkeys(("utmSource", "utmMedium", "utmCampaign", "utmId", "utmTerm", "utmContent"), ("one", "two"))
UNREADABLE: dict[str, tuple[Any, ...]] = {
    "addUtm": (False, True),
    **UTM,
    "template": (ref("template", "s"), ref("template", "t")),
    "templateCustomAttributes": ({"texts": {"x": {"value": "1"}}}, {"texts": {"x": {"value": "2"}}}),
}
REQUIRED: dict[str, dict[str, Any]] = {
    "list": {"name": "It"},
    "field": {},
    "template": {"subject": "It", "body": "<p>it</p>"},
    "campaign": {"subject": "It", "body": "<p>it</p>", "lists": (ref("list", "a"),)},
}
MATRIX = [(kind, name, verdict) for kind in READABLE for name in READABLE[kind] for verdict in range(4)]


def around() -> list[Resource]:
    """What campaigns refer to."""
    return [
        resource("list", "a", {"name": "A"}),
        resource("list", "b", {"name": "B"}),
        resource("template", "s", {"subject": "S", "body": "<p>s {{x}}</p>"}),
        resource("template", "t", {"subject": "T", "body": "<p>t {{x}}</p>"}),
    ]


def it(kind: str, name: str, value: Any) -> dict[Address, Resource]:
    members = {**REQUIRED[kind], name: value}
    if name in ("template", "templateCustomAttributes"):
        del members["body"]
        members = {"template": ref("template", "s"), **members}
    return declared(*around(), resource(kind, "it", members))


def applied(kind: str, name: str, value: Any) -> World:
    """A world in which the attribute was applied with this value."""
    world = World(may_send=True)
    if kind == "field":
        colleague(world).make("field", namekey="it", **{"fieldname": "It", "type": "text", name: value})
    world.apply(it(kind, name, value), ALL)
    assert not world.plan(it(kind, name, value)).has_changes
    return world


def verdict_of(world: World, desired: Mapping[Address, Resource], kind: str, name: str) -> Cause | None:
    step = world.plan(desired).steps[address(kind, "it")]
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
    it_is = address(kind, "it")
    if verdict:
        colleague(world).edit(kind, id_of(world, it_is), **typed(world, name, live_value))
    world.clear_log()
    expected = (Cause.MANIFEST, Cause.OUTSIDE, None, Cause.BOTH)[verdict]
    assert verdict_of(world, it(kind, name, desired_value), kind, name) is expected
    found = drifted(world)
    assert not world.writes()
    assert [(entry.address, [change.name for change in entry.changes]) for entry in found.entries] == (
        [(it_is, [name])] if verdict else []
    )
    assert found.counts(strict=True) == bool(verdict)
    assert found.counts() == (bool(verdict) and kind != "field")
    if verdict:
        (change,) = found.entries[0].changes
        assert same(change.after, live_value)
        assert same(change.before, before)
        assert isinstance(change.after, Digest) == (name in ("body", "altBody"))


def test_the_matrix_is_whole() -> None:
    for name, kind in REGISTRY.providers["squalomail"].kinds.items():
        if isinstance(kind, BulkKind):
            continue
        attributes = {attribute for attribute, rule in rules(kind.spec).items() if rule.file_of is None}
        hidden = {attribute for attribute in attributes if not rules(kind.spec)[attribute].readable}
        named = {kind.spec.named} if kind.spec.named else set()
        assert attributes - hidden - named == READABLE[name].keys()
        assert not hidden or hidden == UNREADABLE.keys()


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("kind", ["template", "campaign"])
def test_what_cant_be_read_is_told_and_changes_only_in_the_manifest(kind: str, name: str) -> None:
    before, after = UNREADABLE[name]
    world = applied(kind, name, before)
    assert verdict_of(world, it(kind, name, before), kind, name) is None
    assert verdict_of(world, it(kind, name, after), kind, name) is Cause.MANIFEST
    found = drifted(world)
    assert not found.entries
    assert name in found.unchecked


def test_deleted_outside() -> None:
    world = applied("campaign", "fromName", "A")
    colleague(world).delete("campaign", id_of(world, address("campaign", "it")))
    (entry,) = drifted(world).entries
    assert entry.gone
    assert drifted(world).counts()


def test_the_body_that_a_template_made() -> None:
    world = applied("campaign", "template", ref("template", "s"))
    colleague(world).edit("campaign", id_of(world, address("campaign", "it")), body="<p>by hand</p>")
    (entry,) = drifted(world).entries
    assert [change.name for change in entry.changes] == ["body"]


def test_a_body_that_the_platform_rewrites_is_no_drift() -> None:
    world = World(switches={"rewrite_body": "line_ends"})
    desired = declared(resource("campaign", "it", {"subject": "It", "body": "<p>1</p>\r\n<p>2</p>"}))
    assert world.apply(desired)[0] == 0
    assert not drifted(world).entries


def test_what_was_sent_is_told_and_does_not_count() -> None:
    world = applied("campaign", "schedule", instant(2))
    it_is = address("campaign", "it")
    world.now = NOW + 3 * 86400
    colleague(world).edit("campaign", id_of(world, it_is), subject="By hand")
    found = drifted(world)
    assert [(entry.address, entry.final) for entry in found.entries] == [(it_is, True)]
    assert not found.counts(strict=True)


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
    world = applied("campaign", "fromName", "A")
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
        "API reads made: 5\n"
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
    world = applied("campaign", "fromName", "A")
    it_is = address("campaign", "it")
    colleague(world).edit("campaign", id_of(world, it_is), fromName="B")
    desired = it("campaign", "fromName", "C")
    said_yes = Rights(approved=True)
    code, events, made = world.apply(desired, said_yes)
    assert code == 3
    assert [found.code for event in events for found in event.diagnostics] == ["conflict"]
    assert shape(made) == {str(it_is): "update"}
    assert world.rows("Mail", 'subject=="It"')[0]["fromname"] == "B"
    assert world.apply(desired, OVERWRITE)[0] == 0
    assert world.rows("Mail", 'subject=="It"')[0]["fromname"] == "C"


def test_who_said_yes_may_overwrite_what_only_changed_outside() -> None:
    world = applied("campaign", "fromName", "A")
    colleague(world).edit("campaign", id_of(world, address("campaign", "it")), fromName="B")
    desired = it("campaign", "fromName", "A")
    assert world.apply(desired)[0] == 3
    assert world.apply(desired, Rights(approved=True))[0] == 0
