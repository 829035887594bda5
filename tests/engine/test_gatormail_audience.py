"""GatorMail audiences: who is brought into a group, and who is left alone."""

from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import ApiError, InvalidInput
from reconcile.model.call import Call
from reconcile.model.kind import Action
from reconcile.planner.planfile import dumps
from tests.buyers import (
    COLUMNS,
    EXCLUDE,
    INCLUDE,
    PEOPLE,
    UNREADABLE,
    Buyers,
    audience,
    buyers,
    many,
    note,
    planned,
)
from tests.world import declared, failures, gator

DELETES = Rights(deletes=1000)


@pytest.fixture(params=[{}, UNREADABLE], ids=["by the group", "by each contact"])
def world(request: pytest.FixtureRequest) -> Buyers:
    made = Buyers(**request.param)
    made.found()
    return made


def test_whoever_is_missing_is_brought_in_with_what_the_file_says(world: Buyers) -> None:
    world.source([("Ada@example.com", "Ada"), ("bea@example.com", "")])
    desired = declared(buyers(), audience())
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert planned(made) == [(INCLUDE, 2)]
    assert world.writes() == [INCLUDE]
    found = world.included()
    assert {name: row["firstName"] for name, row in found.items()} == {
        "Ada@example.com": "Ada",
        "bea@example.com": None,
    }
    assert made.steps[PEOPLE].changes[0].name == "joining buyers"
    assert made.steps[PEOPLE].changes[0].after == 2
    assert world.settled(desired)


def test_the_group_may_be_made_by_the_same_apply() -> None:
    world = Buyers()
    world.source([("ada@example.com", "Ada")])
    desired = declared(buyers(), audience())
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert planned(made) == [(INCLUDE, 1)]
    world.found()
    assert set(world.included()) == {"ada@example.com"}
    assert world.settled(desired)


def test_only_who_is_missing_or_differs_is_written(world: Buyers) -> None:
    world.include("same@example.com", firstName="S", companyName="Acme", fields={"Region": "North"})
    world.include("other@example.com", firstName="Wrong", lastName="Stays")
    world.include("silent@example.com", firstName="Kept")
    world.person("api/contact", {"emailLogin": "known@example.com", "title": "Dr"})
    world.include("stranger@example.com")
    world.source(
        [
            ("SAME@example.com", "S"),
            ("other@example.com", "Right"),
            ("silent@example.com", ""),
            ("known@example.com", "K"),
        ]
    )
    desired = declared(buyers(), audience())
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert planned(made) == [(INCLUDE, 2)]
    assert {change.name: change.after for change in made.steps[PEOPLE].changes} == {
        "joining buyers": 1,
        "changed contacts": 1,
    }
    found = world.included()
    assert (found["other@example.com"]["firstName"], found["other@example.com"]["lastName"]) == ("Right", "Stays")
    assert found["silent@example.com"]["firstName"] == "Kept"
    assert found["known@example.com"]["title"] == "Dr"
    assert found["same@example.com"]["fields"] == {"Region": "North"}
    assert "stranger@example.com" in found
    assert world.settled(desired)


def test_a_piece_has_a_hundred_contacts_and_a_list_of_many_pages_is_read_whole() -> None:
    world = Buyers()
    world.found()
    world.source(many(250))
    desired = declared(buyers(), audience())
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert planned(made) == [(INCLUDE, 100), (INCLUDE, 100), (INCLUDE, 50)]
    assert world.writes() == [INCLUDE] * 3
    assert len(world.included()) == 250
    assert world.settled(desired)


class TestContactFields:
    COLUMNS = COLUMNS | {"Region": "Regione", "customernumber": "Nr"}
    HEADER = ("E-mail", "Nome", "Regione", "Nr")

    def test_are_kept_and_compared_whatever_their_case_and_type(self) -> None:
        world = Buyers()
        world.found()
        world.include("bea@example.com", firstName="Bea", fields={"Region": "North", "CustomerNumber": 7})
        world.include("cia@example.com", firstName="Cia", fields={"Region": "South", "CustomerNumber": 2**53 + 2})
        rows = [("ada", "Ada", "North", "1"), ("bea", "Bea", "North", "7.0"), ("cia", "Cia", "South", str(2**53 + 3))]
        world.source([(f"{name}@example.com", *rest) for name, *rest in rows], self.HEADER)
        desired = declared(buyers(), audience(columns=self.COLUMNS))
        code, events, made = world.run(desired)
        assert code == 0, failures(events)
        assert planned(made) == [(INCLUDE, 2)]
        fields = {name: row["fields"] for name, row in world.included().items()}
        assert fields["ada@example.com"] == {"Region": "North", "CustomerNumber": "1"}
        assert fields["bea@example.com"]["CustomerNumber"] == 7, "which the file has as 7.0"
        assert fields["cia@example.com"]["CustomerNumber"] == str(2**53 + 3)
        assert world.settled(desired)

    def test_that_are_missing_block_before_anything_is_written(self) -> None:
        world = Buyers()
        world.found()
        world.source([("ada@example.com", "Ada", "N", "1")], self.HEADER)
        columns = COLUMNS | {"Regoin": "Regione", "Xyzzy": "Nr"}
        desired = declared(buyers(), audience(columns=columns))
        blocked = world.plan(desired).steps[PEOPLE].blocked
        assert blocked is not None
        assert blocked.code == "field-missing"
        assert "no contact field Regoin, Xyzzy" in blocked.detail
        assert blocked.hint == 'Did you mean "Region" for "Regoin"?'
        code, _, _ = world.run(desired)
        assert code != 0
        assert world.writes() == []
        for name in ("Regoin", "Xyzzy"):
            world.person("ui/field", {"name": name})
        assert world.run(desired)[0] == 0

    def test_are_left_to_the_platform_where_they_cant_be_listed(self) -> None:
        world = Buyers(contract={"cap.contact.fields": False})
        world.found()
        world.source([("ada@example.com", "Ada", "N", "1")], self.HEADER)
        code, events, _ = world.run(declared(buyers(), audience(columns=COLUMNS | {"Nowhere": "Nr"})))
        assert code == 1
        assert "fields.Nowhere: Unknown contact field" in str(failures(events))
        assert "ada" not in str(failures(events))
        assert world.included() == {}


class TestExclusions:
    def test_are_never_included(self, world: Buyers) -> None:
        world.exclude("bea@example.com")
        world.source([("ada@example.com", "Ada"), ("BEA@example.com", "Bea")])
        desired = declared(buyers(), audience())
        code, events, made = world.run(desired)
        assert code == 0, failures(events)
        assert "Left alone: 1 excluded from the group (B***@e***.com)." in note(made)
        assert (set(world.included()), world.excluded()) == ({"ada@example.com"}, {"bea@example.com"})
        assert world.people()["bea@example.com"]["firstName"] is None
        assert world.settled(desired)

    def test_made_between_plan_and_apply(self, world: Buyers) -> None:
        world.include("bea@example.com", firstName="B")
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
        desired = declared(buyers(), audience())
        saved = world.plan(desired)
        world.opt_out("bea@example.com")
        code, events = world.carry_out(desired, saved)
        assert code == 0, failures(events)
        assert (set(world.included()), world.excluded()) == ({"ada@example.com"}, {"bea@example.com"})
        assert world.people()["bea@example.com"]["firstName"] == "B"
        assert world.settled(desired)

    @pytest.mark.parametrize("piece", [1, 2, 3])
    def test_made_right_before_a_piece(self, piece: int) -> None:
        world = Buyers()
        world.found()
        last = f"p{100 * piece - 1:03}@example.com"
        world.person("api/contact", {"emailLogin": last})
        world.source(many(300))
        desired = declared(buyers(), audience())
        # Plan and apply read once, each piece reads once more.
        world.before("gatormail_groupExcludedContactget", 2 + piece, lambda: world.opt_out(last))
        code, events, _ = world.run(desired)
        assert code == 0, failures(events)
        assert world.excluded() == {last}
        assert len(world.included()) == 299
        assert world.settled(desired)

    @pytest.mark.parametrize("before", [1, 150, 220])
    @pytest.mark.parametrize("page", [1, 2, 3, 4])
    def test_made_between_the_pages_of_the_last_look(self, before: int, page: int) -> None:
        """Whoever opts out while the pages are read comes onto one that was read already."""
        world = Buyers()
        world.found()
        world.person("api/contact", {"emailLogin": "ada@example.com"})  # so that they stand first
        world.exclude(*(f"out{number}@example.com" for number in range(before)))
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
        pages = before // 100 + 2
        if page > pages:
            return
        # Plan and apply read all pages once, and then comes the last look.
        world.before("gatormail_groupExcludedContactget", 2 * pages + page, lambda: world.opt_out("ada@example.com"))
        code, events, _ = world.run(declared(buyers(), audience()))
        assert code == 0, failures(events)
        assert "ada@example.com" in world.excluded()
        assert set(world.included()) == {"bea@example.com"}

    def test_made_while_the_reply_was_lost(self, world: Buyers) -> None:
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
        desired = declared(buyers(), audience())
        world.sandbox.faults.set([f"drop-after:{INCLUDE}:n=1"])
        world.meanwhile = lambda: world.opt_out("bea@example.com")
        code, events, _ = world.run(desired)
        assert code == 0, failures(events)
        assert world.meanwhile is None, "there was a wait before it was made again"
        assert (set(world.included()), world.excluded()) == ({"ada@example.com"}, {"bea@example.com"})
        assert world.settled(desired)

    def test_rows_that_do_not_say_who_stop_the_run(self) -> None:
        world = Buyers()
        world.found()
        world.exclude("bea@example.com")
        world.source([("bea@example.com", "Bea")])
        world.answers(lambda call, answer: _without_addresses(answer) if "Excluded" in call.operation else answer)
        with pytest.raises(ApiError, match="nobody can tell who is excluded"):
            world.run(declared(buyers(), audience()))
        assert world.excluded() == {"bea@example.com"}

    def test_a_contact_without_an_address_is_nobody(self) -> None:
        world = Buyers()
        world.found()
        world.exclude("bea@example.com", "cia@example.com")
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])

        def nameless(call: Call, answer: Any) -> Any:
            if "Excluded" not in call.operation:
                return answer
            return [row | ({"emailLogin": None} if row["emailLogin"] == "cia@example.com" else {}) for row in answer]

        world.answers(nameless)
        code, events, _ = world.run(declared(buyers(), audience()))
        assert code == 0, failures(events)
        assert world.excluded() == {"bea@example.com", "cia@example.com"}

    def test_where_nobody_has_an_address_nobody_can_be_told_apart(self) -> None:
        world = Buyers()
        world.found()
        world.exclude("bea@example.com", "cia@example.com")
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])

        def nameless(call: Call, answer: Any) -> Any:
            return [row | {"emailLogin": None} for row in answer] if "Excluded" in call.operation else answer

        world.answers(nameless)
        with pytest.raises(ApiError, match="nobody can tell who is excluded"):
            world.run(declared(buyers(), audience()))
        assert world.excluded() == {"bea@example.com", "cia@example.com"}

    def test_an_address_of_several_contacts_is_left_alone(self, world: Buyers) -> None:
        world.include("bea@example.com")
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
        world.person("api/contact", {"emailLogin": "twin@example.com"})

        def doubled(call: Call, answer: Any) -> Any:
            if call.operation not in ("gatormail_groupIncludedContactget", "gatormail_contactMatch"):
                return answer
            twin = {"id": world.people()["twin@example.com"]["id"]}
            return answer + [row | twin for row in answer if row["emailLogin"] == "bea@example.com"]

        world.answers(doubled)
        code, events, made = world.run(declared(buyers(), audience()))
        assert code == 0, failures(events)
        assert "1 with an address that several contacts have" in note(made)
        assert world.people()["bea@example.com"]["firstName"] is None
        assert world.people()["ada@example.com"]["firstName"] == "Ada"


class TestFileToExclude:
    def test_is_added_to_the_exclusions_and_wins_over_the_source(self, world: Buyers) -> None:
        world.include("bea@example.com", firstName="B")
        world.exclude("dea@example.com")
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea"), ("cia@example.com", "Cia")])
        world.source([("BEA@example.com",), ("cia@example.com",), ("dea@example.com",)], ("E-mail",), "no.csv")
        desired = declared(buyers(), audience(exclude="no.csv"))
        code, events, made = world.run(desired)
        assert code == 0, failures(events)
        assert planned(made) == [(EXCLUDE, 2), (INCLUDE, 1)]
        assert world.writes() == [EXCLUDE, INCLUDE], "who is to be out comes first"
        assert "2 in the file of those to exclude" in note(made)
        assert world.excluded() == {"bea@example.com", "cia@example.com", "dea@example.com"}
        assert set(world.included()) == {"ada@example.com"}
        assert world.people()["bea@example.com"]["firstName"] == "B"
        assert world.settled(desired)

    def test_takes_no_exclusion_back_when_somebody_is_gone_from_it(self, world: Buyers) -> None:
        world.source([("ada@example.com", "Ada")])
        world.source([("ada@example.com",)], ("E-mail",), "no.csv")
        desired = declared(buyers(), audience(exclude="no.csv"))
        assert world.run(desired)[0] == 0
        world.source([], ("E-mail",), "no.csv")
        assert world.settled(desired)
        assert world.settled(declared(buyers(), audience()))
        assert world.excluded() == {"ada@example.com"}

    def test_is_part_of_what_a_saved_plan_is_bound_to(self, world: Buyers) -> None:
        world.source([("ada@example.com", "Ada")])
        world.source([("bea@example.com",)], ("E-mail",), "no.csv")
        desired = declared(buyers(), audience(exclude="no.csv"))
        saved = world.plan(desired)
        world.source([("ada@example.com",)], ("E-mail",), "no.csv")
        code, events = world.carry_out(desired, saved)
        assert code == 4
        assert "other content" in str(failures(events))
        assert world.writes() == []

    def test_malformed_rows_stop_the_run(self, world: Buyers) -> None:
        world.source([("ada@example.com", "Ada")])
        world.source([("nobody",)], ("E-mail",), "no.csv")
        with pytest.raises(InvalidInput, match=r"no\.csv has 1 row\(s\) that can't be used"):
            world.plan(declared(buyers(), audience(exclude="no.csv")))
        assert (world.home / "private" / "rejects" / "gatormail.people.exclude.csv").is_file()


def _without_addresses(answer: Any) -> Any:
    return [{"id": row["id"]} for row in answer]


FAULTS = [f"{kind}:{operation}:n={which}" for kind in ("drop-before", "drop-after", "truncate", "500", "429", "503")
          for operation in (INCLUDE, EXCLUDE, "gatormail_groupExcludedContactget") for which in (1, 2)]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lost_reply_is_no_matter(fault: str) -> None:
    world = Buyers()
    world.found()
    world.exclude("p007@example.com")
    world.source(many(150))
    world.source([(f"x{number}@example.com",) for number in range(150)], ("E-mail",), "no.csv")
    desired = declared(buyers(), audience(exclude="no.csv"))
    world.sandbox.faults.set([fault])
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert set(world.included()) == {email for email, _ in many(150)} - {"p007@example.com"}
    assert len(world.excluded()) == 151
    assert world.settled(desired)


def test_a_platform_that_never_answers_ends_the_step_and_the_next_run_goes_on() -> None:
    world = Buyers()
    world.found()
    world.source(many(150))
    desired = declared(buyers(), audience())
    made = world.plan(desired)
    looked_up = "drop-before:gatormail_groupIncludedContactget:n=3-99"  # those before are read to compare
    world.sandbox.faults.set([f"drop-after:{INCLUDE}:n=2-9", looked_up])
    code, events = world.carry_out(desired, made)
    assert code == 6
    assert len(world.included()) == 150, "it was carried out, only nobody said so"
    world.opt_out("p120@example.com")
    world.sandbox.faults.set([])
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert world.writes() == []
    assert "p120@example.com" not in world.included()
    assert world.settled(desired)


def test_where_reading_the_exclusions_takes_long_pieces_are_larger() -> None:
    world = Buyers()
    world.found()
    world.exclude(*(f"x{number}@example.com" for number in range(1000)))
    world.exclude("y@example.com")
    world.source(many(250))
    code, events, made = world.run(declared(buyers(), audience()))
    assert code == 0, failures(events)
    assert planned(made) == [(INCLUDE, 250)]
    assert world.writes() == [INCLUDE]
    assert len(world.included()) == 250


@pytest.mark.parametrize("readable", [True, False])
def test_another_contract_is_no_matter(readable: bool) -> None:
    other = {
        "cap.membership.read": readable,
        "f.contact.emailLogin": "mail",
        "f.contact.firstName": "given",
        "f.contactGroup.included": "isIn",
        "f.membership.included": "isIn",
        "c.list.itemsPath": "data.rows",
        "c.page.size": "2",
        "op.group.included.add": "PUT /member/{groupId}",
        "v.campaignStatus": ["setup", "waiting", "going", "over"],
        "v.campaignType": ["a", "b", "c", "d", "e"],
    }
    world = Buyers(contract=other)
    world.apply(declared(buyers()))
    group = world.call("gatormail_groupList", page=1, pageSize=10)[0]["id"]
    world.call("gatormail_groupExcludedContactpost", groupId=group, contacts=[{"emailLogin": "bea@example.com"}])
    world.source([(f"{name}@example.com", name) for name in ("ada", "bea", "cia", "dea")])
    desired = declared(buyers(), audience())
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert planned(made) == [(INCLUDE, 3)]
    standing = {
        row["emailLogin"]: (
            row["firstName"],
            world.call("gatormail_contactGroupList", contactId=row["id"])[0]["included"],
        )
        for row in world.gator.pages("gatormail_contactList")
    }
    assert standing == {
        "bea@example.com": (None, False),
        **{f"{name}@example.com": (name, True) for name in ("ada", "cia", "dea")},
    }
    assert world.settled(desired)
    campaign = {"name": "C", "type": "RefreshRecurring", "subject": "S", "fromAddress": "a@example.org"}
    more = {"group": {"id": group}, "email": {"name": "M", "html": "h", "text": "t", "autoTrackLinks": False}}
    made_campaign = world.call("gatormail_addCampaign", **campaign, **more, startDate="2027-01-20T08:00:00Z")
    world.call("gatormail_initiateCampaign", campaignId=made_campaign["id"])
    world.source([("eva@example.com", "eva")])
    assert [call.sends for call in world.plan(desired).steps[PEOPLE].calls] == [True]


def test_an_entry_that_is_removed_is_forgotten(world: Buyers) -> None:
    world.source([("ada@example.com", "Ada")])
    world.run(declared(buyers(), audience()))
    code, events, made = world.run(declared(buyers()))
    assert code == 0, failures(events)
    assert made.steps[PEOPLE].action is Action.FORGET
    assert world.writes() == []
    assert set(world.included()) == {"ada@example.com"}


def test_nobody_is_in_a_plan_a_state_or_a_file() -> None:
    world = Buyers(gatormail={"unknown_contact_field": "error"}, contract={"cap.contact.fields": False})
    world.found()
    people = [("quokka@zorilla.example", "Wombatta"), ("bilby@okapi.example", "Numbatini")]
    world.include("quokka@zorilla.example", firstName="Tapirella")
    world.source(people)
    world.source([("margay@kinkajou.example",)], ("E-mail",), "no.csv")
    desired = declared(buyers(), audience(exclude="no.csv"))
    saved = world.plan(desired)
    code, events = world.carry_out(desired, saved)
    assert code == 0, failures(events)
    broken = world.run(declared(buyers(), audience(columns=COLUMNS | {"Gone": "Nome"})))
    world.source([*people, ("dugong", "Aardvarko")])
    with pytest.raises(InvalidInput) as caught:
        world.plan(desired)
    files = [
        path.read_bytes().decode("latin-1")
        for path in world.home.rglob("*")
        if path.is_file() and path.parent != world.home
    ]
    state = (world.home / "state.json").read_text()
    shown = [dumps(made).decode() for made in (saved, broken[2])]
    texts = [*files, *shown, state, str(failures(broken[1])), *map(str, caught.value.diagnostics), *world.told]
    assert len(files) >= 3, "marks and rejects"
    assert "q***@z***.example" in shown[0]
    words = (
        "quokka",
        "zorilla",
        "wombatta",
        "bilby",
        "okapi",
        "numbatini",
        "margay",
        "kinkajou",
        "tapirella",
        "dugong",
    )
    for text in texts:
        assert not [word for word in words if word in text.lower()], text


def test_a_group_that_is_made_anew_keeps_everybody_out_who_was() -> None:
    world = Buyers()
    world.found()
    world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
    world.run(declared(buyers(), audience()))
    world.opt_out("bea@example.com")
    renamed = declared(gator("group", "buyers", {"name": "Buyers 2"}), audience())
    code, events, _ = world.run(renamed, DELETES)
    assert code == 0, failures(events)
    world.group = next(row["id"] for row in world.there("group/1/100") if row["name"] == "Buyers 2")
    assert (set(world.included()), world.excluded()) == ({"ada@example.com"}, {"bea@example.com"})
    assert world.settled(renamed)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"source": "people.txt"}, "The source is a .csv"),
        ({"exclude": "no.txt"}, "The exclude is a .csv"),
        ({"exclude": "people.csv"}, "everybody in it would be excluded"),
        ({"columns": {"firstName": "Nome"}}, "must say which one holds the address: emailLogin"),
        ({"columns": COLUMNS | {"FirstName": "Nome"}}, "FirstName is written firstName"),
        ({"columns": COLUMNS | {"Region": "R", "region": "r"}}, "region is there twice"),
        ({"mode": "sync"}, "cap.membership.remove is off"),
    ],
)
def test_what_can_be_told_beforehand(members: dict[str, Any], told: str) -> None:
    world = Buyers()
    entry = audience(**members)
    findings = list(world.workspace.registry.kind(PEOPLE).check(entry))
    assert [told in sentence for _, sentence in findings] == [True]
    assert list(world.workspace.registry.kind(PEOPLE).check(audience())) == []
