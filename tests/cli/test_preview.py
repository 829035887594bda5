"""``render`` and ``preview``: mails as they go out, before anything is applied."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import httpx
import pytest

from reconcile.cli.options import new_options
from reconcile.cli.preview import _Pages, _Server
from tests.cli.conftest import PROJECT, Project

MANIFEST = """\
squalomail:
  lists: {news: {name: News}}
  templates:
    base: {subject: Base, bodyFile: emails/base.html, altBody: "{{headline}}"}
  campaigns:
    spring: {subject: "Hello {subtag:name}", bodyFile: emails/spring.mjml, altBody: Text, lists: [news]}
    made:
      subject: Made
      template: base
      lists: [news]
      templateCustomAttributes: {texts: {headline: {value: Novelties, url: "https://a.example/"}}}
"""
MJML = """\
<mjml lang="en"><mj-body><mj-section><mj-column>
<mj-text>Dear {subtag:name}</mj-text><!-- reconcile:part foot -->
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def mails(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("reconcile.yaml", PROJECT)
    project.write("manifests/a.yaml", MANIFEST)
    project.write("emails/spring.mjml", MJML)
    project.write("emails/base.html", '<body><h1>{{headline}}</h1><img src="/_placeholders/1/a.png" alt=""></body>\n')
    project.write("parts/foot.html", "<mj-text>{unsubscribe}Out{/unsubscribe}</mj-text>\n")
    return project


def test_a_mail_is_printed_as_it_goes_out(mails: Project) -> None:
    built = mails.run("render", "squalomail.campaign.spring")
    assert built.code == 0, built.err
    assert built.out.lower().startswith("<!doctype html>")
    assert "{unsubscribe}Out{/unsubscribe}" in built.out
    assert "reconcile:part" not in built.out
    assert mails.run("render", "squalomail.campaign.spring", "--text").out == "Text\n"
    assert "Dear Anna" in mails.run("render", "squalomail.campaign.spring", "--person", "1").out


def test_what_is_made_of_a_template_is_printed_filled_in(mails: Project) -> None:
    built = mails.run("render", "squalomail.campaign.made")
    assert '<h1><a href="https://a.example/">Novelties</a></h1>' in built.out
    assert mails.run("render", "squalomail.campaign.made", "--text").out == "Novelties (https://a.example/)\n"
    told = json.loads(mails.run("render", "squalomail.campaign.made", "--format", "json").out)
    assert told["template"] == "squalomail.template.base"
    assert told["sources"] == ["emails/base.html"]


def test_the_files_and_builders_of_a_mail_are_told(mails: Project) -> None:
    told = json.loads(mails.run("render", "squalomail.campaign.spring", "--format", "json").out)
    assert told["sources"] == ["emails/spring.mjml", "parts/foot.html"]
    assert "mjml-python" in told["builders"]["body"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["squalomail.campaign.sprnig"], 'Did you mean "squalomail.campaign.spring"?'),
        (["squalomail.list.news"], "is no mail"),
        (["spring"], "spring"),
        (["squalomail.campaign.spring", "--person", "9"], "sample people"),
    ],
)
def test_what_cannot_be_printed_is_told(mails: Project, arguments: list[str], said: str) -> None:
    found = mails.run("render", *arguments)
    assert found.code == 1
    assert said in found.err


@pytest.fixture
def site(mails: Project) -> Iterator[SimpleNamespace]:
    options = new_options()
    options.directory = mails.root
    options.quiet = True
    with _Server(0, _Pages(mails.root, "embed", options)) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            yield SimpleNamespace(http=http, project=mails)
        server.shutdown()


def test_pages_follow_what_is_written(site: SimpleNamespace) -> None:
    listed = site.http.get("/").text
    for name in ("campaign.spring", "campaign.made", "template.base"):
        assert f'href="/squalomail.{name}"' in listed
    page = site.http.get("/squalomail.campaign.spring").text
    assert "Dear Anna" in page
    assert "Dear Bartholomew" in site.http.get("/squalomail.campaign.spring?person=1").text
    before = site.http.get("/_version").text
    assert before in page
    site.project.write("parts/foot.html", "<mj-text>{unsubscribe}Leave us{/unsubscribe}</mj-text>\n")
    assert site.http.get("/_version").text != before
    assert "Leave us" in site.http.get("/squalomail.campaign.spring").text
    assert "Novelties" in site.http.get("/squalomail.campaign.made").text


def test_manifests_that_cannot_be_read_are_told_on_the_page(site: SimpleNamespace) -> None:
    site.project.replace("emails/spring.mjml", "</mj-section>", "")
    page = site.http.get("/squalomail.campaign.spring")
    assert page.status_code == 200
    assert "emails/spring.mjml:3" in page.text
    assert site.http.get("/_version").text in page.text  # so that it comes back by itself
    site.project.write("emails/spring.mjml", MJML)
    assert "Dear Anna" in site.http.get("/squalomail.campaign.spring").text


def test_findings_stand_on_the_page(site: SimpleNamespace) -> None:
    site.project.replace("emails/spring.mjml", "Dear", "TODO: dear")
    assert "placeholder" in site.http.get("/squalomail.campaign.spring").text


def test_only_this_machine_is_answered_and_nothing_else_is_served(site: SimpleNamespace) -> None:
    assert site.http.get("/", headers={"Host": "evil.example:80"}).status_code == 403
    for path in ("/reconcile.yaml", "/../reconcile.yaml", "/squalomail.campaign.nope", "/emails/base.html"):
        assert site.http.get(path).status_code == 404
    assert site.http.post("/").status_code == 501
    assert "default-src &#39;none&#39;" in site.http.get("/").text
