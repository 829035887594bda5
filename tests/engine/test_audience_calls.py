"""The picked calls are the cheapest: compared with brute force over all sets of calls, on paper and on the emulator."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconcile.providers.squalomail.cheapest import IMPORT_COST, Need, cheapest, cost
from tests.budget import examples
from tests.crowd import Crowd, audience
from tests.world import address, declared, failures, ref, resource

PEOPLE = address("audience", "people")
LISTS = (1, 2)  # two lists, as bits
State = tuple[bool, bool, bool, int]  # is there, attributes right, tags right, lists joined


def subsets(lists: int) -> list[int]:
    return [mask for mask in range(4) if mask & ~lists == 0]


def singles_from(state: State, need: Need) -> Iterator[State]:
    """What one single call can make of a person, in every way it can be made."""
    there, attributes, tags, lists = state
    if not there:
        for joined, named, tagged in product(subsets(need.lists), (False, True), (False, True)):
            yield True, named, tagged, joined
        return
    for named, tagged in product((False, True), (False, True)):
        yield there, attributes or named, tags or tagged, lists
    for joined in subsets(need.lists):
        yield there, attributes, tags, lists | joined


def fewest_singles(need: Need, imports: tuple[int, ...]) -> int:
    """The fewest single calls for a person who is in these imports, found by trying all."""
    start: State = (not need.new, not (need.new or need.attributes), not need.tags, 0)
    for mask in imports:
        start = (True, True, start[2], start[3] | mask)
    goal = (True, True, True, need.lists)
    reached, steps = {start}, 0
    while goal not in reached:
        reached |= {state for former in reached for state in singles_from(former, need)}
        steps += 1
    return steps


def brute_force(people: list[Need]) -> int:
    """The cost of the cheapest of all sets of calls: everybody in any imports that may have them, the rest singly."""
    choices = []
    for need in people:
        allowed = subsets(need.lists) if need.importable else []
        families = chain.from_iterable(combinations(allowed, size) for size in range(len(allowed) + 1))
        choices.append([(family, fewest_singles(need, family)) for family in families])
    return min(
        IMPORT_COST * len({mask for family, _ in chosen for mask in family}) + sum(singles for _, singles in chosen)
        for chosen in product(*choices)
    )


def is_need(need: Need) -> bool:
    return (need.new or need.attributes or need.tags or need.lists > 0) and not (need.new and need.attributes)


needs = st.builds(Need, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 3), st.booleans()).filter(is_need)


@settings(max_examples=examples(150, 4000), deadline=None)
@given(st.lists(needs, max_size=4))
def test_nothing_is_cheaper_for_four_people_and_two_lists(people: list[Need]) -> None:
    groups = Counter(people)
    assert cost(groups, cheapest(groups)) == brute_force(people)


@settings(max_examples=examples(30, 600), deadline=None)
@given(st.dictionaries(needs, st.integers(1, 200), max_size=6))
def test_no_family_of_imports_is_cheaper_for_many(groups: dict[Need, int]) -> None:
    """With more people the sorts decide, and each sort is brute force's one person times its number."""
    best = min(
        IMPORT_COST * len(family)
        + sum(
            count
            * min(
                fewest_singles(need, part)
                for size in range(len(family) + 1)
                for part in combinations([mask for mask in family if need.importable and mask & ~need.lists == 0], size)
            )
            for need, count in groups.items()
        )
        for size in range(5)
        for family in combinations(range(4), size)
    )
    assert cost(groups, cheapest(groups)) == best


def test_four_lists_are_too_many_to_try_all_and_still_go_into_one_import() -> None:
    groups = {Need(new=True, lists=0b1111): 500, Need(attributes=True, lists=0b1111): 20, Need(lists=0b0001): 1}
    made = cheapest(groups)
    assert made[Need(new=True, lists=0b1111)].imports == (0b1111,)
    assert made[Need(attributes=True, lists=0b1111)].imports == (0b1111,)
    assert made[Need(lists=0b0001)].subscribe == 0b0001


@dataclass(frozen=True)
class Person:
    """Somebody in the source, and how they stand with the account."""

    there: bool
    named: bool
    tagged: bool
    accepts: bool
    lists: tuple[int, int]  # 0 never, 1 subscribed, -1 left

    def need(self, tags: bool) -> Need:
        if not self.there:
            return Need(new=True, tags=tags, lists=0b11)
        joins = sum(bit for bit, status in zip(LISTS, self.lists, strict=True) if status == 0 and self.accepts)
        willing = self.accepts and -1 not in self.lists
        return Need(False, not self.named, tags and not self.tagged, joins, willing)


statuses = st.sampled_from([0, 0, 1, -1])
persons = st.builds(
    Person,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from([True, True, False]),
    st.tuples(statuses, statuses),
)


@settings(
    max_examples=examples(6, 400),
    deadline=None,
    phases=set(Phase) - {Phase.shrink},
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(persons, min_size=1, max_size=4), st.booleans())
def test_the_plan_for_a_small_account_is_the_cheapest_and_right(people: list[Person], tags: bool) -> None:
    world = Crowd()
    lists = [resource("list", name, {"name": name}) for name in ("a", "b")]
    world.apply(declared(*lists))
    ids = {row["name"]: int(row["id"]) for row in world.lists()}
    for number, person in enumerate(people):
        _bring_in(world, number, person, [ids["a"], ids["b"]])
    world.source([(f"p{number}@example.com", "Right") for number in range(len(people))])
    entry = audience(lists=[ref("list", "a"), ref("list", "b")], tags=["crm"] if tags else None)
    desired = declared(*lists, entry)
    code, events, made = world.run(desired)
    assert code == 0, failures(events)
    picked = [call.operation for call in made.steps[PEOPLE].calls]
    wanted = [need for person in people if is_need(need := person.need(tags))]
    assert sum(IMPORT_COST if name == "import-recipients-async" else 1 for name in picked) == brute_force(wanted)
    assert sorted(world.writes()) == sorted(picked), "what was planned is what was done"
    for number, person in enumerate(people):
        _is_right(world, number, person, tags, [ids["a"], ids["b"]])
    assert world.settled(desired)
    world.close()


def _bring_in(world: Crowd, number: int, person: Person, ids: list[int]) -> None:
    if not person.there:
        return
    email = f"p{number}@example.com"
    joined = [listid for listid, status in zip(ids, person.lists, strict=True) if status]
    tags = ["crm", "x"] if person.tagged else ["x"]
    subid = world.person(email, name="Right" if person.named else "Wrong", listIds=joined, tags=tags)
    left = [listid for listid, status in zip(ids, person.lists, strict=True) if status == -1]
    if left:
        world.api("unsubscribe-recipient", recipientId=subid, listIds=left, accept=1)
    if not person.accepts:
        world.api("update-recipient", id=subid, accept=False)


def _is_right(world: Crowd, number: int, person: Person, tags: bool, ids: list[int]) -> None:
    row = world.people()[f"p{number}@example.com"]
    assert row["name"] == "Right"
    assert not tags or "crm" in row["tags"]
    assert not person.there or ("x" in row["tags"] and bool(row["accept"]) == person.accepts)
    for listid, status in zip(ids, person.lists if person.there else (0, 0), strict=True):
        members = {found["subid"]: found["status"] for found in world.rows("ListSub", f"listid=={listid}")}
        expected = 1 if status == 1 or (status == 0 and (person.accepts or not person.there)) else status or None
        assert members.get(row["subid"]) == expected
