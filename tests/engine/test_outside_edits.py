"""Whatever people do in the manifests and outside, in whatever order: no outside edit is lost that nobody was shown.

A machine edits manifests and the account at random, plans, applies saved, fresh and approved plans, and remembers each
outside edit of a managed attribute. After each apply, every such edit is still live, unless the plan that was carried
out showed it and somebody had approved that plan.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from reconcile.engine.refresh import refresh
from reconcile.engine.run import Rights
from reconcile.engine.workflow import apply, plan, settle
from reconcile.model.address import Address
from reconcile.model.attributes import Value, same
from reconcile.model.kind import Action
from reconcile.model.reference import Reference
from reconcile.model.resource import RemoteObject, Resource
from reconcile.planner.approval import judge
from reconcile.planner.plan import Cause, Plan, Right
from tests.budget import examples
from tests.engine.test_schedule import DAY, instant
from tests.outside import Colleague, Operator, colleague, id_of, operator, typed
from tests.world import NOW, REGISTRY, World, address, declared, gator, ref, resource

WORDS = ["red", "green", "blue", "grey"]
LISTS = [(), (ref("list", "a"),), (ref("list", "a"), ref("list", "b"))]
DATES = [instant(NOW + days * DAY) for days in (2, 3, 4)]
# Address -> the attributes that are edited on both sides, with their values.
EDITS: Mapping[Address, Mapping[str, list[Value]]] = {
    address("list", "a"): {"name": WORDS, "description": WORDS, "color": ["#111111", "#222222", "#333333"]},
    address("list", "b"): {"description": WORDS, "listTags": [(), ("x",), ("x", "y")]},
    address("template", "t"): {"subject": WORDS, "body": ["<p>{{x}} 1</p>", "<p>{{x}} 2</p>", "<p>{{x}} 3</p>"]},
    address("campaign", "c"): {"fromName": WORDS, "body": WORDS, "visible": [True, False], "lists": LISTS},
    address("campaign", "d"): {"fromName": WORDS, "language": ["it", "en", "sl"]},
    address("group", "a", "gatormail"): {"name": WORDS, "description": WORDS},
    address("group", "b", "gatormail"): {"description": WORDS},
    address("campaign", "e", "gatormail"): {
        "fromName": WORDS,
        "startDate": DATES,
        "group": [ref("group", "a", "gatormail"), ref("group", "b", "gatormail")],
        "email.autoTrackLinks": [True, False],
        "crmId": ["1", "2", "3"],
        "initiate": [True, False],
    },
    address("campaign", "f", "gatormail"): {"name": WORDS, "subject": WORDS, "email.name": WORDS, "email.html": WORDS},
}
# What the platform renders is edited outside only.
RENDERED = {address("campaign", "d"): {"body": WORDS}}
OUTSIDE = {where: {**edits, **RENDERED.get(where, {})} for where, edits in EDITS.items()}
HIDDEN = {"email.html"}
EVERYTHING = Rights(frozenset([Right.OVERWRITE_DRIFT, Right.ACCEPT_UNKNOWN, Right.SEND]), deletes=100)
UNATTENDED = Rights(frozenset([Right.ACCEPT_UNKNOWN, Right.SEND]), deletes=100)
LIMITS: list[dict[str, Any]] = [
    {},
    {"gatormail": {"group_update": True}, "contract": {"cap.group.update": True}},
    {"gatormail": {"campaign_read": False}, "contract": {"cap.campaign.read": False}},
]


WHOLE: dict[str, Any] = {
    "subject": "red",
    "fromName": "red",
    "fromAddress": "a@example.com",
    "group": ref("group", "a", "gatormail"),
    "email": {"name": "red", "html": "red", "text": "red", "autoTrackLinks": True},
}


def everything() -> dict[Address, Resource]:
    replacements = {"texts": {"x": {"value": "1"}}}
    return declared(
        resource("list", "a", {"name": "A", "description": "red", "color": "#111111"}),
        resource("list", "b", {"name": "B", "description": "red", "listTags": ("x",)}),
        resource("template", "t", {"subject": "T", "body": "<p>{{x}}</p>"}),
        resource(
            "campaign", "c", {"subject": "C", "body": "red", "fromName": "red", "visible": True, "lists": LISTS[2]}
        ),
        resource(
            "campaign",
            "d",
            {
                "subject": "D",
                "template": ref("template", "t"),
                "templateCustomAttributes": replacements,
                "fromName": "red",
                "language": "it",
            },
        ),
        gator("group", "a", {"name": "A", "description": "red"}),
        gator("group", "b", {"name": "B", "description": "red"}),
        gator("campaign", "e", {**WHOLE, "name": "E", "startDate": DATES[0], "crmId": "1", "initiate": True}),
        gator("campaign", "f", {**WHOLE, "name": "F"}),
    )


pairs = st.sampled_from([(where, name) for where in EDITS for name in EDITS[where]])
outside_pairs = st.sampled_from([(where, name) for where in OUTSIDE for name in OUTSIDE[where]])
numbers = st.integers(0, 11)
choices = st.integers(0, 10**6)


class Machine(RuleBasedStateMachine):
    """Manifests, an account and two kinds of people."""

    @initialize(limits=st.sampled_from(LIMITS))
    def begin(self, limits: dict[str, Any]) -> None:
        self.world = World(may_send=True, **limits)
        self.desired = everything()
        self.saved: tuple[Plan, dict[Address, RemoteObject]] | None = None
        # Which managed attribute of which object somebody set outside to what, until an apply takes it over.
        self.edits: dict[tuple[Address, str], Value] = {}
        self.world.apply({where: found for where, found in self.desired.items() if where.kind == "group"}, EVERYTHING)
        operator(self.world).people()
        self.world.apply(self.desired, EVERYTHING)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            mails = Counter((found["subject"], found["recipient"]) for found in self.world.sends())
            assert set(mails.values()) <= {1}, mails
            self.world.close()

    @rule(pair=pairs, number=numbers)
    def edit_manifest(self, pair: tuple[Address, str], number: int) -> None:
        where, name = pair
        values = EDITS[where][name]
        if where in self.desired:
            attributes = {**self.desired[where].attributes, name: values[number % len(values)]}
            if name == "lists":
                there = {reference for reference in attributes["lists"] if reference.address in self.desired}
                attributes["lists"] = tuple(sorted(there))
            self.desired[where] = replace(self.desired[where], attributes=attributes)

    @rule(where=st.sampled_from([where for where in EDITS if where.kind == "campaign"]))
    def remove_or_bring_back(self, where: Address) -> None:
        if where in self.desired:
            del self.desired[where]
        else:
            self.desired[where] = everything()[where]

    @rule(pair=outside_pairs, number=numbers)
    def edit_outside(self, pair: tuple[Address, str], number: int) -> None:
        where, name = pair
        live = self.live().get(where)
        if live is None:
            return
        values = OUTSIDE[where][name]
        value = values[number % len(values)]
        if not self.enter(where, live.id, name, value) or name not in live.attributes:
            return  # what can't be read can't be seen either
        after = self.live()[where].attributes[name]
        if self.is_applied(where, name, after):
            self.edits.pop((where, name), None)  # put back
        elif not same(after, live.attributes[name]):
            self.edits[where, name] = after

    def enter(self, where: Address, id_: str, name: str, value: Value) -> bool:
        """What somebody enters in the web interface; whether it was taken."""
        if where.provider == "gatormail":
            person = operator(self.world)
            if where.kind == "campaign" and person.campaign(id_)["status"] in ("Active", "Finished"):
                return False
            if isinstance(value, Reference):
                there = self.live().get(value.address)
                if there is None:
                    return False
                value = there.id
            person.edit(where.kind, id_, {name: value})
            return True
        members = {"lists": self.list_ids(value)} if name == "lists" else {}
        entered = {"listIds": members["lists"]} if members else typed(self.world, name, value)
        colleague(self.world).edit(where.kind, id_, **entered)
        return True

    @rule(where=st.sampled_from(sorted(EDITS)))
    def delete_outside(self, where: Address) -> None:
        live = self.live().get(where)
        if live is not None and where.kind == "campaign":
            somebody: Colleague | Operator = colleague(self.world)
            if where.provider == "gatormail":
                somebody = operator(self.world)
            somebody.delete(where.kind, live.id)
            self.forget(where)

    @rule()
    def wait(self) -> None:
        """Campaigns go out meanwhile."""
        self.world.now += 0.8 * DAY

    @rule()
    def save_a_plan(self) -> None:
        self.saved = (self.looked_at(self.world.plan(dict(self.desired))), self.live())

    @rule(meddling=choices)
    def apply_the_saved_plan(self, meddling: int) -> None:
        if self.saved is None:
            return
        (made, seen), self.saved = self.saved, None
        self.meddle(made, meddling)
        self.world.apply_saved(dict(self.desired), made, rights=EVERYTHING)
        self.check(made, seen, approved=True, conflicts=True)

    @rule()
    def apply_unattended(self) -> None:
        made = self.looked_at(self.world.apply(dict(self.desired), UNATTENDED)[2])
        self.check(made, {}, approved=False)

    @rule(meddling=choices)
    def apply_after_asking(self, meddling: int) -> None:
        """Somebody looks at a fresh plan and says yes; meanwhile, somebody else edits."""
        with self.world.store.lock("asked") as locked:
            settle(self.world.workspace, locked)
            made = self.looked_at(plan(self.world.workspace, dict(self.desired), locked.state))
            seen = self.live()
            self.meddle(made, meddling)
            again = plan(self.world.workspace, dict(self.desired), locked.state)
            left = judge(again, [made], locked.state.generations, self.world.workspace.policy.reach_growth).differences
            list(apply(self.world.workspace, locked, again, replace(UNATTENDED, approved=True), left=left))
        self.check(made, seen, approved=True)

    def meddle(self, made: Plan, choice: int) -> None:
        """Every other time, edit something that the plan is about to write."""
        written = [
            (step.address, name) for step in made.steps.values() if step.writes for name in OUTSIDE[step.address]
        ]
        if choice % 2 and written:
            self.edit_outside(written[choice // 2 % len(written)], choice // 3)

    # What is looked at

    def looked_at(self, made: Plan) -> Plan:
        """A plan, in which each step that may touch what can't be read says so."""
        live = self.live()
        for where, step in made.steps.items():
            final = where in live and live[where].facts.get("status") == "Finished"
            if step.action in (Action.UPDATE, Action.REPLACE, Action.NO_OP) and where in live and not final:
                declared = self.desired[where].attributes.keys() & EDITS.get(where, {}).keys()
                unread = {name for name in declared if name in HIDDEN or name not in live[where].attributes}
                assert unread <= set(step.unchecked), f"{where}: {unread} of {step.unchecked}"
        return made

    def live(self) -> dict[Address, RemoteObject]:
        state = self.world.store.read()
        assert state is not None
        applied = {where: replace(kept, external=True) for where, kept in state.resources.items()}
        return dict(refresh({}, applied, REGISTRY, self.world.workspace.clients).live)

    def list_ids(self, value: Value) -> list[int]:
        return [int(id_of(self.world, reference.address)) for reference in value]

    def check(
        self, made: Plan, seen: Mapping[Address, RemoteObject], *, approved: bool, conflicts: bool = False
    ) -> None:
        """No edit is gone but those that the approved plan showed."""
        live = self.live()
        for (where, name), value in list(self.edits.items()):
            if where in made.steps and made.steps[where].action is Action.FORGET:
                self.forget(where)  # it was sent, and is as it was
                continue
            now = live[where].attributes.get(name) if where in live else None
            kept = where in live and same(now, value)
            if not kept:
                assert approved, f"{where} {name}: {value} was overwritten unattended"
                assert _was_shown(made, seen, where, name, value, conflicts), f"{where} {name}: {value} was not shown"
            if not kept or self.is_applied(where, name, value):
                del self.edits[where, name]

    def is_applied(self, where: Address, name: str, value: Value) -> bool:
        """Whether the state has the value as applied, so that changing it is a change like any other."""
        state = self.world.store.read()
        assert state is not None
        kept = state.resources.get(where)
        if kept is None or name not in {*kept.attributes, *kept.observed}:
            return False
        applied = kept.observed.get(name, kept.attributes.get(name))
        if name == "lists":
            applied = tuple(sorted(str(id_) for id_ in self.list_ids(applied)))
        if isinstance(applied, Reference):
            there = self.live().get(applied.address)
            applied = there.id if there is not None else None
        return same(applied, value)

    def forget(self, where: Address) -> None:
        self.edits = {(at, name): value for (at, name), value in self.edits.items() if at != where}


def _was_shown(
    made: Plan, seen: Mapping[Address, RemoteObject], where: Address, name: str, value: Any, conflicts: bool
) -> bool:
    step = made.steps.get(where)
    if step is None or where not in seen or not same(seen[where].attributes.get(name), value):
        return False  # made before the edit
    if step.action is Action.DELETE:
        return True
    causes = {Cause.OUTSIDE, Cause.BOTH} if conflicts else {Cause.OUTSIDE}
    return any(change.name == name and change.cause in causes for change in step.changes)


TestOutsideEdits = Machine.TestCase
TestOutsideEdits.settings = settings(max_examples=examples(8, 300), stateful_step_count=20)
