"""A GatorMail audience: the people in a file, as contacts of the instance and in a group."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from reconcile.errors import InvalidInput
from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind, Comparison, Conduct, Task
from reconcile.model.call import Call
from reconcile.model.kind import Rule
from reconcile.model.resource import Resource
from reconcile.providers.audience import together
from reconcile.providers.audience.audience_apply import carry_out
from reconcile.providers.audience.audience_diff import compare_audience
from reconcile.providers.audience.declared import FromFile, check_files, files
from reconcile.providers.gatormail.audience_calls import GroupWriter
from reconcile.providers.gatormail.audience_load import ADDRESS, BUILT_IN, GatorMailPlatform

_NEEDED_FOR_SYNC = ("membership.remove", "membership.read")


class AudienceSpec(FromFile):
    """What a manifest may declare about an audience."""

    columns: dict[str, str] = Field(
        description="Attribute (emailLogin, firstName, lastName, title, positionInCompany, companyName, or a contact "
        "field of the instance) to column of the file."
    )
    group: Annotated[str, Rule(refers="group")] = Field(description="The entry of `groups` that everybody is in.")


class GatorMailAudience(BulkKind):
    """People are never deleted, an entry that is removed is forgotten, and who is excluded from the group stays out."""

    kind = "audience"
    plural = "audiences"
    spec = AudienceSpec

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        declared = resource.attributes
        yield from check_files(declared)
        yield from _check_columns(declared["columns"])
        if finding := self._sync_finding(declared.get("mode")):
            yield "mode", finding

    def sources(self, resource: Resource) -> Mapping[str, str]:
        return files(resource.attributes)

    def check_together(self, resources: Mapping[Address, Resource]) -> Iterator[tuple[Address, str | None, str]]:
        return together.check_together(resources, "group", "group")

    def compare(self, task: Task) -> Comparison:
        if finding := self._sync_finding(task.attributes.get("mode")):
            raise InvalidInput(finding, address=str(task.address))
        return compare_audience(GatorMailPlatform(), task)

    def carry_out(self, task: Task, digest: str, calls: Sequence[Call], conduct: Conduct) -> None:
        carry_out(GatorMailPlatform(), GroupWriter, task, digest, calls, conduct)

    def await_outcome(self, task: Task, digest: str, started: float, conduct: Conduct) -> None:
        """Nothing comes later: each call is done when it is answered, and the next comparison sees what was."""

    def _sync_finding(self, mode: object) -> str | None:
        """What is wrong with the mode, if anything."""
        lacking = [f"cap.{name}" for name in _NEEDED_FOR_SYNC if name not in self.traits.capabilities]
        if mode != "sync" or not lacking:
            return None
        return (
            f"In the mode sync people are taken out of the group, which this account can't do: {' and '.join(lacking)} "
            f"is off. Declare the mode add, or switch it on under the provider's contract if the account has it."
        )


def _check_columns(columns: Mapping[str, str]) -> Iterator[tuple[str | None, str]]:
    if ADDRESS not in columns:
        yield "columns", f"The columns must say which one holds the address: {ADDRESS}."
    spelled = {name.lower(): name for name in (ADDRESS, *BUILT_IN)}
    seen: set[str] = set()
    for name in columns:
        right = spelled.get(name.lower(), name)
        if right != name:
            yield "columns", f"The attribute {name} is written {right}."
        elif name.lower() in seen:
            yield "columns", f"The contact field {name} is there twice: the platform does not mind case."
        seen.add(name.lower())
