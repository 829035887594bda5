"""Two exports with changes between them differ in what was changed, and in nothing else."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.export import export
from reconcile.manifests.edit import plain_tree
from tests.budget import examples
from tests.outside import colleague
from tests.world import World

# Namesakes, names that no entry can have, and bodies that look alike.
names = st.sampled_from(["News", "news", "Notizie", "日本", "a b", "a-b"])
bodies = st.sampled_from(["<p>x</p>", "plain", "<p>${var.x}</p>"])
EDIT, DELETE, MAKE = "edit", "delete", "make"
changes = st.lists(
    st.tuples(st.sampled_from([EDIT, DELETE, MAKE]), st.sampled_from(["list", "campaign"]), st.integers(0, 99), names),
    max_size=4,
)


def entries(world: World) -> dict[tuple[str, str], Any]:
    """What an export says, by kind and entry, with what is in the files that it points at."""
    files = export(world.workspace, ["squalomail"]).files
    found: dict[tuple[str, str], Any] = {}
    for path, content in files.items():
        if path.endswith(".yaml"):
            for plural, members in plain_tree(content.decode(), path)["squalomail"].items():
                for name, entry in members.items():
                    texts = {key: files[text] for key, text in entry.items() if key.endswith("File")}
                    found[plural, name] = {**entry, "texts": texts}
    return found


@settings(max_examples=examples(25, 400), deadline=None)
@given(st.lists(names, min_size=1, max_size=4), st.lists(st.tuples(names, bodies), min_size=1, max_size=4), changes)
def test_only_what_was_changed_differs(lists: list[str], mails: list[tuple[str, str]], edits: list[Any]) -> None:
    world = World()
    person = colleague(world)
    ids = {"list": [person.make("list", name=name) for name in lists], "campaign": []}
    for number, (subject, body) in enumerate(mails):
        target = int(ids["list"][number % len(ids["list"])])
        ids["campaign"].append(person.make("campaign", subject=subject, body=body, listIds=[target]))
    before, targets = entries(world), {id_: set[str]() for id_ in ids["list"]}
    for (plural, name), entry in before.items():
        for target in entry.get("lists", ()) if plural == "campaigns" else ():
            targets[target.rpartition("-")[2]].add(name.rpartition("-")[2])
    touched, deleted = set[tuple[str, str]](), set[str]()
    for action, kind, which, name in edits:
        if action == MAKE:
            members = (
                {"name": name} if kind == "list" else {"subject": name, "listIds": [int(one) for one in ids["list"]]}
            )
            ids[kind].append(person.make(kind, **members))
            touched.add((kind, ids[kind][-1]))
        elif ids[kind]:
            id_ = ids[kind][which % len(ids[kind])]
            touched.add((kind, id_))
            if action == EDIT:
                person.edit(kind, id_, **({"description": name} if kind == "list" else {"body": f"<p>{name}</p>"}))
            else:
                ids[kind].remove(id_)
                deleted |= {id_} if kind == "list" else set()
                person.delete(kind, id_)
    after = entries(world)
    expected = {(f"{kind}s", id_) for kind, id_ in touched}
    for key in before.keys() | after.keys():
        if before.get(key) != after.get(key):
            plural, name = key
            id_ = name.rpartition("-")[2]
            # A campaign of which a list was deleted goes to others now, or to nobody, as a template does.
            lost = plural != "lists" and any(id_ in targets.get(one, ()) for one in deleted)
            of = "lists" if plural == "lists" else "campaigns"
            assert lost or (of, id_) in expected, (key, before.get(key), after.get(key))
