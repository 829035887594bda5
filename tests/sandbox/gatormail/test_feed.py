"""The data feed in both modes of handing an unmarked batch out again."""

from collections.abc import Callable

from tests.sandbox.gatormail.conftest import Gator


def _activity(gator: Gator, times: int, kind: str = "EmailOpened") -> None:
    gator.person("POST", "activity", {"activityType": kind, "contact": "ann@example.test", "times": times})


def _ready(gator: Gator, size: int = 2) -> Gator:
    gator("POST", "/contact", {"emailLogin": "ann@example.test"})
    gator.person("PUT", "ui/options", {"batchSize": size})
    return gator


def test_an_open_batch_is_repeated_until_it_is_marked(gator: Gator) -> None:
    _activity(_ready(gator), 3)
    first = gator("GET", "/datafeed", status=200)
    _activity(gator, 1)
    assert gator("GET", "/datafeed") == first
    assert len(first["records"]) == 2
    answer = {"batchIdentifier": first["batchIdentifier"], "processed": True}
    assert [gator(verb, f"/datafeed/{first['batchIdentifier']}", status=200) for verb in ("GET", "POST")] == [
        answer
    ] * 2
    second = gator("GET", "/datafeed")
    numbers = [row["id"] for batch in (first, second) for row in batch["records"]]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 4
    gator("GET", f"/datafeed/{second['batchIdentifier']}", status=200)
    assert gator("GET", "/datafeed") == {"batchIdentifier": None, "records": []}
    assert gator.person("GET", "state")["waiting"] == 0


def test_an_open_batch_comes_under_a_new_identifier(gators: Callable[..., Gator]) -> None:
    gator = _ready(gators(switches={"feed_redelivery": "new_batch"}), 3)
    _activity(gator, 2)
    first = gator("GET", "/datafeed")
    _activity(gator, 2)
    second = gator("GET", "/datafeed")
    assert second["batchIdentifier"] != first["batchIdentifier"]
    assert second["records"][:2] == first["records"]
    assert len(second["records"]) == 3
    gator("GET", f"/datafeed/{first['batchIdentifier']}", status=404)
    assert gator.person("GET", "state")["waiting"] == 4
    gator("GET", f"/datafeed/{second['batchIdentifier']}", status=200)
    assert len(gator("GET", "/datafeed")["records"]) == 1


def test_sends_are_in_the_feed_with_their_history(gator: Gator) -> None:
    number = gator.campaign(gator.group("ann@example.test"), crmId="5")
    gator.initiate(number)
    click = {
        "activityType": "LinkClicked",
        "contact": "ann@example.test",
        "campaignId": number,
        "url": "https://e.test",
    }
    gator.person("POST", "activity", click)
    sent, clicked = gator("GET", "/datafeed")["records"]
    assert sent["historyId"] == clicked["historyId"]
    assert {**sent, "id": 0, "historyId": 0, "contactId": 0, "emailId": 0} == {
        "id": 0, "activityType": "EmailSent", "activityDate": "2027-01-15T08:00:00", "historyId": 0,
        "campaignId": number, "campaignName": "Spring", "campaignCrmId": "5", "emailId": 0, "contactId": 0,
        "emailLogin": "ann@example.test", "contactCrmId": "ann@example.test",
    }  # fmt: skip
    assert (clicked["activityType"], clicked["url"]) == ("LinkClicked", "https://e.test")


def test_switching_a_feed_off_stops_queueing_only(gator: Gator) -> None:
    _activity(_ready(gator), 1)
    options = gator("GET", "/datafeed/options")
    options["feeds"]["emailOpened"] = False
    assert gator("PUT", "/datafeed/options", options) == options
    _activity(gator, 1)
    assert len(gator("GET", "/datafeed")["records"]) == 1
    gator.person("PUT", "ui/options", {"feeds": {"nix": True}}, status=400)
