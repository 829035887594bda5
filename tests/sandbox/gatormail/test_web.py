"""GatorMail's pages over HTTP: what a person sees and does, and who is kept out."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.server import Server
from tests.sandbox.gatormail.conftest import INSTANCE, START, Gator
from tests.sandbox.test_web import NASTY, fields_of

HERE = f"/instance/{INSTANCE}"


class Browser:
    """Gets pages from a server, and posts forms with the origin that a browser would name."""

    def __init__(self, server: Server) -> None:
        self.client = httpx.Client(base_url=server.url)
        self.headers = {"Origin": server.url}

    def page(self, path: str, status: int = 200) -> str:
        response = self.client.get(path)
        assert response.status_code == status, response.text
        return response.text

    def post(self, path: str, status: int = 303, **fields: Any) -> str:
        """Where a form leads, or the page that says why not."""
        response = self.client.post(path, data=fields, headers=self.headers)
        assert response.status_code == status, response.text
        return response.headers["Location"] if status == 303 else response.text

    def save(self, path: str, **changed: Any) -> str:
        """Change some inputs of an object's form."""
        return self.post(path, **fields_of(self.page(path), path) | changed)


@pytest.fixture
def browsers() -> Iterator[Callable[[Sandbox], Browser]]:
    servers: list[Server] = []
    made: list[Browser] = []

    def _make(sandbox: Sandbox) -> Browser:
        servers.append(Server(sandbox, port=0))
        made.append(Browser(servers[-1]))
        return made[-1]

    yield _make
    for each in made:
        each.client.close()
    for server in servers:
        server.close()


@pytest.fixture
def browser(gator: Gator, browsers: Callable[[Sandbox], Browser]) -> Browser:
    return browsers(gator.sandbox)


@pytest.fixture
def filled(gators: Callable[..., Gator]) -> Gator:
    """An instance in which every text is an attempt to break out; campaign 1 is in setup, 2 was sent."""
    gator = gators(switches={"email_read": True})
    group = gator.group("a'b@e.test", "b@e.test", name=NASTY)
    gator("POST", f"/group/{group}/excluded/contact", [{"emailLogin": '"<b>"@e.test', "firstName": NASTY}], status=200)
    gator.person(
        "PUT", f"ui/group/{group}/rule", {"contacts": [gator("POST", "/contact", {"emailLogin": "<b>@e"})["id"]]}
    )
    gator.person("POST", "ui/field", {"name": NASTY})
    gator.person("POST", "ui/unsubscribe-definition", {"name": NASTY})
    gator("POST", "/schema/entity", {"name": NASTY, "displayName": NASTY}, status=201)
    gator("POST", "/schema/attribute", {"entityName": NASTY, "name": NASTY, "displayName": NASTY}, status=201)
    gator.person(
        "PUT", "ui/mappings",
        {"mappings": [{"entityName": NASTY, "attributeName": NASTY, "contactAttribute": NASTY, "dataCleanse": True}]},
    )  # fmt: skip
    gator.person("POST", "ui/publish")
    html = f'<a href="https://e.test/?<b>">x</a>\r\n{NASTY}\r<b>'
    texts = dict.fromkeys(("crmId", "fromName", "fromAddress", "replyTo", "subject"), NASTY)
    mail = {"name": NASTY, "html": html, "text": f"\n{NASTY}", "autoTrackLinks": True}
    gator.campaign(
        group, name=NASTY, email=mail, startDate="2027-02-01T08:00:07", endDate="2027-03-01T00:00:00", **texts
    )
    sent = gator.campaign(group, name="Sent", email=mail)
    gator.initiate(sent)
    gator.clock(1)
    gator.person(
        "POST", "activity", {"activityType": "LinkClicked", "contact": "b@e.test", "campaignId": sent, "url": NASTY}
    )
    return gator


def paths(gator: Gator) -> dict[str, str]:
    """The page of every kind and of every object."""
    found = {kind: f"{HERE}/{kind}" for kind in ("campaigns", "groups", "emails", "schema", "feed")}
    campaigns = [row["id"] for row in gator("GET", "/campaign/1/9", status=200)]
    emails = [row["id"] for row in gator("GET", "/email/1/9", status=200)]
    group = gator("GET", "/group/1/9", status=200)[0]["id"]
    found |= {"campaign": f"{HERE}/campaigns/{campaigns[0]}", "sent": f"{HERE}/campaigns/{campaigns[1]}"}
    return found | {"": HERE, "group": f"{HERE}/groups/{group}", "email": f"{HERE}/emails/{emails[0]}"}


def everything(gator: Gator) -> list[Any]:
    return [
        gator("GET", path)
        for path in ("/group/1/99", "/schema", "/datafeed/options", "/integration/requests", "/contact/1/99",
                     *(f"/campaign/{row['id']}" for row in gator("GET", "/campaign/1/99")),
                     *(f"/email/{row['id']}" for row in gator("GET", "/email/1/99")))
    ]  # fmt: skip


def test_pages_escape_everything_and_label_every_input(filled: Gator, browsers: Callable[[Sandbox], Browser]) -> None:
    browser = browsers(filled.sandbox)
    for path in ("/", f"{HERE}?notice=%3Cscript%3E", *paths(filled).values()):
        page = browser.page(path)
        assert "<script" not in page, path
        assert "<b>" not in page, path
        assert page.count("<html") == page.count("</html>") == 1
        labels = set(re.findall(r'<label for="([^"]*)"', page))
        for attributes in re.findall(r"<(?:input|select|textarea) ([^>]*)>", page):
            found = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
            assert found.get("type") == "hidden" or found["id"] in labels, attributes
        ids = re.findall(r' id="([^"]*)"', page)
        assert len(ids) == len(set(ids)), path


def test_saving_an_untouched_form_changes_nothing(filled: Gator, browsers: Callable[[Sandbox], Browser]) -> None:
    browser, where = browsers(filled.sandbox), paths(filled)
    before = everything(filled)
    for name in ("campaign", "group", "email"):
        browser.save(where[name])
    options = f"{HERE}/feed/options"
    browser.post(options, **fields_of(browser.page(where["feed"]), options))
    assert everything(filled) == before


def test_the_front_page_has_both_platforms(gator: Gator, browser: Browser) -> None:
    page = browser.page("/")
    assert '<a href="/web/1000">Account 1000</a>' in page
    assert f'<a href="{HERE}">Instance {INSTANCE}</a>' in page


def test_a_campaign_is_made_edited_initiated_taken_back_and_deleted(gator: Gator, browser: Browser) -> None:
    group = gator.group("ann@example.test")
    assert browser.post(f"{HERE}/campaigns", name="Spring", type="Static") == f"{HERE}/campaigns?notice=added"
    browser.post(f"{HERE}/emails", name="Mail", autoTrackLinks="1")
    (row,) = gator("GET", "/campaign/1/9")
    here = f"{HERE}/campaigns/{row['id']}"
    assert "The campaign has no e-mail." in browser.post(f"{here}/initiate", 409)
    email = re.findall(r"/emails/(\d+)", browser.page(f"{HERE}/emails"))[0]
    changed = {
        "name": "Summer", "crmId": "77", "subject": "Sun", "fromName": "Ann", "fromAddress": "a@e.test",
        "replyTo": "r@e.test",
        "startDate": "2027-02-01T08:00", "endDate": "2027-02-02T08:00:30", "group": str(group), "email": email,
    }  # fmt: skip
    assert browser.save(here, **changed) == f"{here}?notice=saved"
    read = gator("GET", f"/campaign/{row['id']}")
    assert (read["name"], read["crmId"], read["subject"], read["fromName"]) == ("Summer", "77", "Sun", "Ann")
    assert (read["fromAddress"], read["replyTo"]) == ("a@e.test", "r@e.test")
    assert (read["startDate"], read["endDate"]) == ("2027-02-01T08:00:00", "2027-02-02T08:00:30")
    assert (read["group"]["id"], read["email"]["id"], read["type"]) == (group, int(email), "Static")
    assert "Saved." in browser.page(f"{here}?notice=saved")
    browser.post(f"{here}/test", address="t@e.test")
    assert browser.post(f"{here}/initiate") == f"{here}?notice=done"
    assert gator.status(row["id"]) == "Queued"
    page = browser.page(here)
    assert (f'action="{here}"' in page, f'action="{here}/initiate"' in page) == (False, False)
    assert "only one in setup can be changed" in browser.post(here, 409, name="x")
    assert "Queued" in browser.post(f"{here}/delete", 409)
    browser.post(f"{here}/uninitiate")
    assert gator.status(row["id"]) == "InSetup"
    assert browser.post(f"{here}/delete") == f"{HERE}/campaigns?notice=deleted"
    assert gator("GET", "/campaign/1/9") == []


def test_the_pages_leave_no_calls_in_the_log(gator: Gator, browser: Browser) -> None:
    logged = len(gator.sandbox.requests())
    browser.post(f"{HERE}/groups", name="A", description="")
    browser.page(f"{HERE}/groups")
    assert len(gator.sandbox.requests()) == logged


def test_an_unsubscribe_definition_is_made_attached_and_taken_off(gator: Gator, browser: Browser) -> None:
    browser.post(f"{HERE}/campaigns/unsubscribe", definition="Offers")
    number = gator.campaign()
    here = f"{HERE}/campaigns/{number}"
    (offers,) = re.findall(r'<option value="(\d+)">Offers<', browser.page(here))
    browser.save(here, unsubscribe=offers)
    assert gator("GET", f"/campaign/{number}")["unsubscribeId"] == int(offers)
    browser.save(here, unsubscribe="0")
    assert gator("GET", f"/campaign/{number}")["unsubscribeId"] is None


def test_recipients_open_click_bounce_and_unsubscribe(gator: Gator, browser: Browser) -> None:
    group = gator.group("ann@example.test", "bob@example.test")
    html = '<a href="https://e.test/">x</a>'
    number = gator.campaign(group, email={"name": "M", "html": html, "text": "", "autoTrackLinks": True})
    gator.initiate(number)
    here = f"{HERE}/campaigns/{number}"
    page = browser.page(here)
    assert "ann@example.test" in page
    ann, bob = re.findall(r'id="bounceType-(\d+)"', page)
    browser.post(f"{here}/open", contact=ann)
    browser.post(f"{here}/click", contact=ann, url="https://e.test/")
    browser.post(f"{here}/bounce", contact=bob, bounceType="Hard")
    browser.post(f"{here}/unsubscribe", contact=ann)
    stats = gator("GET", f"/campaign/{number}/stats")
    assert (stats["opens"], stats["clicks"], stats["bounces"], stats["unsubscribes"]) == (1, 1, 1, 1)
    assert gator("GET", f"/campaign/{number}/audience")["final"] == 0
    feed = gator("GET", "/datafeed")["records"]
    assert [row.get("url") for row in feed if row["activityType"] == "LinkClicked"] == ["https://e.test/"]
    assert "bounceType" in browser.post(f"{here}/bounce", 400, contact=bob, bounceType="Loud")


def test_people_are_added_excluded_unsubscribed_and_taken_out(gator: Gator, browser: Browser) -> None:
    browser.post(f"{HERE}/groups", name="Readers", description="d")
    (group,) = gator("GET", "/group/1/9")
    here = f"{HERE}/groups/{group['id']}"

    def _state() -> list[list[str]]:
        lists = [gator("GET", f"/group/{group['id']}/{state}/contact/1/9") for state in ("included", "excluded")]
        return [[row["emailLogin"] for row in rows] for rows in lists]

    assert browser.save(here, name="People", description="e") == f"{here}?notice=saved"
    read = gator("GET", f"/group/{group['id']}")
    assert (read["name"], read["description"]) == ("People", "e")
    for email in ("ann@e.test", "bob@e.test"):
        browser.post(f"{here}/add", email=email)
    browser.post(f"{here}/exclude", excluded="eve@e.test")
    assert _state() == [["ann@e.test", "bob@e.test"], ["eve@e.test"]]
    ids = {row["emailLogin"]: row["id"] for row in gator("GET", "/contact/1/9")}
    browser.post(f"{here}/exclude", contact=ids["bob@e.test"])
    browser.post(f"{here}/include", contact=ids["eve@e.test"])
    assert _state() == [["ann@e.test", "eve@e.test"], ["bob@e.test"]]
    browser.post(f"{here}/remove", contact=ids["bob@e.test"], state="excluded")
    browser.post(f"{here}/remove", contact=ids["eve@e.test"], state="included")
    assert _state() == [["ann@e.test"], []]
    browser.post(f"{here}/found", found="bob@e.test")
    browser.post(f"{here}/found", found="eve@e.test")
    browser.post(f"{here}/lost", contact=ids["eve@e.test"])
    assert "Found by rules (1)" in browser.page(here)
    assert gator("GET", f"/group/{group['id']}/count") == {"count": 2}
    gator.person("POST", "ui/unsubscribe", {"contact": "ann@e.test", "unsubscribeId": 5})
    assert "no: unsubscribed" not in browser.page(here)
    browser.post(f"{here}/unsubscribe", contact=ids["ann@e.test"])
    assert "no: unsubscribed" in browser.page(here)
    number = gator.campaign(group["id"])
    assert gator("GET", f"/campaign/{number}/audience")["unsubscribed"] == 1
    browser.post(f"{here}/exclude", contact=ids["bob@e.test"])
    assert "Found by rules (0)" in browser.page(here)
    assert "uses the group" in browser.post(f"{here}/delete", 409)
    gator("DELETE", f"/campaign/{number}")
    browser.post(f"{here}/delete")
    assert gator("GET", "/group/1/9") == []


def test_many_members_show_the_first(gator: Gator, browser: Browser) -> None:
    group = gator.group(*(f"u{number}@e.test" for number in range(51)))
    page = browser.page(f"{HERE}/groups/{group}")
    assert "Included (51, the first 50)" in page
    assert ("u49@e.test" in page, "u50@e.test" in page) == (True, False)


def test_an_email_is_edited_and_shown_in_a_frame(gators: Any, browsers: Callable[[Sandbox], Browser]) -> None:
    gator = gators(switches={"email_read": True, "rewrite_tracked_links": False})
    browser = browsers(gator.sandbox)
    browser.post(f"{HERE}/emails", name="Mail", autoTrackLinks=["0", "1"])
    (row,) = gator("GET", "/email/1/9")
    here = f"{HERE}/emails/{row['id']}"
    browser.save(here, html="<p>x</p>\r\n<script>y</script>", text="t")
    read = gator("GET", f"/email/{row['id']}")
    assert (read["html"], read["text"], read["autoTrackLinks"]) == ("<p>x</p>\n<script>y</script>", "t", True)
    browser.post(here, text="u")
    assert gator("GET", f"/email/{row['id']}") == {**read, "text": "u"}
    assert f'<iframe src="{here}/preview" sandbox=""' in browser.page(here)
    preview = browser.client.get(f"{here}/preview")
    assert preview.text == read["html"]
    assert preview.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "default-src 'none'" in browser.client.get(here).headers["Content-Security-Policy"]


def test_attributes_are_mapped_published_and_lights_shown(gator: Gator, browser: Browser) -> None:
    here = f"{HERE}/schema"
    assert "once the integration has posted them" in browser.page(here)
    browser.post(f"{here}/get-schema")
    assert [light["requested"] for light in gator("GET", "/integration/requests")] == [True, False]
    assert 'aria-label="on"' in browser.page(HERE)
    gator("GET", "/integration/request/FieldMappingSchema/satisfied")
    assert 'aria-label="on"' not in browser.page(here)
    gator("POST", "/schema/entity", {"name": "Lead"})
    for name in ("mail", "town"):
        gator("POST", "/schema/attribute", {"entityName": "Lead", "name": name})
    browser.post(f"{here}/field", field="Town")
    for name, field, cleanse in (("mail", "EmailLogin", "0"), ("town", "Town", "1"), ("town", "Region", "0")):
        attribute = json.dumps(["Lead", name])
        browser.post(f"{here}/map", attribute=attribute, contactAttribute=field, dataCleanse=["0", cleanse])
    browser.post(f"{here}/unmap", entityName="Lead", attributeName="town", contactAttribute="Region")

    def _published() -> list[list[Any]]:
        (entity,) = gator("GET", "/schema")["entities"]
        return [each["mappings"] for each in entity["attributes"]]

    assert _published() == [[], []]
    browser.post(f"{here}/publish")
    assert _published() == [
        [{"contactAttribute": "EmailLogin", "dataCleanse": False}],
        [{"contactAttribute": "Town", "dataCleanse": True}],
    ]
    assert [light["requested"] for light in gator("GET", "/integration/requests")] == [False, True]
    browser.post(f"{here}/unmap", entityName="Lead", attributeName="town", contactAttribute="Town")
    assert "Town (cleansed)" in browser.page(here)
    browser.post(f"{here}/publish")
    assert _published()[1] == []


def test_mappings_of_a_schema_that_is_gone_outlast_an_edit(gators: Any, browsers: Callable[[Sandbox], Browser]) -> None:
    gator = gators(switches={"schema_delete_drops_mappings": False})
    browser = browsers(gator.sandbox)
    for entity in ("Lead", "Account"):
        gator("POST", "/schema/entity", {"name": entity})
        gator("POST", "/schema/attribute", {"entityName": entity, "name": "x"})
        attribute = json.dumps([entity, "x"])
        browser.post(f"{HERE}/schema/map", attribute=attribute, contactAttribute="Title", dataCleanse="0")
    gator("DELETE", "/schema")
    gator("POST", "/schema/entity", {"name": "Lead"})
    gator("POST", "/schema/attribute", {"entityName": "Lead", "name": "x"})
    browser.post(
        f"{HERE}/schema/map", attribute=json.dumps(["Lead", "x"]), contactAttribute="FirstName", dataCleanse="0"
    )
    assert len(gator.person("GET", "ui/mappings")) == 3


def test_options_of_the_feed_and_its_queue(gator: Gator, browser: Browser) -> None:
    gator("POST", "/contact", {"emailLogin": "ann@e.test"})
    here = f"{HERE}/feed"
    values = fields_of(browser.page(here), f"{here}/options")
    browser.post(f"{here}/options", **values | {"batchSize": "1", "feed.emailOpened": "0"})
    options = gator("GET", "/datafeed/options")
    assert (options["batchSize"], options["feeds"]["emailOpened"], options["feeds"]["bounced"]) == (1, False, True)
    form = fields_of(browser.page(here), f"{here}/activity") | {"contact": "ann@e.test"}
    browser.post(f"{here}/activity", **form | {"activityType": "EmailOpened"})
    assert "There are none yet." in browser.page(here)
    answer = {"activityType": "SurveyAnswered", "surveyId": "7", "question": "Why?", "answer": "<b>", "times": "2"}
    browser.post(f"{here}/activity", **form | answer)
    assert "Queue (2, " in browser.page(here)
    batch = gator("GET", "/datafeed")
    assert [(row["surveyId"], row["answer"]) for row in batch["records"]] == [(7, "<b>")]
    assert f"in batch {batch['batchIdentifier']}" in browser.page(here)
    gator("GET", f"/datafeed/{batch['batchIdentifier']}")
    assert "Queue (1, " in browser.page(here)
    assert browser.page(here).count("<td>SurveyAnswered</td>") == 1
    wrong = {"activityType": "EmailOpened", "contact": "ann@e.test", "bounceType": "Loud"}
    gator.person("POST", "activity", wrong, status=400)


def test_the_clock_is_set_and_brings_what_is_due(gator: Gator, browser: Browser) -> None:
    number = gator.campaign(gator.group("ann@e.test"), startDate="2027-06-01T00:00:00")
    gator.initiate(number)
    assert browser.post(f"{HERE}/clock", **{"now@": "2027-06-01T00:00"}) == f"{HERE}?notice=done"
    assert gator.sandbox.clock.now() == 1_811_808_000
    assert "Static, Active" in browser.page(f"{HERE}/campaigns/{number}")
    browser.post(f"{HERE}/clock", **{"now@": ""})
    assert gator.sandbox.clock.now() == START
    assert "is no date and time" in browser.post(f"{HERE}/clock", 400, **{"now@": "soon"})


@pytest.mark.parametrize(
    ("path", "fields", "status", "message"),
    [
        ("campaigns", {"name": " ", "type": "Static"}, 400, "name: Is required."),
        ("campaigns", {"name": "x", "type": "Loud"}, 400, "type: Unknown value."),
        ("campaigns/{campaign}", {"name": ""}, 400, "name: Is required."),
        ("campaigns/{campaign}", {"name": "x", "startDate": "soon"}, 400, "startDate: Should be YYYY-MM-DD"),
        ("campaigns/{campaign}", {"name": "x", "group": "9"}, 400, "There is no such group"),
        ("campaigns/{campaign}", {"name": "x", "unsubscribe": "9"}, 404, "There is no unsubscribe definition 9."),
        ("campaigns/{campaign}/uninitiate", {}, 409, "The campaign is InSetup."),
        ("campaigns/{campaign}/test", {"address": "nobody"}, 400, "Should be an e-mail address"),
        ("campaigns/9", {"name": "x"}, 404, "There is no campaign 9."),
        ("campaigns/9/explode", {}, 404, "There is no"),
        ("groups/{group}/add", {"email": "nobody"}, 400, "Should be an e-mail address"),
        ("groups/{group}/exclude", {"contact": "9"}, 404, "There is no contact 9."),
        ("groups/{group}/include", {"contact": "x"}, 400, "contact: Should be a whole number."),
        ("groups/{group}/found", {"found": "x@e.test"}, 404, "There is no contact x@e.test."),
        ("groups/{group}/remove", {"contact": "9", "state": ""}, 404, "There is no such membership"),
        ("schema/map", {"attribute": "5", "contactAttribute": "Title"}, 400, "Is none of the schema"),
        ("schema/map", {"attribute": '["a", "b"]', "contactAttribute": "Title"}, 400, "Unknown entity"),
        ("schema/unmap", {"entityName": "a"}, 400, "Is not in the draft."),
        ("schema/field", {"field": ""}, 400, "field: Is required."),
        ("feed/options", {"batchSize": "0"}, 400, "Should be from 1 to 1000"),
        ("feed/options", {"batchSize": "many"}, 400, "batchSize: Should be a whole number."),
        ("feed/activity", {"activityType": "x", "contact": "a@e.test", "times": "1"}, 400, "activityType: Unknown"),
        ("nothing", {}, 404, "There is no page"),
        ("", {}, 404, "There is no page"),
    ],
)  # fmt: skip
def test_what_can_not_be_done_is_said_on_the_page(
    gator: Gator, browser: Browser, path: str, fields: dict[str, str], status: int, message: str
) -> None:
    words = {"group": gator.group("ann@e.test"), "campaign": gator.campaign()}
    before = everything_readable(gator)
    assert message in browser.post(f"{HERE}/{path.format(**words)}", status, **fields)
    assert everything_readable(gator) == before


def everything_readable(gator: Gator) -> list[Any]:
    campaigns = [gator("GET", f"/campaign/{row['id']}") for row in gator("GET", "/campaign/1/9")]
    return [campaigns, *(gator("GET", path) for path in ("/group/1/9", "/schema", "/datafeed/options", "/contact/1/9"))]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "null"}, {"Origin": "http://evil.test"}, {"Referer": "http://evil.test/"},
     {"Sec-Fetch-Site": "cross-site"}],
)  # fmt: skip
def test_forms_of_other_pages_are_refused(gator: Gator, browser: Browser, headers: dict[str, str]) -> None:
    assert browser.client.post(f"{HERE}/groups", data={"name": "x"}, headers=headers).status_code == 403
    assert gator("GET", "/group/1/9") == []


@pytest.mark.parametrize(
    "path",
    ["/instance", "/instance/other", f"{HERE}/nothing", f"{HERE}/groups/x", f"{HERE}/groups/9", f"{HERE}/groups/²",
     f"{HERE}/emails/9/preview", f"{HERE}/feed/1", f"{HERE}/groups/99999999999"],
)  # fmt: skip
def test_pages_that_are_not_there(browser: Browser, path: str) -> None:
    assert "Not possible" in browser.page(path, 404)


def test_instances_are_apart_and_their_names_escaped(browsers: Callable[[Sandbox], Browser]) -> None:
    with Sandbox(now=lambda: START, gatormail=GatorMailSetup(instances=("one", "<2>"))) as sandbox:
        browser = browsers(sandbox)
        assert '<a href="/instance/%3C2%3E">Instance &lt;2&gt;</a>' in browser.page("/")
        browser.post("/instance/%3C2%3E/groups", name="x", description="")
        assert "There are none yet." in browser.page("/instance/one/groups")
        assert ">x</a>" in browser.page("/instance/%3C2%3E/groups")
