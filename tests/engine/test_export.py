"""An account written out as a project: for whatever it holds, the very next plan is empty."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.drift import drift
from reconcile.engine.export import Export, export, slug, unique
from reconcile.engine.workflow import plan
from reconcile.manifests.load import Manifests, load
from reconcile.manifests.write import format_text
from reconcile.model.registry import Registry
from reconcile.planner.plan import Plan
from reconcile.state.local import LocalStore
from tests.outside import colleague
from tests.world import NOW, REGISTRY, World, declared, ref, resource

DAY = 86400


class Exported:
    """An export on disk, with its state."""

    def __init__(self, world: World, **options: Any) -> None:
        self._world = world
        self.root = Path(tempfile.mkdtemp(prefix="reconcile-export-"))
        self.export: Export = export(world.workspace, ["squalomail"], **options)
        for name, content in self.export.files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.store = LocalStore(self.root / "state.json")
        with self.store.lock("export") as locked:
            locked.account(self.export.accounts)
            for address, applied in self.export.applied.items():
                locked.put(address, applied)

    def load(self) -> Manifests:
        return load(self.root, REGISTRY)

    def plan(self) -> Plan:
        return plan(self._world.workspace, self.load().resources, self.store.read())

    def text(self, name: str) -> str:
        return (self.root / name).read_text()

    def is_in_sync(self) -> bool:
        return not list(self.plan().changes) and not drift(self._world.workspace, self.store.read()).entries

    def notes(self) -> str:
        return "\n".join(sentence for sentences in self.export.notes.values() for sentence in sentences)


# Whatever a person may have typed in the web interface, control characters included.
anything = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
some = anything.filter(bool)
printable = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
senders = st.sampled_from(["", "a@example.com"])
lists = st.fixed_dictionaries(
    {"name": st.sampled_from(["News", "news!", "Città", "Ünï çødé", "${var.x}", "- no", "日本"]) | some},
    optional={
        "description": anything,
        "color": st.sampled_from(["#ff6600", "#ABCDEF"]),
        "ordering": st.integers(0, 99),
        "published": st.booleans(),
        "listTags": st.lists(printable, max_size=3),
    },
)
fields = st.fixed_dictionaries(
    {"namekey": st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), "fieldname": printable, "type": st.just("text")},
    optional={"value": anything, "published": st.booleans(), "ordering": st.integers(0, 9)},
)
mails = st.fixed_dictionaries(
    {"subject": st.sampled_from(["Hello", "hello", "Ciao: a #tutti"]) | some, "body": some},
    optional={
        "altBody": anything,
        "fromEmail": senders,
        "fromName": anything,
        "replyToEmail": senders,
        "language": st.sampled_from(["it", "en", "sl"]),
        "visible": st.booleans(),
        "utmSource": printable,
    },
)
conditions = st.sampled_from(["draft", "scheduled", "sent"])


@settings(max_examples=60)
@given(
    st.lists(lists, max_size=4),
    st.lists(fields, max_size=2, unique_by=lambda made: str(made["namekey"])),
    st.lists(
        st.tuples(mails, st.sets(st.integers(0, 3), max_size=2), st.sampled_from(["draft", "scheduled", "sent"])),
        max_size=5,
    ),
    st.booleans(),
)
def test_the_plan_of_an_export_is_empty(
    some_lists: list[dict[str, Any]],
    some_fields: list[dict[str, Any]],
    some_mails: list[tuple[dict[str, Any], set[int], str]],
    include_sent: bool,
) -> None:
    world = World(may_send=True)
    person = colleague(world)
    ids = [int(person.make("list", **members)) for members in some_lists]
    for members in some_fields:
        person.make("field", **members)
    for members, targets, condition in some_mails:
        list_ids = [ids[target] for target in targets if target < len(ids)]
        made = person.make("campaign", **members, listIds=list_ids)
        if condition != "draft" and list_ids:
            when = NOW + (3 if condition == "scheduled" else 1) * DAY
            world.api("send-newsletter", newsletterId=int(made), sendDate=int(when))
    world.now = NOW + 2 * DAY
    before = [world.rows(entity) for entity in ("List", "Mail", "ListMail", "Field")]
    world.clear_log()
    exported = Exported(world, include_sent=include_sent)
    assert not world.writes()
    assert exported.is_in_sync(), (list(exported.plan().changes), drift(world.workspace, exported.store.read()).entries)
    for path in sorted((exported.root / "manifests").rglob("*.yaml")):
        text = path.read_text()
        assert format_text(text, path.name) == text
    assert [world.rows(entity) for entity in ("List", "Mail", "ListMail", "Field")] == before
    world.close()


def test_minimal_manifests_with_names_and_bodies_in_files() -> None:
    world = World()
    desired = declared(
        resource("list", "x", {"name": "Città!", "color": "#112233", "ordering": 1, "published": False}),
        resource("template", "t", {"subject": "Base", "body": "<p>{{x}}</p>", "language": "it"}),
        resource(
            "campaign",
            "c",
            {
                "subject": "Saldi: -50%",
                "body": "<p>1</p>",
                "altBody": "1",
                "language": "sl",
                "lists": (ref("list", "x"),),
            },
        ),
    )
    assert world.apply(desired)[0] == 0
    exported = Exported(world)
    header = "# yaml-language-server: $schema=../schemas/manifest.schema.json\nsqualomail:\n"
    assert exported.text("manifests/lists.yaml") == (
        f'{header}  lists:\n    citta:\n      name: Città!\n      color: "#112233"\n      ordering: 1\n'
    )
    assert exported.text("manifests/templates.yaml") == (
        f"{header}  templates:\n    base:\n      subject: Base\n      bodyFile: emails/base.html\n      language: it\n"
    )
    assert exported.text("manifests/campaigns.yaml") == (
        f'{header}  campaigns:\n    saldi-50:\n      subject: "Saldi: -50%"\n      bodyFile: emails/saldi-50.html\n'
        f"      altBodyFile: emails/saldi-50.txt\n      language: sl\n      lists: [citta]\n"
    )
    assert exported.text("emails/saldi-50.html") == "<p>1</p>\n"
    assert exported.is_in_sync()
    assert "`utmSource`" in exported.notes()


def test_names_are_unique_and_safe() -> None:
    taken: set[str] = set()
    for text, name in [("News", "news"), ("news!", "news-2"), ("NEWS", "news-3"), ("日本", "list-4")]:
        found = unique(slug(text) or "list-4", taken)
        assert found == name
        taken.add(found)
    assert slug("x" * 100 + " y") == "x" * 60
    assert slug(" Ünï/../çødé ") == "uni-cde"


def test_sent_campaigns_only_where_asked_for() -> None:
    world = World(may_send=True)
    person = colleague(world)
    list_id = int(person.make("list", name="A"))
    mail = person.make("campaign", subject="Sent", body="b", listIds=[list_id])
    world.api("send-newsletter", newsletterId=int(mail), sendDate=int(NOW + DAY))
    world.now = NOW + 2 * DAY
    assert "1 sent campaigns" in Exported(world).notes()
    exported = Exported(world, include_sent=True)
    assert exported.export.counts == {"lists": 1, "campaigns": 1}
    assert exported.is_in_sync()


def test_what_cant_be_declared_is_named() -> None:
    world = World()
    person = colleague(world)
    person.make("list", name="x" * 249, description="fine")
    huge = "x" * (2 * 1024 * 1024)
    person.make("campaign", subject="Huge", body=huge)
    person.make("campaign", subject="Welcome", body="b", type="welcome")
    exported = Exported(world)
    assert "`squalomail.template.huge`: body" in exported.notes()
    assert exported.export.counts == {"lists": 1, "templates": 1}
    assert exported.is_in_sync()


@pytest.mark.parametrize("cap", [0, 7])
def test_all_newsletters_are_found_in_bounded_requests(cap: int) -> None:
    """Ids may lie far apart, and an answer may be cut short without a word."""
    world = World(switches={"get_data_rows": cap} if cap else {})
    person = colleague(world)
    for number in range(40):
        person.make("template", subject=f"T {number}", body="b")
    with world.sandbox.store.transaction(write=True) as database:
        database.execute("UPDATE mail SET mailid = mailid + 1000000 * (mailid % 4)")
    world.clear_log()
    found = export(world.workspace, ["squalomail"])
    assert found.counts["templates"] == 40
    assert len(world.log()) < 150


def test_several_accounts_have_folders_of_their_own() -> None:
    one, other = World(), World(account="4712")
    colleague(one).make("list", name="A")
    colleague(other).make("list", name="A")
    both = replace(
        one.workspace,
        registry=Registry(dict.fromkeys(("one", "other"), REGISTRY.providers["squalomail"])),
        clients={"one": one.client, "other": other.client},
    )
    found = export(both, ["one", "other"])
    assert sorted(found.files) == ["manifests/one/lists.yaml", "manifests/other/lists.yaml"]
    assert found.files["manifests/one/lists.yaml"].startswith(b"# yaml-language-server: $schema=../../schemas/")
    assert {str(address) for address in found.applied} == {"one.list.a", "other.list.a"}
    assert {alias: account.id for alias, account in found.accounts.items()} == {"one": "4711", "other": "4712"}
