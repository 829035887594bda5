"""Audiences: what is brought in, what is left alone, and what is on record."""

from dataclasses import replace
from typing import ClassVar

import pytest

from reconcile.errors import InvalidInput, Refused
from reconcile.model.kind import Action
from reconcile.planner.plan import Plan, Right
from tests.crowd import SENDS, Crowd, audience, news
from tests.world import NO_RIGHTS, address, declared, failures

PEOPLE = address("audience", "people")


def planned(made: Plan) -> list[str]:
    return [call.operation for call in made.steps[PEOPLE].calls]


def listid(world: Crowd) -> int:
    return int(world.lists()[0]["id"])


def test_few_are_created_one_by_one() -> None:
    world = Crowd()
    world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
    desired = declared(news(), audience(tags=["crm"]))
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert world.writes() == ["create-list", "create-recipient", "create-recipient"]
    assert planned(made) == ["create-recipient"] * 2
    assert world.on_list(listid(world)) == {"ada@example.com", "bea@example.com"}
    assert world.people()["ada@example.com"]["tags"] == ["crm"]
    assert world.settled(desired)


def test_many_are_imported_at_once_and_waited_for() -> None:
    world = Crowd()
    world.source([(f"p{number}@example.com", "P") for number in range(300)])
    desired = declared(news(), audience())
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert world.writes() == ["create-list", "import-recipients-async"]
    assert planned(made) == ["import-recipients-async"]
    assert len(world.on_list(listid(world))) == 300
    assert any("of 300 imported recipients have arrived" in text for text in world.told)
    assert world.settled(desired)
    assert world.store.read().intents == {}


def test_a_changed_name_is_updated_and_an_empty_cell_says_nothing() -> None:
    world = Crowd()
    world.source([("ada@example.com", "Ada"), ("bea@example.com", "Bea")])
    desired = declared(news(), audience())
    world.run(desired)
    world.source([("ADA@example.com", "Adele"), ("bea@example.com", "")])
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    assert world.writes() == ["update-recipient"]
    people = world.people()
    assert (people["ada@example.com"]["name"], people["bea@example.com"]["name"]) == ("Adele", "Bea")
    assert world.settled(desired)


def test_other_lists_and_members_stay() -> None:
    world = Crowd()
    other = world.api("create-list", name="Other", published=True)["list"]["id"]
    world.person("ada@example.com", name="A", surname="Byron", phone="1", listIds=[other], tags=["vip"], html=False)
    world.source([("ada@example.com", "Ada")])
    code, events, _ = world.run(declared(news(), audience(tags=["crm"])))
    assert code == 0, failures(events)
    ada = world.people()["ada@example.com"]
    assert (ada["name"], ada["surname"], ada["phone"], ada["html"]) == ("Ada", "Byron", "1", 0)
    assert sorted(ada["tags"]) == ["crm", "vip"]
    assert world.on_list(other) == {"ada@example.com"}


@pytest.mark.parametrize("omitted", ["keep", "reset"])
def test_who_opted_out_stays_out(omitted: str) -> None:
    world = Crowd(switches={"update_recipient_omitted": omitted})
    desired = declared(news(), audience())
    world.source([])
    world.apply(declared(news()))
    number = listid(world)
    left = world.person("left@example.com", listIds=[number])
    world.api("unsubscribe-recipient", recipientId=left, listIds=[number], accept=1)
    refuses = world.person("refuses@example.com", accept=False)
    world.source(
        [("left@example.com", "L"), ("refuses@example.com", "R")] + [(f"p{n}@example.com", "P") for n in range(9)]
    )
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    assert world.on_list(number) == {f"p{n}@example.com" for n in range(9)}
    people = world.people()
    assert people["refuses@example.com"]["accept"] == 0
    assert people["left@example.com"]["name"] == "L", "what is no opt-out's business is still kept up to date"
    assert {people["left@example.com"]["subid"], people["refuses@example.com"]["subid"]} == {left, refuses}
    assert "Left alone: 2 opted out" in (made.steps[PEOPLE].note or "")
    assert world.settled(desired)


def test_somebody_who_leaves_after_an_apply_is_not_brought_back() -> None:
    world = Crowd()
    world.source([("ada@example.com", "Ada")])
    desired = declared(news(), audience())
    world.run(desired)
    subid = world.people()["ada@example.com"]["subid"]
    world.api("unsubscribe-recipient", recipientId=subid, listIds=[listid(world)])
    assert world.settled(desired)


@pytest.mark.parametrize("how", ["deleted", "taken off"])
def test_whom_somebody_removed_is_not_brought_back(how: str) -> None:
    world = Crowd(switches={"left_lists": "delete"})
    world.source([("ada@example.com", "Ada")])
    desired = declared(news(), audience())
    world.run(desired)
    subid = world.people()["ada@example.com"]["subid"]
    if how == "deleted":
        world.api("delete-recipient", recipientId=subid)
    else:
        world.api("update-recipient", id=subid, listIds=[])
    made = world.plan(desired)
    assert not made.has_changes
    assert how in (made.steps[PEOPLE].note or "")


def test_a_list_that_is_made_anew_is_filled_anew() -> None:
    world = Crowd()
    world.source([("ada@example.com", "Ada")])
    desired = declared(news(), audience())
    world.run(desired)
    world.api("delete-list", listId=listid(world))
    assert world.run(desired)[0] == 3, "it was deleted outside"
    code, events, _ = world.run(desired, replace(SENDS, approved=True))
    assert code == 0, failures(events)
    assert world.on_list(listid(world)) == {"ada@example.com"}


def test_custom_fields_are_kept_and_missing_ones_block() -> None:
    world = Crowd()
    world.source([("ada@example.com", "Ada", "Roma")], ("E-mail", "Nome", "Città"))
    entry = audience(columns={"email": "E-mail", "name": "Nome", "city": "Città"})
    desired = declared(news(), entry)
    made = world.plan(desired)
    blocked = made.steps[PEOPLE].blocked
    assert blocked is not None
    assert blocked.code == "field-missing"
    world.make_field("city")
    code, events, _ = world.run(desired)
    assert code == 0, failures(events)
    fields = world.people()["ada@example.com"]["user_defined_fields"]
    assert {pair["Key"]: pair["Value"] for pair in fields}["city"] == "Roma"
    assert world.settled(desired)


class TestConsents:
    GDPR: ClassVar = {"gdprCanSend": True, "gdprCanTrack": False, "language": "it"}

    def test_are_granted_to_new_people_and_revoked(self) -> None:
        world = Crowd()
        tracked = world.person("bea@example.com", gdprCanSend=True, gdprCanTrack=True)
        world.source([("ada@example.com", "Ada"), ("bea@example.com", "")])
        desired = declared(news(), audience(gdpr=self.GDPR))
        code, events, made = world.run(desired)
        assert code == 0, failures(events)
        people = world.people()
        assert people["ada@example.com"]["gdpr_can_send"] == 1
        assert people["bea@example.com"]["gdpr_can_track"] == 0
        assert people["bea@example.com"]["subid"] == tracked
        assert sorted(planned(made)) == sorted(name for name in world.writes() if name != "create-list")
        assert world.settled(desired)

    @pytest.mark.parametrize("policy", ["both", "first", "never"])
    def test_never_over_a_refusal(self, policy: str) -> None:
        world = Crowd(switches={"needs_gdpr_consent": policy})
        one = world.person("one@example.com")
        world.api("revoke-gdpr-consent", recipientId=one, consentTitle="gdpr_can_send", language="it")
        both = world.person("both@example.com")
        for title in ("gdpr_can_send", "gdpr_can_track"):
            world.api("revoke-gdpr-consent", recipientId=both, consentTitle=title, language="it")
        world.source([("one@example.com", ""), ("both@example.com", "")])
        desired = declared(news(), audience(gdpr=self.GDPR | {"gdprCanTrack": True}))
        code, events, made = world.run(desired)
        assert code == 0, failures(events)
        assert all(not row["gdpr_can_send"] for row in world.people().values())
        assert "2 without a consent that they may have refused" in (made.steps[PEOPLE].note or "")

    def test_where_the_other_one_was_given_this_one_is_undecided(self) -> None:
        world = Crowd()
        subid = world.person("ada@example.com", listIds=[])
        world.api("grant-gdpr-consent", recipientId=subid, consentTitle="gdpr_can_track", language="it")
        world.api("update-recipient", id=subid, name="Ada")
        world.source([("ada@example.com", "")])
        world.run(declared(news(), audience(gdpr={"gdprCanSend": True, "language": "it"})))
        assert world.people()["ada@example.com"]["gdpr_can_send"] == 1

    def test_a_refusal_after_our_grant_counts(self) -> None:
        world = Crowd()
        world.source([("ada@example.com", "Ada")])
        desired = declared(news(), audience(gdpr=self.GDPR))
        world.run(desired)
        subid = world.people()["ada@example.com"]["subid"]
        world.api("revoke-gdpr-consent", recipientId=subid, consentTitle="gdpr_can_send", language="it")
        assert world.settled(desired)


class TestRights:
    def test_nothing_is_written_without_the_right_to_send(self) -> None:
        world = Crowd()
        world.let_send(False)
        world.source([("ada@example.com", "Ada")])
        made = world.plan(declared(news(), audience()))
        assert any(need.right is Right.SEND for need in made.steps[PEOPLE].requires)
        world.clear_log()
        with pytest.raises(Refused):
            world.apply(declared(news(), audience()), NO_RIGHTS)
        assert world.writes() == []

    def test_the_transport_refuses_too(self) -> None:
        world = Crowd(may_send=False)
        world.source([("ada@example.com", "Ada")])
        code, _, _ = world.run(declared(news(), audience()))
        assert code == 6
        assert world.people() == {}


class TestRejects:
    ROWS = b"E-mail,Nome\nada@example.com,Ada\nnobody,N\nADA@example.com,Again\nbea@example.com\n\xff@example.com,X\n"

    def test_stop_the_run_and_are_listed_by_line(self) -> None:
        world = Crowd()
        (world.home / "people.csv").write_bytes(self.ROWS)
        with pytest.raises(InvalidInput) as caught:
            world.plan(declared(news(), audience()))
        assert caught.value.exit_code == 1
        file = world.home / "private" / "rejects" / "squalomail.people.csv"
        assert "4 row(s)" in str(caught.value)
        assert str(file) in str(caught.value)
        assert [line.split(",")[0] for line in file.read_text().splitlines()] == ["line", "3", "4", "5", "6"]
        assert file.stat().st_mode & 0o777 == 0o600
        assert "@" not in file.read_text()

    def test_are_left_out_where_that_is_wanted(self) -> None:
        world = Crowd()
        world.skip_invalid()
        (world.home / "people.csv").write_bytes(self.ROWS)
        desired = declared(news(), audience())
        code, events, made = world.run(desired)
        assert code == 0, failures(events)
        assert set(world.people()) == {"ada@example.com"}
        assert "4 malformed row(s) are left out" in (made.steps[PEOPLE].note or "")

    def test_a_column_that_is_not_there(self) -> None:
        world = Crowd()
        world.source([("ada@example.com", "Ada")], ("Email", "Nome"))
        with pytest.raises(InvalidInput, match='no column "E-mail"') as caught:
            world.plan(declared(news(), audience()))
        assert caught.value.diagnostics[0].hint == 'Did you mean "Email"?'

    @pytest.mark.parametrize("source", ["../people.csv", "/etc/passwd.csv", ".reconcile/people.csv", "missing.csv"])
    def test_a_source_outside_the_project(self, source: str) -> None:
        world = Crowd()
        with pytest.raises(InvalidInput):
            world.plan(declared(news(), audience(source=source)))


def test_an_entry_that_is_removed_is_forgotten() -> None:
    world = Crowd()
    world.source([("ada@example.com", "Ada")])
    world.run(declared(news(), audience()))
    code, events, made = world.run(declared(news()))
    assert code == 0, failures(events)
    assert made.steps[PEOPLE].action is Action.FORGET
    assert world.writes() == []
    assert world.on_list(listid(world)) == {"ada@example.com"}


def test_the_first_plan_of_what_is_there_already_writes_nothing() -> None:
    world = Crowd()
    world.apply(declared(news()))
    world.person("ada@example.com", name="Ada", listIds=[listid(world)])
    world.source([("ada@example.com", "Ada")])
    desired = declared(news(), audience())
    code, _, made = world.run(desired)
    assert code == 0
    assert world.writes() == []
    assert PEOPLE in world.store.read().resources
    assert not made.has_changes
