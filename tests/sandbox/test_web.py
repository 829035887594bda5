import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconcile.sandbox.web import forms
from reconcile.sandbox.web.site import Web

Api = Any
START = 1_800_000_000
NASTY = '<script>alert("x")</script>\'&amp;'


class Browser:
    """Gets pages, and posts forms with the origin that a browser would name."""

    def __init__(self, sandbox: Any) -> None:
        web = Web(sandbox)
        self.client = httpx.Client(transport=httpx.MockTransport(web.handle), base_url="http://127.0.0.1:8025")

    def page(self, path: str, status: int = 200) -> str:
        response = self.client.get(path)
        assert response.status_code == status, response.text
        return response.text

    def post(self, path: str, status: int = 303, **fields: Any) -> httpx.Response:
        response = self.client.post(path, data=fields, headers={"Origin": "http://127.0.0.1:8025"})
        assert response.status_code == status, response.text
        return response


@pytest.fixture
def browser(api: Api) -> Iterator[Browser]:
    made = Browser(api.sandbox)
    yield made
    made.client.close()


def fields_of(page: str, action: str) -> dict[str, Any]:
    """What a browser would send for the form with this action, if nobody touched it."""
    (form,) = re.findall(rf'<form method="post" action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    values: dict[str, list[str]] = {}
    for attributes in re.findall(r"<input ([^>]*)>", form):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        if found["type"] != "checkbox" or " checked" in f" {attributes}":
            values.setdefault(found["name"], []).append(unescape(found["value"]))
    for name, content in re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        # Browsers know one line end, and send another.
        lines = content.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\n")
        values[name] = [unescape(lines).replace("\n", "\r\n")]
    for name, options in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values[name] = re.findall(r'value="([^"]*)" selected', options)
    return dict(values)


def unescape(text: str) -> str:
    return html.unescape(text)


def everything(api: Api) -> dict[str, Any]:
    entities = ("List", "Mail", "Recipient", "Field", "ListSub", "ListMail")
    return {entity: api.data(entity) for entity in entities} | {"lists": api.ok("get-lists")["lists"]}


@pytest.fixture
def filled(api: Api) -> Api:
    """An account in which every text is an attempt to break out."""
    api.person("fields", namekey="city", fieldname=NASTY, value=NASTY)
    api.list(NASTY, description=NASTY, listTags=["a", "b"], color="#ff6600", ordering=3)
    api.list("Second", published=True)
    attributes = [{"name": "city", "value": NASTY}]
    api.recipient("a'b@e.test", name=NASTY, surname=NASTY, listIds=[1], customAttributes=attributes, gender="other")
    api.newsletter(
        NASTY, f'<a href="https://e.test/?{NASTY}">x</a>\r\n{NASTY}', altBody=f"\n{NASTY}", fromName=NASTY, listIds=[1],
        utmSource=NASTY, addUtm=True, language="IT",
    )  # fmt: skip
    api.newsletter("Sent", '<a href="https://e.test/?<script>">x</a>', listIds=[1])
    api.ok("send-newsletter", newsletterId=102, sendDate=1)
    return api


PAGES = (
    "/web/1000", "/web/1000/lists", "/web/1000/lists/1", "/web/1000/newsletters", "/web/1000/newsletters/101",
    "/web/1000/newsletters/102", "/web/1000/fields", "/web/1000/fields/4", "/web/1000/recipients",
    "/web/1000/recipients/1001", "/web/1000/recipients?q=%3Cscript%3E&page=0", "/web/1000?notice=%3Cscript%3E",
)  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_pages_escape_everything(filled: Api, browser: Browser, path: str) -> None:
    page = browser.page(path)
    assert "<script" not in page
    assert "<b>" not in page
    assert page.count("<html") == page.count("</html>") == 1


@pytest.mark.parametrize("path", PAGES)
def test_every_input_has_a_label(filled: Api, browser: Browser, path: str) -> None:
    page = browser.page(path)
    labels = set(re.findall(r'<label for="([^"]*)"', page))
    for attributes in re.findall(r"<(?:input|select|textarea) ([^>]*)>", page):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        wrapped = f"<label><input {attributes}>" in page
        assert found.get("type") == "hidden" or wrapped or found["id"] in labels, attributes
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", [path for path in PAGES if path.count("/") == 4 and "?" not in path])
def test_saving_an_untouched_form_changes_nothing(filled: Api, browser: Browser, path: str) -> None:
    before = everything(filled)
    browser.post(path, **fields_of(browser.page(path), path))
    assert everything(filled) == before


def test_a_list_is_made_edited_and_deleted(api: Api, browser: Browser) -> None:
    assert browser.post("/web/1000/lists", name="News").headers["Location"] == "/web/1000/lists?notice=added"
    values = fields_of(browser.page("/web/1000/lists/1"), "/web/1000/lists/1")
    changed = {"name": "N", "description": "d", "color": "#123456", "ordering": "8", "published": ["0", "1"],
               "visible": ["0", "1"], "listTags,": "x, y"}  # fmt: skip
    assert browser.post("/web/1000/lists/1", **values | changed).headers["Location"] == "/web/1000/lists/1?notice=saved"
    (row,) = api.ok("get-lists")["lists"]
    read = (
        row["name"],
        row["description"],
        row["color"],
        row["ordering"],
        row["published"],
        row["visible"],
        row["tags"],
    )
    assert read == ("N", "d", "#123456", 8, True, True, ["x", "y"])
    assert "Saved." in browser.page("/web/1000/lists/1?notice=saved")
    browser.post("/web/1000/lists/1/delete")
    assert api.data("List") == []
    assert [entry["function"] for entry in api.sandbox.requests()] == ["get-lists", "get-data"]


def test_a_newsletter_is_made_edited_scheduled_cancelled_and_read(api: Api, browser: Browser) -> None:
    api.recipient(listIds=[api.list()])
    browser.post("/web/1000/newsletters", subject="Hello")
    here = "/web/1000/newsletters/101"
    values = fields_of(browser.page(here), here)
    body = '<p>x</p>\r\n<a href="https://e.test/">y</a>'
    browser.post(here, **values | {"body": body, "language": "it", "listIds[]": ["", "1"], "fromEmail": "f@e.test"})
    (row,) = api.data("Mail")
    assert (row["body"], row["language"], row["fromemail"]) == (body.replace("\r\n", "\n"), "it", "f@e.test")
    assert browser.page(f"{here}/preview") == row["body"]
    browser.post(f"{here}/schedule", **{"sendDate@": "2030-01-01T09:30"})
    assert api.data("Mail")[0]["senddate"] == 1_893_490_200
    assert "2030-01-01 09:30 UTC" in browser.page(here)
    browser.post(f"{here}/cancel")
    assert api.data("Mail")[0]["published"] == 0
    browser.post(f"{here}/schedule", **{"sendDate@": "2020-01-01T09:30"})
    page = browser.page(here)
    assert "Sent." in page
    browser.post(f"{here}/open", **fields_of(page, f"{here}/open"))
    browser.post(f"{here}/click", email="a@e.test", url="https://e.test/")
    browser.post(f"{here}/bounce", email="a@e.test")
    browser.post(f"{here}/unsubscribe", email="a@e.test")
    (stats,) = api.data("Stats")
    assert (stats["openunique"], stats["clicktotal"], stats["bounceunique"], stats["unsub"]) == (1, 1, 1, 1)
    browser.post(f"{here}/delete")
    assert api.data("Mail") == []


def test_recipients_and_fields_are_edited(api: Api, browser: Browser) -> None:
    api.list("A")
    api.list("B")
    browser.post("/web/1000/fields", namekey="city", fieldname="City", type="text")
    browser.post("/web/1000/fields/4", namekey="town", type="textarea", published="0")
    browser.post("/web/1000/recipients", email="a@e.test")
    here = "/web/1000/recipients/1001"
    values = fields_of(browser.page(here), here)
    browser.post(here, **values | {"listIds[]": ["", "2"], "attribute:town": "Rome", "accept": "0", "tags,": "x,y"})
    (row,) = api.data("Recipient")
    assert (row["user_defined_fields"], row["accept"], row["tags"]) == (
        [{"Key": "town", "Value": "Rome"}],
        0,
        ["x", "y"],
    )
    assert [(each["listid"], each["status"]) for each in api.data("ListSub")] == [(2, 1)]
    browser.post(here, **fields_of(browser.page(here), here) | {"listIds[]": [""]})
    assert [(each["listid"], each["status"]) for each in api.data("ListSub")] == [(2, -1)]
    browser.post(f"{here}/delete")
    browser.post("/web/1000/fields/4/delete")
    assert api.data("Recipient") == api.data("Field", "core==0") == []


def test_many_recipients_come_in_pages(api: Api, browser: Browser) -> None:
    for number in range(51):
        api.recipient(f"u{number}@e.test")
    first, second = browser.page("/web/1000/recipients"), browser.page("/web/1000/recipients?page=1")
    assert ("u49@e.test" in first, "u50@e.test" in first, "Next page" in first) == (True, False, True)
    assert ("u49@e.test" in second, "u50@e.test" in second, "Next page" in second) == (False, True, False)
    assert "u7@e.test" not in browser.page("/web/1000/recipients?q=U50")


def test_the_clock_is_set(api: Api, browser: Browser) -> None:
    browser.post("/web/1000/clock", **{"now@": "2030-01-01T00:00"})
    assert api.sandbox.clock.now() == 1_893_456_000
    browser.post("/web/1000/clock", **{"now@": ""})
    assert api.sandbox.clock.now() == START
    assert "is no date and time" in browser.post("/web/1000/clock", 400, **{"now@": "soon"}).text


@pytest.mark.parametrize(
    ("path", "fields", "status", "message"),
    [
        ("lists", {"name": ""}, 400, "The parameter name is required."),
        ("lists/1", {"color": "orange"}, 400, "color should be hexadecimal"),
        ("lists/1", {"ordering": "-1"}, 400, "ordering should be between"),
        ("lists/9", {"name": "x"}, 404, "There is no list 9."),
        ("newsletters/101/cancel", {}, 409, "is not scheduled"),
        ("newsletters/101/schedule", {"sendDate@": "2030-01-01T00:00"}, 400, "has no lists"),
        ("recipients", {"email": "nobody"}, 400, "email is not an e-mail address"),
        ("fields", {"namekey": "a b"}, 400, "namekey should have"),
        ("nothing", {}, 404, "There is no"),
    ],
)
def test_what_can_not_be_done_is_said_on_the_page(
    api: Api, browser: Browser, path: str, fields: dict[str, str], status: int, message: str
) -> None:
    api.list()
    api.newsletter()
    before = everything(api)
    assert message in browser.post(f"/web/1000/{path}", status, **fields).text
    assert everything(api) == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.test"},
        {"Origin": "https://127.0.0.1:8025"},
        {"Origin": "http://127.0.0.1:8026"},
        {"Referer": "http://evil.test/http://127.0.0.1:8025/"},
        {"Origin": "http://evil.test", "Referer": "http://127.0.0.1:8025/"},
    ],
)
def test_forms_of_other_pages_are_refused(api: Api, browser: Browser, headers: dict[str, str]) -> None:
    response = browser.client.post("/web/1000/lists", data={"name": "x"}, headers=headers)
    assert response.status_code == 403
    assert api.data("List") == []


def test_an_older_browser_names_only_the_referrer(api: Api, browser: Browser) -> None:
    headers = {"Referer": "http://127.0.0.1:8025/web/1000/lists"}
    assert browser.client.post("/web/1000/lists", data={"name": "x"}, headers=headers).status_code == 303


def test_headers_forbid_scripts_and_framing(filled: Api, browser: Browser) -> None:
    page = browser.client.get("/web/1000/newsletters/101")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert '<iframe src="/web/1000/newsletters/101/preview" sandbox=""' in page.text
    preview = browser.client.get("/web/1000/newsletters/101/preview")
    assert preview.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert preview.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.client.get("/page.css").headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize(
    "path", ["/web", "/web/2000", "/web/1000/nothing", "/web/1000/lists/x", "/web/1000/lists/9", "/nothing",
             "/web/1000/lists/1/preview", "/web/1000/newsletters/9/preview", "/web/1000/lists/²"]
)  # fmt: skip
def test_pages_that_are_not_there(browser: Browser, path: str) -> None:
    assert "Not possible" in browser.page(path, 404)


def test_other_methods_are_refused(browser: Browser) -> None:
    assert browser.client.put("/web/1000").status_code == 405


def test_several_accounts_are_chosen_from(make: Any) -> None:
    api = make(accounts={"one": "1111", "two": "<2>"})
    browser = Browser(api.sandbox)
    page = browser.page("/")
    assert '<a href="/web/1111">Account 1111</a>' in page
    assert '<a href="/web/%3C2%3E">Account &lt;2&gt;</a>' in page
    browser.post("/web/%3C2%3E/lists", name="x")
    assert "There are none yet." in browser.page("/web/1111/lists")
    assert api.post("get-lists", {"apiKey": "two"})["lists"][0]["name"] == "x"
    assert api.post("get-lists", {"apiKey": "one"})["lists"] == []
    browser.client.close()


def test_what_comes_due_is_sent_before_a_page_shows(make: Any) -> None:
    moments = [START]
    api = make(now=lambda: moments[-1])
    number = api.newsletter(listIds=[api.list()])
    api.ok("send-newsletter", newsletterId=number, sendDate=START + 10)
    browser = Browser(api.sandbox)
    assert "Scheduled." in browser.page(f"/web/1000/newsletters/{number}")
    moments.append(START + 10)
    assert "Sent." in browser.page(f"/web/1000/newsletters/{number}")
    browser.client.close()


def test_forms_become_arguments() -> None:
    content = b"a=1&a=2&l[]=&l[]=3&l[]=4&t,=x,+y+,&d@=1970-01-02T00:00&e@=&attribute:city=R%C3%B6m&x=a%0D%0Ab"
    assert forms.parse(content) == {
        "a": "2", "l": ["3", "4"], "t": ["x", "y"], "d": 86_400, "e": None, "x": "a\nb",
        "customAttributes": [{"name": "city", "value": "Röm"}],
    }  # fmt: skip
