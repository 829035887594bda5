"""A SqualoMail audience: the people in a file, as recipients of the account and on lists."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from reconcile.model.address import Address
from reconcile.model.bulk import BulkKind, Comparison, Conduct, Task
from reconcile.model.call import Call
from reconcile.model.kind import ABSENT, Rule, Spec
from reconcile.model.resource import Resource
from reconcile.providers.audience import together
from reconcile.providers.audience.audience_apply import carry_out
from reconcile.providers.audience.audience_diff import compare_audience
from reconcile.providers.audience.declared import FromFile, check_files, files
from reconcile.providers.squalomail.audience_calls import ListWriter
from reconcile.providers.squalomail.audience_imports import await_outcome
from reconcile.providers.squalomail.audience_load import SqualoMailPlatform

_LANGUAGES = "de|en|es|fr|hr|it|sl"


class ConsentColumn(Spec):
    """A column of the file that says for each person whether they consent; an empty cell says nothing."""

    column: str = Field(min_length=1, description="The column: yes or no, true or false, 1 or 0, sì or no.")


class Consents(Spec):
    """Consents as they should be, and the language of the policy text that people have seen."""

    gdprCanSend: bool | ConsentColumn = Field(ABSENT, description="Consent to be sent mail; or the column with it.")
    gdprCanTrack: bool | ConsentColumn = Field(ABSENT, description="Consent to be tracked; or the column with it.")
    language: str = Field(
        pattern=f"^(?:{_LANGUAGES}|{_LANGUAGES.upper()})$", description="Language of the policy text: de, en, es, ..."
    )


class AudienceSpec(FromFile):
    """What a manifest may declare about an audience."""

    columns: dict[str, str] = Field(
        description="Attribute (email, name, surname, gender, phone, html, ip, tags, or a custom field's key) to "
        "column of the file. Tags of one person have commas between, or are a Parquet list."
    )
    lists: Annotated[list[str], Rule(unordered=True, refers="list")] = Field(
        ABSENT, description="The entries of `lists` that everybody in the file is on."
    )
    tags: Annotated[list[str], Rule(unordered=True)] = Field(
        ABSENT, description="Tags to add to everybody; none is ever removed."
    )
    gdpr: Consents = Field(ABSENT, description="Consents, granted and revoked; never granted over a refusal.")


class SqualoMailAudience(BulkKind):
    """People are never deleted, an entry that is removed is forgotten, and who opted out stays out."""

    kind = "audience"
    plural = "audiences"
    spec = AudienceSpec

    def check(self, resource: Resource) -> Iterable[tuple[str | None, str]]:
        declared = resource.attributes
        yield from check_files(declared)
        if "email" not in declared["columns"]:
            yield "columns", "The columns must say which one holds the address: email."
        yield from _check_columns(declared["columns"])
        if declared.get("mode") == "sync" and not declared.get("lists"):
            yield "mode", "In the mode sync people are taken off lists: declare which ones."

    def sources(self, resource: Resource) -> Mapping[str, str]:
        return files(resource.attributes)

    def check_together(self, resources: Mapping[Address, Resource]) -> Iterator[tuple[Address, str | None, str]]:
        return together.check_together(resources, "lists", "list")

    def compare(self, task: Task) -> Comparison:
        return compare_audience(SqualoMailPlatform(), task)

    def carry_out(self, task: Task, digest: str, calls: Sequence[Call], conduct: Conduct) -> None:
        carry_out(SqualoMailPlatform(), ListWriter, task, digest, calls, conduct)

    def await_outcome(self, task: Task, digest: str, started: float, conduct: Conduct) -> None:
        await_outcome(SqualoMailPlatform(), task, digest, conduct)


# Members of a recipient, or of an import, that no column may fill, and why.
_REFUSED = {
    **dict.fromkeys(
        ("accept", "enabled", "confirmed"),
        "it is the person's own word, or the platform's: no file may say that somebody accepts mail",
    ),
    **dict.fromkeys(("gdprCanSend", "gdprCanTrack"), "declare it under gdpr, as in {gdprCanSend: {column: COLUMN}}"),
    "listIds": "declare the entry's lists",
    **dict.fromkeys(
        ("overwriteData", "clearPreviousListIds"), "it would take away what people, or others, have put there"
    ),
    **dict.fromkeys(
        (
            *("id", "subid", "created", "source", "userId", "lastOpenDate", "lastOpenIp", "lastClickDate"),
            *("lastSentDate", "confirmedDate", "confirmedIp", "needs_gdpr_consent", "quality_score", "is_inactive"),
        ),
        "the platform keeps it by itself",
    ),
}


def _check_columns(columns: Mapping[str, str]) -> Iterator[tuple[str | None, str]]:
    known = {name.lower(): (name, reason) for name, reason in _REFUSED.items()}
    for name in columns:
        if name.lower() in known:
            right, reason = known[name.lower()]
            yield "columns", f"No column may fill {right}: {reason}."
