"""The options of GatorMail's data feed: which activity is queued, and how many records a batch has."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from reconcile.model.attributes import Value
from reconcile.model.call import Call
from reconcile.model.kind import ABSENT, Action, Change, Client, Collection, Kind, Row, Rule, Spec, Wanted, rules
from reconcile.model.resource import RemoteObject

_FEEDS = "feeds."


class FeedsSpec(Spec):
    """Which activity is queued; what was queued before a feed is switched off is still delivered."""

    emailSent: bool = Field(ABSENT, description="E-mails that were sent.")
    emailOpened: bool = Field(ABSENT, description="E-mails that were opened.")
    linkClicked: bool = Field(ABSENT, description="Links that were clicked.")
    landingZoneHit: bool = Field(ABSENT, description="Visits of landing pages.")
    fileDownloaded: bool = Field(ABSENT, description="Files that were downloaded.")
    unsubscribed: bool = Field(ABSENT, description="People who unsubscribed.")
    surveyAnswered: bool = Field(ABSENT, description="Answers to surveys.")
    bounced: bool = Field(ABSENT, description="Bounces, which may come days after the mail.")
    eventInvite: bool = Field(ABSENT, description="Invitations to events.")


class DatafeedSpec(Spec):
    """What a manifest may declare about the data feed; people can change it in the web interface, too."""

    batchSize: int = Field(ABSENT, ge=1, le=1000, description="Records in a batch, at most.")
    feeds: Annotated[FeedsSpec, Rule(opened=True)] = Field(ABSENT, description="Which activity is queued.")


class _Options(Collection):
    """The one object with all options."""

    name = "datafeed"

    def read(self, api: Client, wanted: Wanted) -> Iterable[Row]:
        return [Row("main", api.send(Call("gatormail_getDatafeedOptions", {})))]


class GatorMailDatafeed(Kind):
    """The options, compared one by one; as an update may switch off what it leaves out, it sends them all."""

    kind = "datafeed"
    plural = "datafeed"
    spec = DatafeedSpec
    natural_key = ()
    collection: ClassVar[Collection] = _Options()
    singleton = True
    volatile = True

    def decode(self, row: Row) -> RemoteObject:
        feeds = row.data.get("feeds") or {}
        attributes: dict[str, Value] = {"batchSize": row.data.get("batchSize")}
        attributes |= {f"{_FEEDS}{name}": value for name, value in feeds.items()}
        return RemoteObject(row.id, {name: value for name, value in attributes.items() if value is not None})

    def writes(self, change: Change) -> Sequence[Call]:
        if change.action is not Action.UPDATE:
            return []
        whole = change.whole(rules(DatafeedSpec))
        feeds: dict[str, Any] = {
            name.removeprefix(_FEEDS): value for name, value in whole.items() if name.startswith(_FEEDS)
        }
        size = {"batchSize": whole["batchSize"]} if "batchSize" in whole else {}
        return [Call("gatormail_postDatafeedOptions", {**size, "feeds": feeds})]
