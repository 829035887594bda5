"""An account written out as a project: for whatever it holds, the very next plan is empty."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.drift import drift
from reconcile.engine.entries import slug
from reconcile.engine.export import Export, export
from reconcile.engine.workflow import plan
from reconcile.manifests.load import Manifests, load
from reconcile.manifests.write import format_text
from reconcile.model.registry import Registry
from reconcile.planner.plan import Plan
from reconcile.state.local import LocalStore
from tests.budget import examples
from tests.outside import colleague, operator
from tests.world import NOW, REGISTRY, World, declared, ref, resource

DAY = 86400


class Exported:
    """An export on disk, with its state."""

    def __init__(self, world: World, *providers: str, **options: Any) -> None:
        self._world = world
        self.root = Path(tempfile.mkdtemp(prefix="reconcile-export-"))
        self.export: Export = export(world.workspace, providers or ["squalomail"], **options)
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
        return load(self.root, self._world.workspace.registry)

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
some = anything.filter(str.strip)
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


@settings(max_examples=examples(10, 600))
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
        f'{header}  lists:\n    citta-1:\n      name: Città!\n      color: "#112233"\n      ordering: 1\n'
    )
    assert exported.text("manifests/templates.yaml") == (
        f"{header}  templates:\n    base-101:\n      subject: Base\n"
        f"      bodyFile: emails/base-101.html\n      language: it\n"
    )
    assert exported.text("manifests/campaigns.yaml") == (
        f'{header}  campaigns:\n    saldi-50-102:\n      subject: "Saldi: -50%"\n'
        f"      bodyFile: emails/saldi-50-102.html\n"
        f"      altBodyFile: emails/saldi-50-102.txt\n      language: sl\n      lists: [citta-1]\n"
    )
    assert exported.text("emails/saldi-50-102.html") == "<p>1</p>\n"
    assert exported.is_in_sync()
    assert "`utmSource`" in exported.notes()


def test_names_are_safe() -> None:
    assert slug("日本") == ""
    assert slug("x" * 100 + " y") == "x" * 60
    assert slug(" Ünï/../çødé ") == "uni-cde"


def test_a_name_never_depends_on_who_else_is_there() -> None:
    world = World()
    person = colleague(world)
    ids = [person.make("list", name=name) for name in ("News", "news!", "NEWS", "日本")]
    before = Exported(world).text("manifests/lists.yaml")
    assert [
        f"    {name}-{id_}:\n" in before for name, id_ in zip(("news", "news", "news", "list"), ids, strict=True)
    ] == [True] * 4
    person.delete("list", ids[0])
    after = Exported(world).text("manifests/lists.yaml")
    gone = f"    news-{ids[0]}:\n"
    assert after == before[: before.index(gone)] + before[before.index("    news-", before.index(gone) + 1) :]


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
    assert "`squalomail.template.huge-101`: body" in exported.notes()
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
    assert {str(address) for address in found.applied} == {"one.list.a-1", "other.list.a-1"}
    assert {alias: account.id for alias, account in found.accounts.items()} == {"one": "4711", "other": "4712"}


# GatorMail

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
titles = (st.sampled_from(["News", "news!", "Città", "${var.x}", "- no", "日本", "x" * 249]) | some).filter(str.strip)
groups = st.fixed_dictionaries({"name": titles}, optional={"description": anything})
campaigns = st.fixed_dictionaries(
    {"name": titles, "subject": some, "fromAddress": st.sampled_from(["a@example.com", "b@example.com"])},
    optional={
        "fromName": anything,
        "replyTo": senders,
        "crmId": st.sampled_from(["1", "x-2"]),
        "type": st.sampled_from(["Static", "RefreshNonRecurring", "StaticRecurring"]),
        "startDate": st.sampled_from(["2027-01-18T08:00:00Z", "2027-07-01T08:00:00Z", "2027-01-16T08:00:00Z"]),
    },
)
emails = st.fixed_dictionaries(
    {"name": words, "html": some}, optional={"text": anything, "autoTrackLinks": st.booleans()}
)
attributes = st.dictionaries(
    st.from_regex(r"[A-Za-z][A-Za-z0-9 _$:#-]{0,8}", fullmatch=True),
    st.fixed_dictionaries({"dataType": st.sampled_from(["string", "integer"])}, optional={"displayName": words}),
    max_size=3,
)
entities = st.dictionaries(
    st.sampled_from(["Contact", "Lead", "true", "- x"]),
    st.fixed_dictionaries({"attributes": attributes}, optional={"displayName": words}),
    max_size=2,
)
LIMITS: list[dict[str, Any]] = [
    {},
    {"gatormail": {"campaign_read": False}, "contract": {"cap.campaign.read": False}},
    {"gatormail": {"campaign_status": False}, "contract": {"cap.campaign.status": False}},
    {"timezone": "America/New_York"},
    {"timezone": ""},
]


@settings(max_examples=examples(10, 600))
@given(
    st.lists(groups, max_size=3),
    st.lists(st.tuples(campaigns, st.none() | emails, st.integers(0, 3), st.booleans()), max_size=4),
    entities.filter(
        lambda found: all(
            len(set(map(str.casefold, each["attributes"]))) == len(each["attributes"]) for each in found.values()
        )
    ),
    st.dictionaries(st.sampled_from(["batchSize", "feeds.bounced", "feeds.emailSent"]), st.just(1), max_size=2),
    st.booleans(),
    st.sampled_from(LIMITS),
)
def test_the_plan_of_an_exported_instance_is_empty(
    some_groups: list[dict[str, Any]],
    some_campaigns: list[tuple[dict[str, Any], dict[str, Any] | None, int, bool]],
    schema: dict[str, Any],
    options: dict[str, Any],
    include_sent: bool,
    limits: dict[str, Any],
) -> None:
    world = World(may_send=True, **limits)
    person = operator(world)
    ids = [int(person.make("group", members)) for members in some_groups]
    person.people()
    for members, email, to, initiate in some_campaigns:
        members = {"type": "Static", **members} | ({"email": email} if email else {})
        if to < len(ids):
            members["group"] = {"id": ids[to]}
        made = person.make("campaign", members)
        if initiate and email and "group" in members and "startDate" in members:
            person.edit("campaign", made, {"initiate": True})
    person.edit("schema", "main", {"entities": schema})
    if "Contact" in schema and schema["Contact"]["attributes"]:
        attribute = next(iter(schema["Contact"]["attributes"]))
        person.edit("schema", "main", {"mappings": {f"Contact.{attribute}": ("EmailLogin", "FirstName")}})
    person.edit("datafeed", "main", {name: value if name == "batchSize" else True for name, value in options.items()})
    world.now = NOW + 2 * DAY
    before = (person.groups(), person.campaigns(), world.call("gatormail_getSchema"))
    world.clear_log()
    exported = Exported(world, "gatormail", include_sent=include_sent)
    assert not world.writes()
    assert exported.is_in_sync(), (list(exported.plan().changes), drift(world.workspace, exported.store.read()).entries)
    for path in sorted((exported.root / "manifests").rglob("*.yaml")):
        text = path.read_text()
        assert format_text(text, path.name) == text
    assert (person.groups(), person.campaigns(), world.call("gatormail_getSchema")) == before
    world.close()


def filled(**options: Any) -> World:
    """An instance with a group, a campaign in setup, one that is queued, one that was sent, and the singletons."""
    world = World(may_send=True, **options)
    person = operator(world)
    group = {"id": int(person.make("group", {"name": "Buyers 2026", "description": "All of them"}))}
    person.people()
    email = {"name": "Mail", "html": "<p>Hi</p>", "text": "Hi", "autoTrackLinks": True}
    own = {"type": "Static", "subject": "We are live", "fromAddress": "a@example.com", "email": email, "group": group}
    person.make("campaign", {"name": "Draft", "type": "StaticRecurring", "crmId": "4711"})
    queued = person.make("campaign", {**own, "name": "Launch", "startDate": "2027-07-01T08:00:00Z"})
    sent = person.make("campaign", {**own, "name": "Sent", "startDate": "2027-01-16T08:00:00Z"})
    for made in (queued, sent):
        person.edit("campaign", made, {"initiate": True})
    person.edit("schema", "main", {"entities": {"Contact": {"displayName": "Contact", "attributes": {"email": {}}}}})
    person.edit("datafeed", "main", {"batchSize": 200, "feeds.bounced": True})
    world.now = NOW + 2 * DAY
    return world


def test_an_instance_as_manifests() -> None:
    exported = Exported(filled(), "gatormail")
    head = "# yaml-language-server: $schema=../schemas/manifest.schema.json\ngatormail:\n"
    assert exported.text("manifests/groups.yaml") == (
        f"{head}  groups:\n    buyers-2026-2000501:\n      name: Buyers 2026\n      description: All of them\n"
    )
    assert exported.text("manifests/campaigns.yaml") == (
        f"{head}  campaigns:\n"
        f'    draft-2014001:\n      name: Draft\n      type: StaticRecurring\n      crmId: "4711"\n'
        f"\n"
        f"    launch-2014002:\n      name: Launch\n      subject: We are live\n      fromAddress: a@example.com\n"
        f"      startDate: 2027-07-01T08:00:00Z\n      endDate: 2027-07-08T08:00:00Z\n"
        f"      group: buyers-2026-2000501\n      email:\n        name: Mail\n        autoTrackLinks: true\n"
        f"      initiate: true\n"
    )
    assert exported.text("manifests/schema.yaml") == (
        f"{head}  schema:\n    entities:\n      Contact:\n        displayName: Contact\n        attributes:\n"
        f"          email:\n            dataType: string\n"
    )
    assert exported.text("manifests/datafeed.yaml").startswith(
        f"{head}  datafeed:\n    batchSize: 200\n    feeds:\n      emailSent: "
    )
    assert exported.is_in_sync()
    assert "campaigns: `email.html`, `email.text`." in exported.notes()
    assert "1 sent campaigns" in exported.notes()
    assert exported.export.counts == {"groups": 1, "campaigns": 2, "schema": 1, "datafeed": 1}


def test_a_sent_campaign_is_exported_without_its_sending() -> None:
    exported = Exported(filled(), "gatormail", include_sent=True)
    assert exported.export.counts["campaigns"] == 3
    _, _, sent = exported.text("manifests/campaigns.yaml").partition("    sent-2014003:\n")
    assert "name: Sent" in sent
    assert "initiate" not in sent
    assert exported.is_in_sync()


def test_what_an_instance_does_not_tell_is_named() -> None:
    blind = filled(gatormail={"campaign_read": False}, contract={"cap.campaign.read": False}, timezone="")
    exported = Exported(blind, "gatormail")
    assert "`subject`, `fromName`, `fromAddress`, `replyTo`, `group`, `email.name`, `email.html`" in exported.notes()
    assert "dates are read as UTC" in exported.notes()
    # Nobody could tell to whom it goes, so it is not said that it is to go out.
    assert "`gatormail.campaign.launch-2014002`: initiate" in exported.notes()
    assert exported.is_in_sync()


def test_both_platforms_side_by_side() -> None:
    world = filled()
    colleague(world).make("list", name="A")
    exported = Exported(world, "squalomail", "gatormail")
    assert {"manifests/gatormail/groups.yaml", "manifests/squalomail/lists.yaml"} < exported.export.files.keys()
    assert exported.is_in_sync()
