"""A SqualoMail campaign: a newsletter that goes to lists."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from reconcile.model.attributes import Value
from reconcile.model.kind import ABSENT, Action, Change, Row, Rule
from reconcile.model.resource import RemoteObject
from reconcile.providers.squalomail.newsletters import Newsletter, NewsletterSpec


class CampaignSpec(NewsletterSpec):
    """What a manifest may declare about a campaign."""

    lists: Annotated[list[str], Rule(unordered=True, refers="list")] = Field(
        ABSENT, description="The entries of `lists` whose recipients get the campaign."
    )


class SqualoMailCampaign(Newsletter):
    """Unsent campaigns change in place but for what comes from their template; sent ones never change."""

    kind = "campaign"
    plural = "campaigns"
    spec = CampaignSpec

    def decode(self, row: Row) -> RemoteObject:
        newsletter = super().decode(row)
        lists = tuple(sorted(row.data["_lists"]))
        return RemoteObject(newsletter.id, {**newsletter.attributes, "lists": lists}, newsletter.facts)

    def _arguments(self, change: Change, names: Iterable[str]) -> dict[str, Value]:
        arguments = super()._arguments(change, names)
        # Lists are replaced as a whole, so they are always sent. The API calls them listIds.
        lists = change.whole(("lists",)).get("lists", ())
        return arguments | {"listIds": tuple(int(of) if isinstance(of, str) else of for of in lists)}

    def _widens(self, change: Change) -> bool:
        if change.action is not Action.UPDATE or change.live is None or change.live.facts["published"] != 2:
            return False
        return bool(set(change.whole(("lists",))["lists"]) - set(change.live.attributes["lists"]))
