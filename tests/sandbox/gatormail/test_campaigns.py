"""The life cycle of campaigns on the clock, and who gets their mails."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.gatormail.conftest import Gator

DAY = 86_400
SOON = {"startDate": "2027-01-15T09:00:00", "endDate": "2027-01-17T09:00:00"}  # an hour after START


def test_a_static_campaign_from_setup_to_finished(gator: Gator) -> None:
    number = gator.campaign(gator.group("ann@example.test", "bob@example.test"), **SOON)
    assert gator.status(number) == "InSetup"
    assert gator.sends() == []
    assert gator.initiate(number) == {"campaignInitiated": True, "message": None}
    assert gator.sends() == [(number, "scheduled", 3600)] * 2
    gator("PUT", f"/campaign/{number}", {"name": "x"}, status=409)
    gator("DELETE", f"/campaign/{number}", status=409)
    assert gator.initiate(number) == {"campaignInitiated": False, "message": "The campaign is Queued"}
    gator.clock(3599)
    assert gator("POST", f"/campaign/{number}/uninitiate")["campaignUninitiated"] is True
    assert (gator.status(number), gator.sends()) == ("InSetup", [])
    gator.initiate(number)
    gator.clock(3600)
    gator.token = gator.sign_in().json()["access_token"]
    assert gator.status(number) == "Active"
    assert gator("POST", f"/campaign/{number}/uninitiate")["campaignUninitiated"] is False
    gator.clock(3660)
    assert gator.status(number) == "Finished"
    assert gator.sends() == [(number, "sent", 3600)] * 2
    assert gator.sandbox.sends()[0].keys() >= {"provider", "account", "subject", "recipient", "reason"}
    gator("DELETE", f"/campaign/{number}", status=204)
    assert len(gator.sends()) == 2


def test_without_dates_it_starts_at_once_and_lasts_a_week(gator: Gator) -> None:
    number = gator.campaign(gator.group("ann@example.test"))
    gator.initiate(number)
    found = gator("GET", f"/campaign/{number}")
    assert (found["status"], found["startDate"], found["endDate"]) == (
        "Active", "2027-01-15T08:00:00", "2027-01-22T08:00:00",
    )  # fmt: skip
    assert gator.sends() == [(number, "sent", 0)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"email": None}, "The campaign has no e-mail"),
        ({"subject": ""}, "The subject is empty"),
        ({"fromAddress": " "}, "The sender address is empty"),
        ({"group": None}, "The campaign has no group"),
        (
            {"startDate": "2027-02-02T00:00:00", "endDate": "2027-02-01T00:00:00"},
            "The start date is after the end date",
        ),
        ({"startDate": "2027-01-01T00:00:00", "endDate": "2027-01-02T00:00:00"}, "The end date is in the past"),
    ],
)
def test_stops(gator: Gator, values: dict[str, Any], message: str) -> None:
    number = gator.campaign(**{"group": gator.group("ann@example.test"), **values})
    assert gator.initiate(number) == {"campaignInitiated": False, "message": message}
    assert gator.status(number) == "InSetup"


def test_an_empty_audience_stops_static_campaigns_only(gator: Gator) -> None:
    group = gator.group()
    assert gator.initiate(gator.campaign(group))["message"] == "The final audience is empty"
    assert gator.initiate(gator.campaign(group, type="StaticRecurring"))["campaignInitiated"] is False
    for kind in ("RefreshRecurring", "RefreshNonRecurring"):
        assert gator.initiate(gator.campaign(group, type=kind))["campaignInitiated"] is True


def test_who_joins_an_active_refresh_campaign_gets_mail_once(gator: Gator) -> None:
    group = gator.group("ann@example.test")
    number = gator.campaign(group, type="RefreshNonRecurring", **SOON)
    gator.initiate(number)
    gator.clock(3600)
    gator.token = gator.sign_in().json()["access_token"]
    gator("POST", f"/group/{group}/included/contact", [{"emailLogin": "bob@example.test"}])
    gator("POST", f"/group/{group}/included/contact", [{"emailLogin": "bob@example.test"}])
    assert gator.sends() == [(number, "sent", 3600)] * 2
    gator.clock(3 * DAY)
    gator.token = gator.sign_in().json()["access_token"]
    gator("POST", f"/group/{group}/included/contact", [{"emailLogin": "cy@example.test"}])
    assert (gator.status(number), len(gator.sends())) == ("Finished", 2)


@pytest.mark.parametrize(("kind", "sent"), [("RefreshRecurring", 3), ("StaticRecurring", 2)])
def test_recurring_campaigns_send_daily_until_their_end(gator: Gator, kind: str, sent: int) -> None:
    group = gator.group("ann@example.test")
    number = gator.campaign(group, type=kind, **SOON)
    gator.initiate(number)
    gator.clock(3601)
    gator.token = gator.sign_in().json()["access_token"]
    gator("POST", f"/group/{group}/included/contact", [{"emailLogin": "bob@example.test"}])
    gator.clock(30 * DAY)
    assert [date for _, _, date in gator.sends()] == [3600] + [3600 + DAY] * (sent - 1)


def test_audience_and_figures(gator: Gator) -> None:
    people = [f"{name}@example.test" for name in ("ann", "bob", "cy", "dee")]
    group = gator.group(*people)
    number = gator.campaign(group, **SOON)
    activity = {"activityType": "Bounced", "contact": people[1], "bounceType": "Soft"}
    gator.person("POST", "activity", {**activity, "times": 3})
    assert gator("GET", f"/campaign/{number}/audience")["undeliverable"] == 0
    for _ in range(2):
        gator.person("POST", "activity", activity)
    gator.person("POST", "ui/unsubscribe", {"contact": people[2]})
    assert gator("GET", f"/campaign/{number}/audience") == {
        "total": 4, "undeliverable": 1, "unsubscribed": 1, "duplicates": 0, "final": 2,
    }  # fmt: skip
    gator.initiate(number)
    gator.clock(3600)
    for kind, more in (("EmailOpened", {"times": 2}), ("LinkClicked", {"url": "https://e.test"}), ("Unsubscribed", {})):
        gator.person("POST", "activity", {"activityType": kind, "contact": people[0], "campaignId": number, **more})
    gator.person("POST", "activity", {**activity, "contact": people[3], "campaignId": number, "bounceType": "Hard"})
    gator.token = gator.sign_in().json()["access_token"]
    assert gator("GET", f"/campaign/{number}/stats") == {
        "sent": 2, "delivered": 1, "opens": 2, "uniqueOpens": 1, "clicks": 1, "uniqueClicks": 1, "bounces": 1,
        "unsubscribes": 1,
    }  # fmt: skip


def test_an_unsubscribe_definition_concerns_campaigns_that_have_it(gator: Gator) -> None:
    group = gator.group("ann@example.test")
    number = gator.campaign(group)
    definition = gator.person("POST", "ui/unsubscribe-definition", {"name": "Offers"})["id"]
    gator.person("POST", "ui/unsubscribe", {"contact": "ann@example.test", "unsubscribeId": definition})
    assert gator("GET", f"/campaign/{number}/audience")["final"] == 1
    assert gator("PUT", f"/campaign/{number}/unsubscribe/{definition}")["unsubscribeId"] == definition
    assert gator("GET", f"/campaign/{number}/audience")["final"] == 0


def test_a_whole_object_is_written_and_references_count_for_their_id(gator: Gator) -> None:
    group = gator.group("ann@example.test")
    number = gator.campaign(group, crmId="77", replyTo="r@example.test", **SOON)
    found = gator("GET", f"/campaign/{number}")
    assert found["group"] == {"id": group, "name": "Readers", "description": "", "created": "2027-01-15T08:00:00"}
    assert found["email"].keys() == {"id", "name", "autoTrackLinks"}
    again = gator("PUT", f"/campaign/{number}", {**found, "subject": "New", "group": {"id": str(group), "name": 3}})
    assert again == {**found, "subject": "New"}
    emptied = gator("PUT", f"/campaign/{number}", {"name": "Spring", "id": number}, status=200)
    assert [emptied[name] for name in ("crmId", "replyTo", "startDate", "group", "email")] == [
        None,
        "",
        None,
        None,
        None,
    ]
    for wrong in (
        {"group": {"name": "x"}},
        {"group": {"id": 1}},
        {"email": {"id": 1}},
        {"type": "Followup"},
        {"id": 1},
    ):
        gator("PUT", f"/campaign/{number}", {"name": "Spring", **wrong}, status=400)


def test_rows_of_the_list_have_its_columns_only(gator: Gator) -> None:
    numbers = [gator.campaign(name=name) for name in "ABC"]
    rows = gator("GET", "/campaign/1/2") + gator("GET", "/campaign/2/2")
    assert [row["id"] for row in rows] == numbers
    assert rows[0].keys() == {"id", "name", "crmId", "type", "status", "startDate", "endDate", "created"}
    assert gator("GET", "/campaign/3/2") == []


def test_contents_survive_byte_for_byte_and_tracked_links_do_not(gators: Callable[..., Gator]) -> None:
    gator = gators(switches={"email_read": True})
    html = (
        "#[CONTENT/FIRSTNAME]# {Content/EMailLink}\r\n<a href='https://e.test/a'>é</a>"
        '<a href="https://t.test/lz.aspx?p1={Content/CampaignCode}">x</a><a href="https://t.test/Preference.aspx">'
    )
    plain = gator("POST", "/email", {"name": "A", "html": html, "text": "a\r\n"}, status=201)
    assert (plain["html"], plain["text"]) == (html, "a\r\n")
    tracked = gator("POST", "/email", {"name": "A", "html": html, "autoTrackLinks": True})["html"]
    assert tracked == html.replace("https://e.test/a", tracked.split("'")[1])
    assert tracked != html
    assert gator("GET", "/email/1/9")[0].keys() == {"id", "name", "autoTrackLinks"}


def test_triggers(gators: Callable[..., Gator]) -> None:
    gator = gators(switches={"triggers": True})
    number = gator.campaign(type="Followup", **SOON)
    gator.initiate(number)
    body = {"contact": {"emailLogin": "ann@example.test"}, "triggerKey": "k", "mergeFields": {"mergeField1": "x"}}
    gator("POST", f"/campaign/{number}/trigger", body, status=409)
    gator.clock(3600)
    gator.token = gator.sign_in().json()["access_token"]
    assert gator("POST", f"/campaign/{number}/trigger", body, status=202)["triggerState"] == "Sent"
    gator("DELETE", "/trigger/k", status=409)
    for key, date in (
        ("soon", "2027-01-15T09:00:05"),
        ("cancelled", "2027-01-15T09:00:06"),
        ("late", "2027-02-01T00:00:00"),
    ):
        later = {**body, "triggerKey": key, "sendDate": date}
        assert gator("POST", f"/campaign/{number}/trigger", later)["triggerState"] == "Pending"
    gator("DELETE", "/trigger/cancelled", status=204)
    gator("DELETE", "/trigger/cancelled", status=204)
    assert [state for _, state, _ in gator.sends()] == ["sent", "scheduled", "scheduled"]
    gator.clock(40 * DAY)
    gator.token = gator.sign_in().json()["access_token"]
    assert [gator("GET", f"/trigger/{key}")["triggerState"] for key in ("soon", "cancelled", "late")] == [
        "Sent", "Cancelled", "Cancelled",
    ]  # fmt: skip
    assert gator.sends() == [(number, "sent", 3600), (number, "sent", 3605)]
    gator("POST", f"/campaign/{number}/trigger", {**body, "mergeFields": {"other": 1}}, status=409)


def test_a_test_message_is_a_send_and_no_result(gator: Gator) -> None:
    number = gator.campaign()
    gator("POST", f"/campaign/{number}/test", {"emailAddress": "me@example.test"}, status=200)
    assert [row["reason"] for row in gator.sandbox.sends()] == ["test"]
    assert gator("GET", f"/campaign/{number}/stats")["sent"] == 0
    gator("POST", f"/campaign/{gator.campaign(email=None)}/test", {"emailAddress": "me@example.test"}, status=409)


def test_dates_are_those_of_the_instance(gators: Callable[..., Gator]) -> None:
    gator = gators(contract={"c.date.zone": "Europe/Ljubljana"})
    number = gator.campaign(gator.group("ann@example.test"), startDate="2027-01-15T10:00:00")
    gator.initiate(number)
    assert gator.sends() == [(number, "scheduled", 3600)]
    assert gator("GET", f"/campaign/{number}")["created"] == "2027-01-15T09:00:00"
