"""The contract table: what stands on the wire, with overrides; dates as wall time of the instance."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reconcile.errors import InvalidInput
from reconcile.providers.gatormail.contract import CAPABILITIES, Contract, defaults, faults, zone_of
from reconcile.providers.gatormail.settings import contract, token_url
from reconcile.providers.gatormail.settings import faults as settings_faults

ZONES = ("Europe/London", "America/New_York", "UTC")
DEFAULT = "YYYY-MM-DDTHH:MM:SS"
FORMATS = (DEFAULT, "YYYY-MM-DD HH:MM:SS", "DD/MM/YYYY HH:MM:SS", "YYYYMMDDHHMMSS", "HH.MM.SS DD.MM.YYYY")
MINUTES = ("YYYY-MM-DDTHH:MM", "DD/MM/YYYY HH:MM", "MM/DD/YYYY HH-MM")
TOKEN_URL = "https://oauth.communigator.co.uk/core/connect/token"


def as_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def table(zone: str = "UTC", form: str = DEFAULT) -> Contract:
    return Contract({"c.date.format": form}, zone_of(zone))


def wire(found: Contract, instant: str) -> str:
    text: str = found.write("campaign", {"startDate": instant})["startDate"]
    return text


def back(found: Contract, wall: str) -> Any:
    return found.read("campaign", {"startDate": wall})["startDate"]


def happens_twice(moment: datetime, zone: tzinfo) -> bool:
    """Whether the instant's wall time is that of another one too: told by looking at the hours around it."""
    wall = moment.astimezone(zone).replace(tzinfo=None)
    others = (moment + timedelta(minutes=minutes) for minutes in (-120, -60, -30, 30, 60, 120))
    return any(other.astimezone(zone).replace(tzinfo=None) == wall for other in others)


instants = st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
# Around the nights in which the clocks of one of the zones go back or forth.
nights = st.builds(
    lambda night, seconds: night + timedelta(seconds=seconds),
    st.sampled_from([datetime(2027, *day, tzinfo=UTC) for day in ((10, 31), (3, 28), (11, 7), (3, 14))]),
    st.integers(-10_800, 36_000),
)


@given(instants | nights, st.sampled_from(ZONES), st.sampled_from(FORMATS))
def test_what_is_written_reads_as_the_same_instant_or_is_refused(moment: datetime, zone: str, form: str) -> None:
    found, text = table(zone, form), as_text(moment)
    if happens_twice(moment, ZoneInfo(zone)):
        with pytest.raises(InvalidInput, match="go through twice"):
            wire(found, text)
    else:
        assert back(found, wire(found, text)) == text


@given(instants | nights, st.sampled_from(ZONES), st.sampled_from(MINUTES))
def test_formats_without_seconds_take_whole_minutes_only(moment: datetime, zone: str, form: str) -> None:
    assume(not happens_twice(moment, ZoneInfo(zone)))
    found, text = table(zone, form), as_text(moment)
    if moment.second:
        with pytest.raises(InvalidInput, match="can't be written"):
            wire(found, text)
    else:
        assert back(found, wire(found, text)) == text


@pytest.mark.parametrize(
    ("zone", "instant", "form", "wall"),
    [
        ("Europe/London", "2027-07-01T08:00:00Z", DEFAULT, "2027-07-01T09:00:00"),
        ("Europe/London", "2027-12-01T08:00:00Z", DEFAULT, "2027-12-01T08:00:00"),
        ("America/New_York", "2027-07-01T03:30:00Z", DEFAULT, "2027-06-30T23:30:00"),
        ("UTC", "2027-07-01T08:00:00Z", "DD/MM/YYYY HH:MM", "01/07/2027 08:00"),
        ("UTC", "2027-07-01T10:00:00+02:00", DEFAULT, "2027-07-01T08:00:00"),
        ("UTC", "2027-07-01T08:05:09z", "MM-DD-YYYY HH:MM:SS", "07-01-2027 08:05:09"),
    ],
)
def test_walls(zone: str, instant: str, form: str, wall: str) -> None:
    assert wire(table(zone, form), instant) == wall


def test_the_hours_that_are_refused_and_their_neighbours() -> None:
    london = table("Europe/London")
    for text in ("2027-10-31T00:00:00Z", "2027-10-31T01:59:59Z"):
        with pytest.raises(InvalidInput, match="go through twice"):
            wire(london, text)
    assert wire(london, "2027-10-30T23:59:59Z") == "2027-10-31T00:59:59"
    assert wire(london, "2027-10-31T02:00:00Z") == "2027-10-31T02:00:00"


@pytest.mark.parametrize(
    ("wall", "instant"),
    [
        ("2027-07-01T09:00:00", "2027-07-01T08:00:00Z"),
        ("2027-07-01T09:00:00.123", "2027-07-01T08:00:00Z"),
        ("2027-07-01T09:00:00+02:00", "2027-07-01T07:00:00Z"),
        ("2027-07-01T09:00:00Z", "2027-07-01T09:00:00Z"),
        ("soon", "soon"),
        ("", None),
        (None, None),
    ],
)
def test_dates_that_the_platform_writes_otherwise_are_read_all_the_same(wall: Any, instant: Any) -> None:
    assert back(table("Europe/London"), wall) == instant


@pytest.mark.parametrize("text", ["tomorrow", "2027-13-01T00:00:00Z", "12:00"])
def test_what_is_no_date_is_not_written(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no date and time"):
        wire(table(), text)


def test_what_has_no_zone_is_wall_time() -> None:
    assert wire(table("Europe/London"), "2027-07-01T09:00") == "2027-07-01T09:00:00"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("op.campaign.updat", "PUT /campaign", 'Did you mean "op.campaign.update"?'),
        ("op.campaign.update", "PUT campaign/{campaignId}", "takes a verb and a path"),
        ("op.campaign.update", "/campaign/{campaignId}", "takes a verb and a path"),
        ("op.campaign.update", "put /campaign/{campaignId}", "takes a verb and a path"),
        ("op.campaign.update", "PUT /campaign/{id}", "its variables are {campaignId}"),
        ("op.campaign.update", "PUT /campaign?id={campaignId}", "can't be used"),
        ("op.campaign.update", "PUT /campaign/{campaignId", "can't be used"),
        ("op.schema.get", "GET /schema/{x}", "its variables are none"),
        ("op.auth.token", "POST /token", "takes a verb and a path"),
        ("f.campaign.name", "", "takes a text"),
        ("f.campaign.name", True, "takes a text"),
        ("cap.group.update", "yes", "is a capability: true or false"),
        ("v.campaignStatus", ["A", "B"], "takes 4 different texts"),
        ("v.campaignStatus", ["A", "B", "C", "C"], "takes 4 different texts"),
        ("v.campaignStatus", "A", "takes 4 different texts"),
        ("c.page.size", "many", "takes a whole number"),
        ("c.page.size", "0", "takes a whole number"),
        ("c.page.first", "-1", "takes a whole number"),
        ("c.date.format", "yyyy-MM-dd", "is made of YYYY"),
        ("c.date.format", "YYYY-MM-DD", "is made of YYYY"),
        ("c.date.format", "%Y", "is made of YYYY"),
        ("c.auth.grant", "refresh_token", "can't be otherwise"),
        ("c.auth.method", "Bearer", "can't be otherwise"),
        ("c.api.base", "http://api.example.com/{instance}", "begins with https://"),
        ("c.api.base", "http://localhost.example.com/", "begins with https://"),
    ],
)
def test_an_override_that_is_wrong_is_told(key: str, value: Any, words: str) -> None:
    ((found, sentence, hint),) = faults({key: value})
    assert found == key
    assert words in f"{sentence} {hint}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("op.campaign.update", "POST /campaigns"),
        ("op.auth.token", "POST https://login.example.com/token"),
        ("f.contact.emailLogin", "email"),
        ("cap.group.update", True),
        ("cap.group.update", "on"),
        ("v.campaignStatus", ["a", "b", "c", "d"]),
        ("c.list.itemsPath", ""),
        ("c.list.itemsPath", "data.items"),
        ("c.page.first", "0"),
        ("c.page.size", "50"),
        ("c.date.format", "DD/MM/YYYY HH:MM"),
        ("c.api.base", "https://api.example.com/v2/{instance}"),
        ("c.api.base", "http://127.0.0.1:8025/gatormail/{instance}"),
    ],
)
def test_an_override_that_is_right_is_none_to_tell(key: str, value: Any) -> None:
    assert not list(faults({key: value}))


def test_the_defaults_have_no_faults() -> None:
    assert not list(faults(defaults()))


def test_a_zone_that_is_none_is_told_where_it_stands() -> None:
    found = list(settings_faults({"timezone": "Europe/Londn", "contract": {"c.date.zone": "Mars", "cap.trigger": 1}}))
    assert [path for path, _, _ in found] == [("contract", "cap.trigger"), ("timezone",), ("contract", "c.date.zone")]


def test_names_and_values_on_the_wire() -> None:
    found = Contract(
        {"f.campaign.startDate": "begins", "f.group.id": "groupId", "v.campaignType": ["S", "RR", "RN", "SR", "F"]}
    )
    value = {"type": "Followup", "startDate": "2027-07-01T08:00:00Z", "group": {"id": 5}, "new": 1}
    written = found.write("campaign", value)
    assert written == {"type": "F", "begins": "2027-07-01T08:00:00", "group": {"groupId": 5}, "new": 1}
    # Names are read whatever their case, ids are texts, and what the table does not know stays.
    upper = {name.upper(): each for name, each in written.items()}
    assert found.read("campaign", upper) == {
        **{name: each for name, each in value.items() if name != "new"},
        "group": {"id": "5"},
        "NEW": 1,
    }
    # What has the name of another member does not stand for it.
    assert found.read("campaign", {"startDate": "soon", "begins": None}) == {
        "startDate": None,
        "wire:startDate": "soon",
    }
    assert found.read("campaign", {"type": "Odd"}) == {"type": "Odd"}


def test_routes_with_overrides() -> None:
    found = Contract({"op.campaign.update": "POST /v2/campaigns", "op.campaign.get": "GET /c/{campaignId}/x"})
    assert found.route("op.campaign.update", {"campaignId": "7"}) == ("POST", "/v2/campaigns", {"campaignId": "7"})
    assert found.route("op.campaign.get", {"campaignId": "a b/c"}) == ("GET", "/c/a%20b%2Fc/x", {})
    assert found.variables("op.campaign.update") == ("campaignId",)


@pytest.mark.parametrize(
    ("path", "answer", "rows"),
    [
        ("", [1], [1]),
        ("items", {"Items": [1]}, [1]),
        ("data.rows", {"data": {"rows": []}}, []),
        ("items", [1], None),
        ("items", {"data": [1]}, None),
    ],
)
def test_rows_in_an_envelope(path: str, answer: Any, rows: Any) -> None:
    assert Contract({"c.list.itemsPath": path}).rows(answer) == rows


def test_capabilities_and_whether_the_zone_is_known() -> None:
    on = {key.removeprefix("cap.") for key, value in CAPABILITIES.items() if value}
    assert Contract().capabilities() == on
    assert Contract({"cap.trigger": "on", "cap.membership.read": False}).capabilities() == (
        on | {"trigger"}
    ) - {"membership.read"}  # fmt: skip
    assert not contract({}).zoned
    assert contract({"timezone": "Europe/London"}).zoned
    assert contract({"contract": {"c.date.zone": "GMT"}}).zoned


@pytest.mark.parametrize(
    ("given", "overrides", "url"),
    [
        (None, {}, TOKEN_URL),
        ("https://login.example.com/token", {"c.auth.tokenUrl": "https://other.example.com/"}, None),
        (None, {"c.auth.tokenUrl": "https://login.example.com/token"}, None),
        (None, {"op.auth.token": "POST http://login.example.com/token"}, None),
        ("http://127.0.0.1:8025/token", {}, "http://127.0.0.1:8025/token"),
        ("http://localhost/token", {}, "http://localhost/token"),
        ("http://[::1]:8025/token", {}, "http://[::1]:8025/token"),
        ("http://127.0.0.1.example.com/token", {}, "https://127.0.0.1.example.com/token"),
        ("http://localhost.example.com/token", {}, "https://localhost.example.com/token"),
    ],
)
def test_no_password_goes_over_plain_http_but_to_this_machine(given: Any, overrides: Any, url: Any) -> None:
    assert token_url(given, Contract(overrides)) == (url or "https://login.example.com/token")


@pytest.mark.parametrize(
    "given", ["ftp://login.example.com", "login.example.com", "https://example.com:port/", "https://"]
)
def test_a_token_address_that_is_none(given: str) -> None:
    with pytest.raises(InvalidInput, match="is no address"):
        token_url(given, Contract())
