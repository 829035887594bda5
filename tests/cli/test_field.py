"""A declared custom field: the API can only read it, so a person makes it, and later plans see that it was done."""

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconcile.sandbox.server import Server
from tests.cli.conftest import Project

MANIFEST = """\
squalomail:
  fields:
    city: {fieldname: Città, type: text, value: "", published: true, ordering: 3}
"""


class Browser:
    """Fills in the forms of the emulator's web page."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Origin": url}, follow_redirects=True)

    def close(self) -> None:
        self._http.close()

    def page(self, path: str) -> str:
        return self._http.get(path).raise_for_status().text

    def submit(self, path: str, action: str = "", **typed: str) -> None:
        """Send the form on a page, what was typed in place of what it showed."""
        action = action or path
        self._http.post(action, data=_shown(self.page(path), action) | typed).raise_for_status()

    def field_page(self, key: str) -> str:
        (path,) = re.findall(rf'<a href="([^"]+)">{key}</a>', self.page("/web/4711/fields"))
        return html.unescape(path)


def _shown(page: str, action: str) -> dict[str, Any]:
    """What a browser would send for a form that nobody touched; of inputs with one name the last one counts."""
    (form,) = re.findall(rf'<form method="post" action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    values: dict[str, Any] = {}
    for attributes in re.findall(r"<input ([^>]*)>", form):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
        if found["type"] != "checkbox" or re.search(r"\bchecked\b", attributes):
            values[found["name"]] = html.unescape(found["value"])
    for name, options in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        values[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    return values


@pytest.fixture
def browser(server: Server) -> Iterator[Browser]:
    made = Browser(server.url)
    yield made
    made.close()


@pytest.fixture
def live(project: Project, server: Server, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with nothing but a custom field, against the emulator over HTTP."""
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "a-very-secret-key")
    project.replace("reconcile.yaml", 'url: "sandbox:"', f"url: {server.url}/squalomail/v1")
    project.write("manifests/all.yaml", MANIFEST)
    return project


def steps(project: Project) -> dict[str, Any]:
    """The steps of a plan that are more than a no-op, by address."""
    result = project.run("plan", "--format", "json")
    assert result.code == 0, result.err
    found = json.loads(result.out)["reconcile"]["steps"]
    return {step["address"]: step for step in found if step["action"] != "no-op"}


def recorded(project: Project) -> bool:
    return "squalomail.field.city" in project.run("state", "list").out


def add_city(browser: Browser) -> None:
    browser.submit("/web/4711/fields", namekey="city", fieldname="Città", type="text")
    browser.submit(browser.field_page("city"), ordering="3")


def test_the_story_of_a_field(live: Project, server: Server, browser: Browser) -> None:
    missing = live.run("plan", "--detailed-exitcode")
    assert missing.code == 0, "a manual step alone is no change"
    assert "! squalomail.field.city has to be changed by hand (not there yet)" in missing.out
    assert (
        'by hand: In the web interface, add a custom field: namekey "city", fieldname "Città", type "text", value "", '
        "published yes, ordering 3." in missing.out
    )
    assert "Plan: 1 by hand." in missing.out
    applied = live.run("apply", "--auto-approve")
    assert (applied.code, applied.out.splitlines()[-1]) == (0, "Apply: 1 left to be done by hand.")
    assert not recorded(live)

    add_city(browser)
    assert "No changes." in live.run("plan", "--detailed-exitcode").out
    assert live.run("apply", "--auto-approve").code == 0
    assert recorded(live)
    assert "No changes." in live.run("plan").out

    browser.submit(browser.field_page("city"), fieldname="Citta", published="0")
    step = steps(live)["squalomail.field.city"]
    assert (step["action"], step["cause"]) == ("manual", "edited outside")
    assert not step.get("calls")
    assert step["instructions"] == [
        'In the web interface, open the custom field "city" (id 4) and set fieldname to "Città" (it is "Citta"), '
        "published to yes (it is no)."
    ]
    assert live.run("plan", "--detailed-exitcode").code == 0

    browser.submit(browser.field_page("city"), fieldname="Città", published="1")
    assert not steps(live)
    writes = [entry for entry in httpx.get(f"{server.url}/_sandbox/requests").json() if entry["write"]]
    assert not writes, "nothing of it is written by us"


def test_a_changed_declaration_is_a_manual_step_until_it_is_typed(live: Project, browser: Browser) -> None:
    add_city(browser)
    live.run("apply", "--auto-approve")
    live.replace("manifests/all.yaml", "ordering: 3", "ordering: 4")
    step = steps(live)["squalomail.field.city"]
    assert (step["cause"], [change["name"] for change in step["changes"]]) == ("manifest changed", ["ordering"])
    browser.submit(browser.field_page("city"), ordering="4")
    assert not steps(live)


def test_only_what_is_declared_is_compared(live: Project, browser: Browser) -> None:
    live.write("manifests/all.yaml", "squalomail:\n  fields:\n    city: {}\n")
    assert 'add a custom field: namekey "city".' in live.run("plan").out
    browser.submit("/web/4711/fields", namekey="city", fieldname="Anything", type="radio")
    assert not steps(live)


def test_a_field_that_differs_from_the_start_is_no_second_one(live: Project, browser: Browser) -> None:
    browser.submit("/web/4711/fields", namekey="City", fieldname="Town", type="text")
    (instruction,) = steps(live)["squalomail.field.city"]["instructions"]
    assert 'open the custom field "City" (id 4) and set namekey to "city" (it is "City"), fieldname to' in instruction


def test_a_field_deleted_there_is_to_be_added_again(live: Project, browser: Browser) -> None:
    add_city(browser)
    live.run("apply", "--auto-approve")
    page = browser.field_page("city")
    browser.submit(page, f"{page}/delete")
    step = steps(live)["squalomail.field.city"]
    assert (step["action"], step["cause"]) == ("manual", "deleted outside")
    add_city(browser)
    assert not steps(live), "another id, and the same field to us"
    assert live.run("apply", "--auto-approve").code == 0
    assert "id 5" in live.run("state", "show", "squalomail.field.city").out


def test_removing_the_entry_forgets_it(live: Project, browser: Browser) -> None:
    add_city(browser)
    live.run("apply", "--auto-approve")
    live.write("manifests/all.yaml", "squalomail: {}\n")
    assert {address: step["action"] for address, step in steps(live).items()} == {"squalomail.field.city": "forget"}
    assert "It stays in the account" in live.run("plan").out
    assert live.run("apply", "--auto-approve").code == 0
    assert not recorded(live)
    assert "city" in browser.page("/web/4711/fields")


def test_a_renamed_entry_asks_for_another_key(live: Project, browser: Browser) -> None:
    add_city(browser)
    live.run("apply", "--auto-approve")
    live.replace("manifests/all.yaml", "city: {", "town: {was: [city], ")
    (instruction,) = steps(live)["squalomail.field.town"]["instructions"]
    assert 'set namekey to "town" (it is "city").' in instruction
    browser.submit(browser.field_page("city"), namekey="town")
    assert {step["action"] for step in steps(live).values()} == {"move"}


def test_adopt_and_external_find_it_by_its_key(live: Project, browser: Browser) -> None:
    add_city(browser)
    assert "bound to id 4" in live.run("adopt").out
    live.write(
        "manifests/all.yaml", "squalomail:\n  fields:\n    city: {manage: external}\n    town: {manage: external}\n"
    )
    blocked = live.run("plan").out
    assert 'The account has no field "town"' in blocked
    assert "squalomail.field.city" not in blocked


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        ("city: {namekey: town}", "unknown-attribute", "namekey"),
        ("email: {fieldname: E-mail}", "wrong-entry", '"email" is built in'),
        ("city: {ordering: -1}", "", "ordering"),
        ("city: {manage: external, fieldname: x}", "external-entry", "by its own name"),
    ],
)
def test_what_can_not_be_declared(live: Project, entry: str, code: str, words: str) -> None:
    live.write("manifests/all.yaml", f"squalomail:\n  fields:\n    {entry}\n")
    result = live.run("validate")
    assert result.code == 1
    assert code in result.err
    assert words in result.err


def test_a_saved_plan_with_a_manual_step_applies(live: Project) -> None:
    live.write("manifests/all.yaml", MANIFEST + "  lists:\n    news: {name: News}\n")
    saved = str(live.root / "both.plan")
    assert live.run("plan", "-o", saved, "--detailed-exitcode").code == 2
    applied = live.run("apply", saved)
    assert applied.code == 0, applied.err
    assert applied.out.endswith("Apply: 1 left to be done by hand, 1 created.\n")
    assert "has to be changed by hand" in live.run("plan", "--format", "html").out
    assert "has to be changed by hand" in live.run("plan", "--format", "markdown").out


def test_drift_of_a_field_counts_under_strict_alone(live: Project, browser: Browser) -> None:
    add_city(browser)
    live.run("apply", "--auto-approve")
    assert live.run("drift", "--strict").code == 0
    browser.submit(browser.field_page("city"), fieldname="Citta")
    told = live.run("drift")
    assert (told.code, "squalomail.field.city" in told.out) == (0, True), told
    assert live.run("drift", "--strict").code == 2
