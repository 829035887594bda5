"""What every provider has to do right, whatever the platform.

Subclass it in a test module::

    class TestAcme(ProviderSuite):
        provider = PROVIDER
        settings = {"region": "eu"}              # what an account needs beside type and url
        samples = {"list": Sample({"name": "News"}, {"name": "Old news"})}
        excused = {"schema": "There is one per account, always there."}

A kind without a sample is tried with one made from its Spec, so that a new kind is tried without a word here. Excused
is a kind, a test ("test_an_export_plans_empty"), or a kind's attribute ("list.tags"), each with the reason.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind
from reconcile.model.call import Retry
from reconcile.model.kind import Action, Kind, rules
from reconcile.model.provider import Provider
from reconcile.model.resource import Resource
from reconcile.planner.plan import Plan
from reconcile.testing.account import Account
from reconcile.testing.samples import Sample, made_up


class ProviderSuite:
    """The suite; see the module."""

    provider: ClassVar[Provider]
    settings: ClassVar[Mapping[str, Any]] = {}
    samples: ClassVar[Mapping[str, Sample]] = {}
    excused: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def cases_of(cls, test: str, names: tuple[str, ...]) -> list[tuple[str, ...]]:
        """What a test is run for: kinds, their attributes that change, or operations."""
        if not hasattr(cls, "provider") or test in cls.excused:
            return []
        if names == ("operation",):
            return [(name,) for name in cls.provider.operations]
        kinds = [kind.kind for kind in cls.provider.kinds if cls._is_tried(kind)]
        if names == ("kind",):
            return [(kind,) for kind in kinds]
        changes = [(kind, name) for kind in kinds for name in cls.sample(kind).changes]
        return [(kind, name) for kind, name in changes if f"{kind}.{name}" not in cls.excused]

    @classmethod
    def sample(cls, kind: str) -> Sample:
        """What a kind is tried with."""
        (found,) = (known for known in cls.provider.kinds if known.kind == kind)
        return cls.samples[kind] if kind in cls.samples else made_up(found)

    @classmethod
    def _is_tried(cls, kind: type[Kind]) -> bool:
        # People are compared in bulk, one that is always there is never made, and of a manual kind nothing is written.
        return not (issubclass(kind, BulkKind) or kind.singleton or kind.manual or kind.kind in cls.excused)

    @pytest.fixture
    def account(self, tmp_path: Path) -> Iterator[Account]:
        """An empty account, and a state."""
        made = Account(self.provider, self.settings, tmp_path)
        yield made
        made.close()

    def desired(self, account: Account, kind: str, **changed: Any) -> dict[Address, Resource]:
        """The sample of a kind, changed, and those that it refers to."""
        known = rules(account.kinds[kind].spec)
        attributes = {**self.sample(kind).attributes, **changed}
        found: dict[Address, Resource] = {}
        for name in attributes:
            refers = known[name].refers if name in known else None
            if refers is not None:
                found |= self.desired(account, refers)
        resource = account.resource(kind, attributes)
        return {**found, resource.address: resource}

    def made(self, account: Account, kind: str) -> dict[Address, Resource]:
        """The sample, made."""
        desired = self.desired(account, kind)
        code, events = account.apply(desired)
        assert code == 0, [found.detail for event in events for found in event.diagnostics]
        return desired

    def test_what_is_made_plans_empty(self, account: Account, kind: str) -> None:
        """Created as declared, and read back as declared."""
        desired = self.made(account, kind)
        assert not _shape(account.plan(desired))

    def test_an_attribute_changes_alone(self, account: Account, kind: str, changed: str) -> None:
        """One other value is one change, and nothing is left to do afterwards."""
        before = self.made(account, kind)
        desired = self.desired(account, kind, **{changed: self.sample(kind).changes[changed]})
        step = account.plan(desired).steps[account.address(kind)]
        assert {change.name for change in step.changes} == {changed}
        assert account.apply(desired)[0] == 0
        assert not _shape(account.plan(desired))
        assert _shape(account.plan(before)), f"{changed} reads the same whatever it is"

    def test_what_is_not_declared_survives(self, account: Account, kind: str, changed: str) -> None:
        """An update leaves alone what the manifest does not speak of."""
        self.made(account, kind)
        was = account.live(kind)
        natural = account.kinds[kind].natural_key
        sample = self.sample(kind)
        needed = {name for name, member in account.kinds[kind].spec.model_fields.items() if member.is_required()}
        kept = {name: value for name, value in sample.attributes.items() if name in {*natural, *needed}}
        resource = account.resource(kind, {**kept, changed: sample.changes[changed]})
        step = account.plan({resource.address: resource}).steps[resource.address]
        if step.action is not Action.UPDATE:
            pytest.skip(f"{changed} can't change in place")
        others = {address: found for address, found in self.desired(account, kind).items() if address.kind != kind}
        assert account.apply({**others, resource.address: resource})[0] == 0
        now = account.live(kind)
        assert was is not None
        assert now is not None
        after = {**now.attributes, changed: was.attributes.get(changed)}
        assert after == {**was.attributes, changed: was.attributes.get(changed)}

    def test_an_edit_made_outside_is_seen(self, account: Account, kind: str, changed: str) -> None:
        """A person's edit is drift, and apply puts it back."""
        rule = rules(account.kinds[kind].spec)[changed]
        if not rule.readable or rule.replaces or rule.refers or rule.launches:
            pytest.skip("not an edit in place that can be read back")
        desired = self.made(account, kind)
        account.somebody_changes(kind, changed, self.sample(kind).changes[changed])
        assert [found.address for found in account.drift().entries] == [account.address(kind)]
        assert _shape(account.plan(desired)) == {str(account.address(kind)): "update"}
        assert account.apply(desired)[0] == 0
        assert not _shape(account.plan(desired))

    def test_a_lost_reply_makes_nothing_twice(self, account: Account, kind: str, tmp_path: Path) -> None:
        """Each write is carried out once with its answer lost: the next run knows the object again."""
        count = sum(len(step.calls) for step in account.plan(self.desired(account, kind)).steps.values())
        for number in range(count):
            folder = tmp_path / str(number)
            folder.mkdir()
            other = Account(self.provider, self.settings, folder)
            desired = self.desired(other, kind)
            other.lose_write(number)
            other.apply(desired)
            assert other.apply(desired)[0] == 0
            for address, resource in desired.items():
                assert other.alike(address.kind, resource) == 1, f"{address} was made twice"
            assert not _shape(other.plan(desired))
            other.close()

    def test_what_is_gone_is_gone(self, account: Account, kind: str) -> None:
        """What somebody deleted is made again while it is declared, and forgotten once it isn't."""
        desired = self.made(account, kind)
        account.somebody_deletes(kind)
        assert _shape(account.plan(desired))[str(account.address(kind))] == "create"
        assert account.apply(desired)[0] == 0
        account.somebody_deletes(kind)
        rest = {address: found for address, found in desired.items() if address.kind != kind}
        assert account.apply(rest)[0] == 0
        assert account.alike(kind, desired[account.address(kind)]) == 0

    def test_an_export_plans_empty(self, account: Account, kind: str, tmp_path: Path) -> None:
        """A project made from what is there has nothing to do."""
        self.made(account, kind)
        assert not _shape(account.exported(tmp_path / "exported"))

    def test_the_writes_that_are_shown_are_made(self, account: Account, kind: str) -> None:
        """The plan's calls are those on the wire: as many, and of the verbs that the operations have."""
        desired = self.desired(account, kind)
        shown = [call for step in account.plan(desired).steps.values() for call in step.calls]
        account.wire.seen.clear()
        assert account.apply(desired)[0] == 0
        encoded = [account.client.encode(call) for call in shown]
        paths = {path for _, path in account.wire.seen}
        for call in encoded:
            assert any(path.endswith(call.path) for path in paths), f"{call.verb} {call.path} was shown and never made"
        writes = [verb for verb, path in account.wire.seen if verb not in ("GET", "HEAD")]
        reads = {operation.verb for operation in self.provider.operations.values() if not operation.write}
        if not reads - {"GET", "HEAD"}:
            assert len(writes) == len(shown)

    def test_an_operation_is_classed(self, operation: str) -> None:
        """What only reads may be repeated, what writes is not a plain read, and who gets mail is told once."""
        row = self.provider.operations[operation]
        assert row.summary, "a phrase on what it does"
        assert row.write or row.retry in (Retry.SAFE, Retry.IDEMPOTENT)
        assert not (row.write and row.retry is Retry.SAFE)
        assert not row.sends or (row.write and row.retry in (Retry.NEVER, Retry.LOOKUP, Retry.IDEMPOTENT))
        assert row.returns is None or row.write

    def test_excuses_are_needed(self) -> None:
        """What is excused exists, and has a reason."""
        kinds = {kind.kind for kind in self.provider.kinds}
        for name, reason in self.excused.items():
            assert reason.endswith("."), f"{name}: a sentence that says why"
            assert name.partition(".")[0] in kinds or hasattr(type(self), name), f"{name} is nothing to excuse"


def _shape(made: Plan) -> dict[str, str]:
    return {str(step.address): step.action.value for step in made.changes}
