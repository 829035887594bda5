"""What a file or a rerun must never do to people, on both platforms: broken rows, floors of sync, who is left out."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from reconcile.engine.run import Rights
from reconcile.errors import InvalidInput, Refused
from reconcile.planner.plan import Right
from reconcile.providers.audience.memory import Keeper
from tests import buyers, crowd
from tests.buyers import CAN_REMOVE, Buyers
from tests.crowd import Crowd, news
from tests.world import address, declared, failures

REMOVES = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]), deletes=1000)
PEOPLE = address("audience", "people")
ROWS = [(f"p{number}@example.com", "P") for number in range(8)]


class Squalo:
    """The audience on a list."""

    def __init__(self, **members: Any) -> None:
        self.world = Crowd()
        self.desired = declared(news(), crowd.audience(**members))
        self.step = PEOPLE

    @property
    def client(self) -> Any:
        return self.world.client

    def there(self) -> set[str]:
        return self.world.on_list(int(self.world.lists()[0]["id"]))

    def with_neighbour(self) -> set[str]:
        """Have somebody there whom others have brought in."""
        self.bring_in("own@example.com")
        return {"own@example.com"}

    def bring_in(self, email: str) -> None:
        self.world.apply(declared(news()))
        self.world.person(email, listIds=[int(self.world.lists()[0]["id"])])

    def brings_in(self, call: Any) -> bool:
        return call.operation in ("create-recipient", "import-recipients-async")


class Gator:
    """The audience in a group."""

    def __init__(self, **members: Any) -> None:
        self.world = Buyers(**CAN_REMOVE)
        self.world.found()
        self.desired = declared(buyers.buyers(), buyers.audience(**members))
        self.step = buyers.PEOPLE

    @property
    def client(self) -> Any:
        return self.world.gator

    def there(self) -> set[str]:
        return set(self.world.included())

    def with_neighbour(self) -> set[str]:
        """Have somebody there whom others have brought in."""
        self.bring_in("own@example.com")
        return {"own@example.com"}

    def bring_in(self, email: str) -> None:
        self.world.include(email)

    def brings_in(self, call: Any) -> bool:
        return bool(call.operation == buyers.INCLUDE)


both = pytest.mark.parametrize("platform", [Squalo, Gator])


def write(world: Any, text: str, name: str = "people.csv") -> None:
    (world.home / name).write_bytes(text.encode("utf-8", "surrogatepass"))


@both
@pytest.mark.parametrize("mode", ["add", "sync"])
@pytest.mark.parametrize(
    "rows",
    [
        'x0@example.com,"P\nx1@example.com,P\nx2@example.com,"Q"\n',
        'x0@example.com,P"Q\nx1@example.com,P\n',
        'x0@example.com,"P \\"Q\\" R"\nx1@example.com,P\n',
        'x0@example.com,"P\nx1@example.com,"\n',
        "x\u200b0@example.com,P\n",
        "x0@example.com,P\0Q\n",
        "x0@example.com,3.93331E+11\n",
        "x0@example.com,P\nx0@example.com,Q\n",
    ],
)
def test_a_file_that_breaks_touches_nobody(platform: Any, mode: str, rows: str) -> None:
    found = platform(mode=mode)
    found.world.source(ROWS)
    found.world.run(found.desired, REMOVES)
    before = found.there()
    assert len(before) == len(ROWS)
    write(found.world, "E-mail,Nome\n" + rows)
    with pytest.raises(InvalidInput, match=r"line \d"):
        found.world.run(found.desired, REMOVES)
    assert (found.there(), found.world.writes()) == (before, [])


@both
@pytest.mark.parametrize(
    "text",
    [
        'E-mail,Nome\np1@example.com,"P\np2@example.com,P\n',
        "E-mail,Nome\np1@example.com\np2@exa\u200bmple.com,P\n",
        "E-mail,Nome\np1@example.com,P,P\n",
    ],
)
def test_a_row_of_those_to_exclude_is_never_skipped(platform: Any, text: str) -> None:
    found = platform(exclude="no.csv")
    found.world.source(ROWS)
    write(found.world, text, "no.csv")
    found.world.skip_invalid()
    with pytest.raises(InvalidInput, match=r"no\.csv"):
        found.world.run(found.desired, REMOVES)
    assert found.world.writes() == []


@both
def test_who_is_excluded_is_not_brought_in(platform: Any) -> None:
    found = platform(exclude="no.csv")
    found.world.source([*ROWS, ("carl@bücher.example", "C")])
    write(found.world, "E-mail\nP1@example.com \ncarl@xn--bcher-kva.example\np1@example.com\n", "no.csv")
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert code == 0, failures(events)
    assert found.there() == {email for email, _ in ROWS} - {"p1@example.com"}
    assert "carl@bücher.example" not in found.world.people()
    assert found.world.settled(found.desired)


@both
def test_sync_takes_off_who_is_excluded_now(platform: Any) -> None:
    found = platform(mode="sync")
    found.world.source(ROWS)
    found.world.run(found.desired, REMOVES)
    write(found.world, "E-mail\np1@example.com\n", "no.csv")
    found.desired = platform(mode="sync", exclude="no.csv").desired
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert code == 0, failures(events)
    assert found.there() == {email for email, _ in ROWS} - {"p1@example.com"}


@both
def test_a_source_all_of_whom_are_to_be_excluded_takes_nobody_off(platform: Any) -> None:
    """The file of those to exclude is more likely the source once more than meant so."""
    found = platform(mode="sync", exclude="no.csv")
    found.world.source(ROWS)
    write(found.world, "E-mail\nnobody@example.com\n", "no.csv")
    found.world.run(found.desired, REMOVES)
    found.world.source(ROWS, name="no.csv")
    code, _, made = found.world.run(found.desired, REMOVES)
    assert code == 3
    assert made.steps[found.step].blocked.code == "source-empty"
    assert len(found.there()) == len(ROWS)


@both
@pytest.mark.parametrize("text", ["E-mail,Nome\n", "E-mail,Nome\n,\n\n,,,\n"])
def test_a_source_that_has_nobody_takes_nobody_off(platform: Any, text: str) -> None:
    found = platform(mode="sync")
    found.world.source(ROWS)
    found.world.run(found.desired, REMOVES)
    write(found.world, text)
    code, _, made = found.world.run(found.desired, REMOVES)
    assert code == 3
    assert made.steps[found.step].blocked.code == "source-empty"
    assert len(found.there()) == len(ROWS)


class Killed(BaseException):
    """The process ends here."""


@both
@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("count", [3, 20])
def test_after_a_first_run_that_was_killed_nobody_asks_whose_its_people_are(
    platform: Any, others: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = platform(mode="sync")
    asks = Rights(frozenset([Right.SEND]), deletes=1000)
    own = found.with_neighbour() if others else set()
    rows = [(f"p{number}@example.com", "P") for number in range(count)]
    found.world.source(rows)
    client = found.client
    send, save, calls = client.send, Keeper.save, []

    def dying(call: Any, *ticket: Any) -> Any:
        answer = send(call, *ticket)
        if ticket and ticket[0] is not None and found.brings_in(call):
            calls.append(call)
            raise Killed
        return answer

    client.send = dying
    # A process that is killed keeps nothing any more.
    monkeypatch.setattr(Keeper, "save", lambda self: None if calls else save(self))
    with pytest.raises(Killed):
        found.world.run(found.desired, REMOVES if others else asks)
    client.send = send
    monkeypatch.undo()
    code, events, _ = found.world.run(found.desired, asks)
    assert code == 0, failures(events)
    assert found.there() == {email for email, _ in rows} | own
    assert found.world.settled(found.desired)
    found.world.source(rows[1:])
    assert found.world.run(found.desired, asks)[0] == 0
    assert found.there() == {email for email, _ in rows[1:]} | own, "whom the killed run put there counts as ours"


@both
@pytest.mark.parametrize("loss", ["key", "marks"])
def test_without_key_or_marks_nobody_is_touched(platform: Any, loss: str) -> None:
    found = platform(mode="sync")
    asks = Rights(frozenset([Right.SEND]), deletes=1000)
    found.world.source(ROWS)
    assert found.world.run(found.desired, asks)[0] == 0
    place = found.world.place
    if loss == "key":
        place = replace(place, key=lambda: b"another key")
    else:
        (memory,) = found.world.store.read().memories.values()
        for segment in memory.segments:
            place.segments.delete(segment.name)
    found.world.workspace = replace(found.world.workspace, place=place)
    found.world.source([*ROWS[2:], ("new@example.com", "N")])
    code, _, made = found.world.run(found.desired, asks)
    assert code == 3
    assert [need.right for need in made.steps[found.step].requires if need.right is Right.ACCEPT_UNKNOWN]
    assert (found.there(), found.world.writes()) == ({email for email, _ in ROWS}, [])
    assert found.world.run(found.desired, REMOVES)[0] == 0
    assert found.there() == {email for email, _ in ROWS} | {"new@example.com"}, "nobody counts as ours any more"


@both
@pytest.mark.parametrize(
    ("live", "written"),
    [
        ("carl@bücher.example", "Carl@XN--BCHER-KVA.example"),
        ("carl@xn--bcher-kva.example", "carl@BÜCHER.example"),
        ("ΟΔΟΣ@example.com", "οδοσ@example.com"),
        ("jo\u0301@example.com", "j\u00f3@example.com"),
        ("ANN@example.com", "\u00a0ann@EXAMPLE.com "),
    ],
)
def test_an_address_in_another_form_is_the_same_person(platform: Any, live: str, written: str) -> None:
    found = platform()
    found.bring_in(live)
    before = set(found.world.people())
    found.world.source([(written, "New")])
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert code == 0, failures(events)
    assert set(found.world.people()) == before
    assert len(found.there()) == 1
    assert found.world.settled(found.desired)


@both
def test_whom_sync_took_off_comes_back_with_the_file(platform: Any) -> None:
    found = platform(mode="sync")
    for rows in (ROWS, ROWS[1:], ROWS, ROWS[1:], ROWS):
        found.world.now += 86_400
        found.world.source(rows)
        code, events, _ = found.world.run(found.desired, REMOVES)
        assert code == 0, failures(events)
        assert found.there() == {email for email, _ in rows}
        assert found.world.settled(found.desired)


def test_who_left_after_sync_took_them_off_stays_off() -> None:
    found = Squalo(mode="sync")
    for rows in (ROWS, ROWS[1:]):
        found.world.now += 86_400
        found.world.source(rows)
        found.world.run(found.desired, REMOVES)
    person = found.world.people()["p0@example.com"]["subid"]
    number = int(found.world.lists()[0]["id"])
    found.world.now += 86_400
    found.world.api("subscribe-recipient", recipientId=person, listIds=[number], accept=1)
    found.world.now += 86_400
    found.world.api("unsubscribe-recipient", recipientId=person, listIds=[number], accept=1)
    found.world.source(ROWS)
    code, _, made = found.world.run(found.desired, REMOVES)
    assert code == 0
    assert "1 opted out" in (made.steps[PEOPLE].note or "")
    assert "p0@example.com" not in found.there()


def test_no_call_ever_says_that_somebody_accepts_mail() -> None:
    found = Squalo(mode="sync")
    sent: list[dict[str, Any]] = []
    send = found.world.client.send

    def watching(call: Any, *more: Any, **others: Any) -> Any:
        sent.append(dict(call.arguments))
        return send(call, *more, **others)

    found.world.client.send = watching  # type: ignore[method-assign]
    for rows in (ROWS, [(email, "Q") for email, _ in ROWS[1:]], ROWS):
        found.world.now += 86_400
        found.world.source(rows)
        found.world.run(found.desired, REMOVES)
    assert any("recipientId" in arguments for arguments in sent)
    assert not [
        arguments for arguments in sent if any(arguments.get(name) for name in ("accept", "enabled", "confirmed"))
    ]


def test_a_refusal_between_the_look_and_the_call_stands() -> None:
    found = Squalo(mode="sync")
    found.world.source(ROWS)
    found.world.run(found.desired, REMOVES)
    found.world.source(ROWS[2:])
    send = found.world.client.send

    def meddled(call: Any, *more: Any, **others: Any) -> Any:
        if call.operation == "unsubscribe-recipient":
            for person in found.world.rows("Recipient"):
                if person["accept"]:
                    found.world.api("update-recipient", id=person["subid"], accept=False)
        return send(call, *more, **others)

    found.world.client.send = meddled  # type: ignore[method-assign]
    found.world.run(found.desired, REMOVES)
    assert not any(person["accept"] for person in found.world.people().values())


def test_a_column_says_who_consents() -> None:
    found = Squalo(gdpr={"gdprCanSend": {"column": "Consent"}, "language": "it"})
    rows = [("yes@example.com", "A", "Sì"), ("no@example.com", "B", "no"), ("none@example.com", "C", "")]
    found.world.source(rows, ("E-mail", "Nome", "Consent"))
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert code == 0, failures(events)
    people = found.world.people()
    assert {email: person["gdpr_can_send"] for email, person in people.items()} == {
        "yes@example.com": 1,
        "no@example.com": 0,
        "none@example.com": 0,
    }
    assert found.world.settled(found.desired)
    found.world.source([("yes@example.com", "A", "No"), *rows[1:]], ("E-mail", "Nome", "Consent"))
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert (code, found.world.writes()) == (0, ["revoke-gdpr-consent"])
    found.world.source([("yes@example.com", "A", "perhaps")], ("E-mail", "Nome", "Consent"))
    with pytest.raises(InvalidInput, match="neither yes nor no"):
        found.world.run(found.desired, REMOVES)


def test_every_attribute_can_be_declared_or_is_refused_by_name() -> None:
    columns = {"email": "E-mail", "name": "Nome", "ip": "IP", "html": "Html"}
    found = Squalo(columns=columns)
    rows = [("a@example.com", "A", "192.0.2.1", "no"), ("b@example.com", "B", "", "")]
    found.world.source(rows, ("E-mail", "Nome", "IP", "Html"))
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert code == 0, failures(events)
    people = found.world.people()
    assert [(people[email]["ip"], people[email]["html"]) for email, *_ in rows] == [("192.0.2.1", 0), ("", 1)]
    assert found.world.settled(found.desired)
    rows[1] = ("b@example.com", "B", "192.0.2.2", "0")
    found.world.source(rows, ("E-mail", "Nome", "IP", "Html"))
    assert found.world.run(found.desired, REMOVES)[0] == 0
    assert found.world.people()["b@example.com"]["html"] == 0
    assert found.world.settled(found.desired)


def test_a_column_holds_each_persons_own_tags() -> None:
    found = Squalo(columns={"email": "E-mail", "tags": "Labels", "name": "Nome"}, tags=["crm"])
    rows = [("a@example.com", "A", '"vip, shop"'), ("b@example.com", "B", ""), ("c@example.com", "C", "vip")]
    found.world.person("c@example.com", name="C", tags=["own", "crm", "vip"])
    found.world.source(rows, ("E-mail", "Nome", "Labels"))
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert code == 0, failures(events)
    assert {email: set(person["tags"]) for email, person in found.world.people().items()} == {
        "a@example.com": {"crm", "vip", "shop"},
        "b@example.com": {"crm"},
        "c@example.com": {"own", "crm", "vip"},
    }
    assert found.world.settled(found.desired)
    found.world.source([("a@example.com", "A", "new"), *rows[1:]], ("E-mail", "Nome", "Labels"))
    code, events, _ = found.world.run(found.desired, REMOVES)
    assert (code, found.world.writes()) == (0, ["update-recipient"]), failures(events)
    assert set(found.world.people()["a@example.com"]["tags"]) == {"crm", "vip", "shop", "new"}


@pytest.mark.parametrize("name", ["accept", "Enabled", "confirmed", "gdprCanSend", "listIds", "clearPreviousListIds"])
def test_what_no_file_may_say_is_refused_by_name(name: str) -> None:
    found = Squalo(columns={"email": "E-mail", name: "X"})
    kind = found.world.workspace.registry.kind(PEOPLE)
    sentences = [sentence for _, sentence in kind.check(found.desired[PEOPLE])]
    assert any(sentence.startswith("No column may fill") for sentence in sentences)


def test_whoever_joins_a_list_is_told_to_get_the_mail_that_is_scheduled_for_it() -> None:
    found = Squalo()
    found.world.source(ROWS[:2])
    found.world.run(found.desired, REMOVES)
    number = int(found.world.lists()[0]["id"])
    mails = {}
    for subject, days in (("Soon", 2), ("Draft", None)):
        made = found.world.api("create-newsletter", subject=subject, body="<p>x</p>", language="IT", listIds=[number])
        mails[subject] = made["newsletter"]["id"]
        if days:
            moment = int(found.world.now) + days * 86_400
            found.world.api("send-newsletter", newsletterId=mails[subject], sendDate=moment)
    found.world.source(ROWS[:5])
    told = found.world.plan(found.desired).steps[PEOPLE].note or ""
    assert '3 people join news and so get "Soon", scheduled for 2027-01-17T' in told
    assert "Draft" not in told


FEW = Rights(frozenset([Right.SEND, Right.ACCEPT_UNKNOWN]))


@both
@pytest.mark.parametrize("left", [0, 2])
def test_a_file_of_those_to_exclude_that_lost_people_brings_nobody_in(platform: Any, left: int) -> None:
    found = platform(exclude="no.csv")
    found.world.source(ROWS)
    found.world.source(ROWS[:4], name="no.csv")
    assert found.world.run(found.desired, FEW)[0] == 0
    found.world.source(ROWS[:left], name="no.csv")
    found.world.source([*ROWS, ("new@example.com", "N")])
    with suppress(Refused):
        found.world.run(found.desired, FEW)
    assert not found.there() & {email for email, _ in ROWS[:4]}


def test_who_is_said_to_be_excluded_no_more_is_brought_in() -> None:
    found = Squalo(exclude="no.csv")
    found.world.source(ROWS)
    found.world.source(ROWS[:4], name="no.csv")
    found.world.run(found.desired, FEW)
    found.world.source(ROWS[:2], name="no.csv")
    with pytest.raises(Refused, match="has 2 people, and had 4"):
        found.world.run(found.desired, replace(FEW, deletes=1))
    assert found.world.run(found.desired, replace(FEW, deletes=2))[0] == 0
    assert found.there() == {email for email, _ in ROWS[2:]}


@both
def test_other_people_s_file_takes_nobody_off(platform: Any) -> None:
    found = platform(mode="sync")
    found.world.source(ROWS)
    found.world.run(found.desired, FEW)
    found.world.source([(f"other{number}@example.com", "O") for number in range(len(ROWS))])
    with pytest.raises(Refused, match="nobody would be left"):
        found.world.run(found.desired, FEW)
    assert found.there() == {email for email, _ in ROWS}
    assert found.world.run(found.desired, REMOVES)[0] == 0
    assert not found.there() & {email for email, _ in ROWS}


@both
@pytest.mark.parametrize("how", ["skipped", "added"])
def test_a_run_that_takes_nobody_off_lowers_no_bound(platform: Any, how: str) -> None:
    """Else a file that is cut short takes people off at its second run."""
    found = platform(mode="sync")
    found.world.source(ROWS)
    found.world.run(found.desired, FEW)
    before = found.there()
    if how == "skipped":
        found.world.source([*ROWS[:1], ("new@example.com", "N"), *[(f"p{number}", "P") for number in range(2, 8)]])
        found.world.skip_invalid()
        assert found.world.run(found.desired, FEW)[0] == 0
    else:
        found.world.source([*ROWS[:1], ("new@example.com", "N")])
        assert found.world.run(platform(mode="add").desired, FEW)[0] == 0
    assert before < found.there()
    found.world.source([*ROWS[:1], ("new@example.com", "N")])
    with pytest.raises(Refused, match="fewer people"):
        found.world.run(found.desired, FEW)
    assert before < found.there()


@pytest.mark.parametrize(("there", "ends"), [(ROWS[0][0], 3), ("stranger@example.com", 0)])
def test_an_entry_without_lists_is_new_where_its_people_are(there: str, ends: int) -> None:
    """Who was deleted, or has refused, would be brought back from a checkout without its state."""
    world, desired = Crowd(), declared(crowd.audience(lists=None))
    world.source(ROWS)
    world.person(there)
    code, events, _ = world.run(desired, Rights(frozenset([Right.SEND])))
    assert code == ends, failures(events)
    assert set(world.people()) == {there, *(email for email, _ in ROWS if not ends)}
