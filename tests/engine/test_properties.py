"""For random manifests and random accounts: apply, and the plan is empty; what is not ours is as before."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.model.address import Address
from reconcile.model.kind import Action
from reconcile.model.resource import Resource
from tests.budget import examples
from tests.world import OVERWRITE, World, declared, failures, ref, resource

names = st.sampled_from(["a", "b", "c", "d"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)
bodies = st.builds("<p>{}</p>".format, texts)
colors = st.sampled_from(["#ff6600", "#FF6600", "#000000", "#123abc"])


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


list_members = optional(
    description=texts,
    color=colors,
    ordering=st.integers(0, 99),
    published=st.booleans(),
    listTags=st.lists(texts, max_size=3),
)
mail_members = optional(
    fromEmail=st.sampled_from(["a@example.com", "b@example.com"]),
    fromName=texts,
    replyToName=texts,
    language=st.sampled_from(["it", "SL", "en"]),
    visible=st.booleans(),
    addUtm=st.booleans(),
    utmSource=texts,
)


@st.composite
def manifests(draw: st.DrawFn) -> dict[Address, Resource]:
    """Lists, templates and campaigns that refer to one another; names and subjects are unique."""
    lists = draw(st.sets(names, max_size=3))
    templates = draw(st.sets(names, max_size=2))
    campaigns = draw(st.sets(names, max_size=4))
    found = [resource("list", name, {"name": f"List {name}", **draw(list_members)}) for name in sorted(lists)]
    for name in sorted(templates):
        body = draw(bodies)
        found.append(
            resource("template", name, {"subject": f"T {name}", "body": f"{{{{x}}}}{body}", **draw(mail_members)})
        )
    for name in sorted(campaigns):
        members = {"subject": f"C {name}", **draw(mail_members)}
        if templates and draw(st.booleans()):
            members["template"] = ref("template", draw(st.sampled_from(sorted(templates))))
            members["templateCustomAttributes"] = {"texts": {"x": {"value": draw(texts)}}}
        else:
            members |= {"body": draw(bodies)} | draw(optional(altBody=texts))
        if lists and draw(st.booleans()):
            members["lists"] = tuple(ref("list", one) for one in draw(st.sets(st.sampled_from(sorted(lists)))))
        ignored = draw(st.sets(st.sampled_from(["fromName", "language"]), max_size=1))
        found.append(resource("campaign", name, members, ignore_changes=frozenset(ignored)))
    return declared(*found)


@st.composite
def strangers(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Calls by which other people fill the account."""
    calls: list[tuple[str, dict[str, Any]]] = [
        ("create-list", {"name": f"Other {draw(texts)}", "published": draw(st.booleans()), "listTags": ["x"]})
        for _ in range(draw(st.integers(0, 3)))
    ]
    calls += [
        ("create-newsletter", {"subject": f"Other {draw(texts)}", "body": draw(bodies), "language": "IT"})
        for _ in range(draw(st.integers(0, 3)))
    ]
    return calls


def everything(world: World) -> dict[str, list[dict[str, Any]]]:
    return {entity: world.rows(entity) for entity in ("List", "Mail", "ListMail")}


@settings(max_examples=examples(12, 600))
@given(st.lists(manifests(), min_size=1, max_size=3), strangers(), st.data())
def test_apply_then_plan_is_empty(
    versions: list[dict[Address, Resource]], others: list[tuple[str, dict[str, Any]]], data: st.DataObject
) -> None:
    world = World()
    for operation, arguments in others:
        world.api(operation, **arguments)
    before = everything(world)
    for desired in versions:
        code, events, _ = world.apply(desired, OVERWRITE)
        assert code == 0, failures(events)
        again = world.plan(desired)
        assert not again.has_changes, [(step.address, step.changes) for step in again.changes]
        _edit_outside(world, data)
        world.apply(desired, OVERWRITE)
        assert not world.plan(desired).has_changes
    after = everything(world)
    for entity, rows in before.items():
        assert [row for row in after[entity] if row in rows] == rows, "what is not ours has changed"
    code, events, _ = world.apply({}, OVERWRITE)
    assert code == 0, failures(events)
    assert everything(world) == before


def _edit_outside(world: World, data: st.DataObject) -> None:
    """Somebody edits, or deletes, one of our objects in the web interface."""
    state = world.store.read()
    managed = sorted(state.resources) if state is not None else []
    if state is None or not managed:
        return
    address = data.draw(st.sampled_from(managed))
    id_ = int(state.resources[address].id)
    if data.draw(st.booleans()):
        operation, member = (
            ("delete-list", "listId") if address.kind == "list" else ("delete-newsletter", "newsletterId")
        )
        world.api(operation, **{member: id_})
    elif address.kind == "list":
        world.api("update-list", id=id_, name="Edited", color="#abcdef", published=True)
    else:
        world.api("update-newsletter", id=id_, subject="Edited", body="<p>edited</p>", language="DE", listIds=[])


@settings(max_examples=examples(8, 300))
@given(manifests())
def test_members_that_are_not_declared_stay(desired: dict[Address, Resource]) -> None:
    """A person sets what no manifest declares; updates of what is declared leave it alone."""
    world = World()
    world.apply(desired)
    state = world.store.read()
    if state is None:
        return
    for address, kept in state.resources.items():
        if address.kind == "campaign":
            row = world.rows("Mail", f"mailid=={kept.id}")[0]
            lists = [row_["listid"] for row_ in world.rows("ListMail", f"mailid=={kept.id}")]
            world.api(
                "update-newsletter",
                id=int(kept.id),
                subject=row["subject"],
                body=row["body"],
                altBody=row["altbody"],
                fromEmail=row["fromemail"],
                fromName=row["fromname"],
                replyToName=row["replytoname"],
                language=row["language"].upper(),
                visible=bool(row["visible"]),
                replyToEmail="kept@example.com",
                listIds=lists,
            )
    changed = {
        address: resource(
            address.kind,
            address.name,
            {**found.attributes, "subject": f"{found.attributes['subject']} new"},
            ignore_changes=found.ignore_changes,
        )
        if address.kind == "campaign"
        else found
        for address, found in desired.items()
    }
    code, events, made = world.apply(changed, OVERWRITE)
    assert code == 0, failures(events)
    assert all(step.action is Action.UPDATE for step in made.changes)
    state = world.store.read()
    assert state is not None
    for address, kept in state.resources.items():
        if address.kind == "campaign":
            row = world.rows("Mail", f"mailid=={kept.id}")[0]
            assert row["replytoemail"] == "kept@example.com"
            assert row["subject"].endswith(" new")
