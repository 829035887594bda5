"""What refers to what: external templates, replaced lists, targets, renames, deletions and what stands in their way."""

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import Refused
from reconcile.model.address import Address
from reconcile.model.policy import Policy
from reconcile.model.resource import Resource
from reconcile.planner.make import Request
from tests.world import OVERWRITE, World, address, declared, failures, ref, resource, shape

LIST = resource("list", "a", {"name": "A"})


def campaign(name: str = "c", template: str = "t", word: str = "1", **options: object) -> Resource:
    attributes = {
        "subject": f"Subject {name}",
        "template": ref("template", template),
        "templateCustomAttributes": {"texts": {"x": {"value": word}}},
        "lists": (ref("list", "a"),),
    }
    return resource("campaign", name, attributes, **options)


def template(body: str = "<p>{{x}}</p>", **options: object) -> Resource:
    return resource("template", "t", {"subject": "T", "body": body}, **options)


def id_of(world: World, where: Address) -> int:
    state = world.store.read()
    assert state is not None
    return int(state.resources[where].id)


def applied(world: World, desired: dict[Address, Resource], request: Request | None = None) -> dict[str, str]:
    code, events, made = world.apply(desired, OVERWRITE, request)
    assert code == 0, failures(events)
    return shape(made)


def test_an_external_templates_content_counts() -> None:
    world = World()
    world.api("create-newsletter", subject="Made by hand", body="<h1>{{x}}</h1>", language="IT")
    by_hand = resource("template", "t", {"subject": "Made by hand"}, external=True)
    desired = declared(LIST, by_hand, campaign())
    assert applied(world, desired) == {"squalomail.list.a": "create", "squalomail.campaign.c": "create"}
    assert not world.plan(desired).has_changes
    mail = world.rows("Mail", 'subject=="Made by hand"')[0]
    world.api("update-newsletter", id=mail["mailid"], subject="Made by hand", body="<h2>{{x}}</h2>", language="IT")
    assert applied(world, desired) == {"squalomail.campaign.c": "replace"}
    assert world.rows("Mail", 'subject=="Subject c"')[0]["body"] == "<h2>1</h2>"
    assert world.rows("Mail", 'subject=="Made by hand"')[0]["mailid"] == mail["mailid"]
    code, _, made = world.apply({}, OVERWRITE)
    assert code == 0
    assert shape(made)["squalomail.template.t"] == "forget"
    assert world.rows("Mail", 'subject=="Made by hand"')


def test_a_template_made_anew_with_the_same_content_replaces_nothing() -> None:
    world = World()
    desired = declared(LIST, template(), campaign())
    applied(world, desired)
    world.api("delete-newsletter", newsletterId=id_of(world, address("template", "t")))
    assert applied(world, desired) == {"squalomail.template.t": "create"}
    assert applied(world, declared(LIST, template("<b>{{x}}</b>"), campaign())) == {
        "squalomail.template.t": "update",
        "squalomail.campaign.c": "replace",
    }


def test_a_template_of_a_template_carries_its_changes_through() -> None:
    world = World()
    inner = resource(
        "template",
        "inner",
        {
            "subject": "Inner",
            "template": ref("template", "t"),
            "templateCustomAttributes": {"texts": {"x": {"value": "{{y}}"}}},
        },
    )
    outer = resource(
        "campaign",
        "c",
        {
            "subject": "C",
            "template": ref("template", "inner"),
            "templateCustomAttributes": {"texts": {"y": {"value": "word"}}},
        },
    )
    applied(world, declared(template(), inner, outer))
    assert world.rows("Mail", 'subject=="C"')[0]["body"] == "<p>word</p>"
    changes = applied(world, declared(template("<b>{{x}}</b>"), inner, outer))
    assert changes == {
        "squalomail.template.t": "update",
        "squalomail.template.inner": "replace",
        "squalomail.campaign.c": "replace",
    }
    assert world.rows("Mail", 'subject=="C"')[0]["body"] == "<b>word</b>"
    assert len(world.rows("Mail")) == 3


def test_a_replaced_list_is_created_re_pointed_to_and_deleted() -> None:
    world = World()
    own = resource("campaign", "own", {"subject": "Own", "body": "<p></p>", "lists": (ref("list", "a"),)})
    desired = declared(LIST, own)
    applied(world, desired)
    before = id_of(world, address("list", "a"))
    world.clear_log()
    changes = applied(world, desired, Request(replace=(address("list", "a"),)))
    assert changes == {"squalomail.list.a": "replace", "squalomail.campaign.own": "update"}
    assert world.writes() == ["create-list", "update-newsletter", "delete-list"]
    after = id_of(world, address("list", "a"))
    assert after != before
    assert [row["listid"] for row in world.rows("ListMail")] == [after]
    assert not world.plan(desired).has_changes


def test_a_rename_moves_what_refers_to_it_too() -> None:
    world = World()
    applied(world, declared(LIST, template(), campaign()))
    renamed = declared(
        LIST,
        resource("template", "t2", {"subject": "T", "body": "<p>{{x}}</p>"}, was=(address("template", "t"),)),
        campaign(template="t2"),
    )
    world.clear_log()
    assert applied(world, renamed) == {"squalomail.template.t2": "move"}
    assert not world.writes()
    state = world.store.read()
    assert state is not None
    assert address("template", "t") not in state.resources
    assert state.resources[address("campaign", "c")].dependencies == (address("list", "a"), address("template", "t2"))


def test_a_target_brings_what_it_needs_and_nothing_else() -> None:
    world = World()
    other = resource("list", "other", {"name": "Other"})
    desired = declared(LIST, other, template(), campaign())
    changes = applied(world, desired, Request(targets=(address("campaign", "c"),)))
    assert set(changes) == {"squalomail.list.a", "squalomail.template.t", "squalomail.campaign.c"}
    assert shape(world.plan(desired)) == {"squalomail.list.other": "create"}


def test_a_list_with_subscriptions_is_not_deleted_unasked() -> None:
    world = World(may_send=True)
    other = declared(resource("list", "other", {"name": "Other"}))
    applied(world, {**declared(LIST), **other})
    world.api("create-recipient", email="ada@example.com", listIds=[id_of(world, address("list", "a"))])
    code, events, _ = world.apply(other)
    assert code == 3
    assert "1 subscriptions" in failures(events)[0]
    assert world.apply(other, Rights(deletes=1))[0] == 0


def test_a_list_that_an_unmanaged_draft_goes_to_is_not_deleted() -> None:
    world = World()
    applied(world, declared(LIST))
    target = id_of(world, address("list", "a"))
    world.api("create-newsletter", subject="Somebody's", body="<p></p>", language="IT", listIds=[target])
    code, events, _ = world.apply({}, OVERWRITE)
    assert code == 3
    assert '"Somebody\'s"' in failures(events)[0]
    world.api("delete-newsletter", newsletterId=world.rows("Mail")[0]["mailid"])
    assert world.apply({}, OVERWRITE)[0] == 0


def test_a_list_is_deleted_though_a_draft_that_we_made_just_now_goes_to_it() -> None:
    """What the entry no longer declares is carried over, and the new draft is ours as the former one was."""
    world = World()
    other = resource("list", "b", {"name": "B"})
    first = resource("campaign", "c", {"subject": "C", "body": "<p>1</p>", "lists": (ref("list", "a"),)})
    applied(world, declared(LIST, other, template(), first))
    made = {name: value for name, value in campaign().attributes.items() if name != "lists"}
    desired = declared(other, template(), resource("campaign", "c", {**made, "subject": "C"}))
    assert applied(world, desired) == {"squalomail.campaign.c": "replace", "squalomail.list.a": "delete"}
    assert not world.plan(desired).has_changes


def test_protection_outlives_its_entry() -> None:
    world = World()
    applied(world, declared(resource("list", "a", {"name": "A"}, prevent_destroy=True)))
    code, events, _ = world.apply({}, OVERWRITE)
    assert code == 3
    assert "preventDestroy" in failures(events)[0]
    applied(world, declared(LIST))
    assert world.apply({}, OVERWRITE)[0] == 0


def test_many_deletes_need_a_word() -> None:
    world = World(policy=Policy(max_delete_count=2))
    lists = declared(*(resource("list", name, {"name": name}) for name in "abcd"))
    applied(world, lists)
    with pytest.raises(Refused, match="4 objects"):
        world.apply({}, Rights(deletes=3))
    assert len(world.lists()) == 4
    assert world.apply({}, Rights(deletes=4))[0] == 0


def test_what_a_failed_step_holds_back_is_only_what_depends_on_it() -> None:
    world = World(faults=("500:create-list",))
    code, events, _ = world.apply(declared(LIST, template(), campaign()), OVERWRITE)
    ends = {event.step.address.name: event.outcome.value for event in events if event.outcome}
    assert code == 6
    assert ends == {"a": "failed", "t": "applied", "c": "not attempted"}


def test_two_with_one_subject_are_allowed_where_declared_so() -> None:
    world = World()
    world.api("create-newsletter", subject="Subject c", body="<p>x</p>", language="IT")
    twin = {"subject": "Subject c", "body": "<p>x</p>"}
    applied(world, declared(LIST))
    code, events, _ = world.apply(declared(LIST, resource("campaign", "c", twin)))
    assert code == 3
    assert "already has" in failures(events)[0]
    applied(world, declared(LIST, resource("campaign", "c", twin, allow_duplicate=True)))
    assert len(world.rows("Mail")) == 2
