"""The objects of the API, member by member (reference OpenAPI document, components/schemas).

Each member is written ``kind[:of][?][!] [r|w] [=wire name]``: ``?`` may be null, ``!`` is required in requests, ``r``
is read-only, ``w`` write-only; without ``=`` the name on the wire is the member's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One member. ``kind`` is id, int, text, date, bool, map, enum, one, many or ref; ``of`` names an enum or shape."""

    kind: str
    of: str
    wire: str
    nullable: bool
    required: bool
    access: str


Shape = Mapping[str, Member]


def _member(name: str, written: str) -> Member:
    kind, *marks = written.split()
    bare = kind.rstrip("?!")
    kind_name, _, of = bare.partition(":")
    wire = next((mark[1:] for mark in marks if mark.startswith("=")), name)
    access = next((mark for mark in marks if mark in ("r", "w")), "")
    return Member(kind_name, of, wire, "?" in kind, "!" in kind, access)


def _shape(**members: str) -> Shape:
    return {name: _member(name, written) for name, written in members.items()}


ENUMS: Mapping[str, tuple[str, ...]] = {
    "campaignType": ("Static", "RefreshRecurring", "RefreshNonRecurring", "StaticRecurring", "Followup"),
    "campaignStatus": ("InSetup", "Queued", "Active", "Finished"),
    "contactState": ("Inserted", "Updated", "Unchanged"),
    "triggerState": ("Pending", "Sent", "Cancelled"),
    "dataType": ("string", "integer", "decimal", "boolean", "date", "datetime"),
    "requestType": ("FieldMappingSchema", "FieldMappingUpdates"),
    "activityType": (
        "EmailSent", "EmailOpened", "LinkClicked", "LandingZoneHit", "FileDownloaded", "Unsubscribed",
        "SurveyAnswered", "Bounced", "EventInvite",
    ),
    "bounceType": ("Hard", "Soft", "Other"),
}  # fmt: skip

SHAPES: Mapping[str, Shape] = {
    "token": _shape(
        accessToken="text =access_token",
        expiresIn="int =expires_in",
        tokenType="text =token_type",
        refreshToken="text? =refresh_token",
    ),
    "campaign": _shape(
        id="id?",
        name="text!",
        crmId="text?",
        type="enum:campaignType",
        status="enum:campaignStatus r",
        startDate="date?",
        endDate="date?",
        created="date? r",
        replyTo="text",
        fromName="text",
        fromAddress="text",
        subject="text",
        group="ref:group?",
        email="ref:email?",
        unsubscribeId="int? r",
    ),
    "initiate": _shape(initiated="bool =campaignInitiated", message="text?"),
    "uninitiate": _shape(uninitiated="bool =campaignUninitiated", message="text?"),
    "audience": _shape(total="int", undeliverable="int", unsubscribed="int", duplicates="int", final="int"),
    "stats": _shape(
        sent="int",
        delivered="int",
        opens="int",
        uniqueOpens="int",
        clicks="int",
        uniqueClicks="int",
        bounces="int",
        unsubscribes="int",
    ),
    "email": _shape(id="id?", name="text!", html="text", text="text", autoTrackLinks="bool"),
    "group": _shape(id="id?", name="text!", description="text", created="date? r"),
    "groupCount": _shape(count="int"),
    "contact": _shape(
        id="id?",
        emailLogin="text",
        firstName="text?",
        lastName="text?",
        title="text?",
        positionInCompany="text?",
        companyName="text?",
        fields="map",
        contactState="enum:contactState? r",
    ),
    "contactField": _shape(
        name="text", databaseName="text?", displayName="text?", table="text?", repeating="bool", dataType="text"
    ),
    "membership": _shape(contactId="int", emailLogin="text?", included="bool", contactState="enum:contactState?"),
    "contactGroup": _shape(groupId="int", name="text", included="bool"),
    "trigger": _shape(contact="one:contact!", mergeFields="map", sendDate="date?", triggerKey="text?"),
    "triggerResult": _shape(triggerKey="text?", campaignId="int", contactId="int", triggerState="enum:triggerState"),
    "schema": _shape(entities="many:entity", publishedAt="date?"),
    "entity": _shape(name="text!", displayName="text?", attributes="many:attribute r"),
    "attribute": _shape(
        entityName="text! w", name="text!", displayName="text?", dataType="enum:dataType", mappings="many:mapping r"
    ),
    "mapping": _shape(contactAttribute="text", dataCleanse="bool"),
    "request": _shape(type="enum:requestType", requested="bool", requestedAt="date?"),
    "options": _shape(batchSize="int", feeds="one:feeds"),
    "feeds": _shape(
        emailSent="bool",
        emailOpened="bool",
        linkClicked="bool",
        landingZoneHit="bool",
        fileDownloaded="bool",
        unsubscribed="bool",
        surveyAnswered="bool",
        bounced="bool",
        eventInvite="bool",
    ),
    "batch": _shape(batchIdentifier="text?", records="many:record"),
    "record": _shape(
        id="int",
        activityType="enum:activityType",
        activityDate="date",
        historyId="int?",
        campaignId="int?",
        campaignName="text?",
        campaignCrmId="text?",
        emailId="int?",
        contactId="int",
        emailLogin="text",
        contactCrmId="text?",
        url="text?",
        linkName="text?",
        fileName="text?",
        bounceType="enum:bounceType?",
        bounceReason="text?",
        unsubscribeId="int?",
        surveyId="int?",
        question="text?",
        answer="text?",
        eventId="int?",
        eventName="text?",
        eventResponse="text?",
    ),
    "ack": _shape(batchIdentifier="text", processed="bool"),
    "error": _shape(message="text", modelState="map"),
    "oauthError": _shape(error="text", errorDescription="text =error_description"),
    "testSend": _shape(address="text! =emailAddress"),
}
