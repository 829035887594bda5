"""A checkout with other line ends is no change: what was approved with one is done with the other."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Project

SETTINGS = """\
version: 1
providers:
  squalomail: {type: squalomail, url: "sandbox:", account: "4711"}
  gatormail: {type: gatormail, url: "sandbox:", instance: acme_lz, timezone: Europe/London}
"""
FILES = {
    "manifests/all.yaml": """\
squalomail:
  lists: {one: {name: One, description: "two\\nlines"}}
  templates: {t: {subject: T, bodyFile: emails/a.html}}
  campaigns:
    c:
      {subject: C, fromEmail: a@example.com, fromName: A, lists: [one], bodyFile: emails/a.html,
       altBodyFile: emails/a.txt, schedule: 2027-06-01T09:00:00Z}
  audiences:
    p: {source: people/p.csv, exclude: people/no.csv, columns: {email: email, name: name}, lists: [one]}
gatormail:
  groups:
    g:
      name: G
      description: |
        two
        lines
  campaigns:
    c:
      {name: C, subject: C, fromName: A, fromAddress: a@example.com, replyTo: a@example.com, type: Static, group: g,
       startDate: 2027-06-01T09:00:00Z, initiate: true,
       email: {name: M, htmlFile: emails/a.html, textFile: emails/a.txt}}
  audiences:
    p: {source: people/p.csv, exclude: people/no.csv, columns: {emailLogin: email, firstName: name}, group: g}
""",
    "emails/a.html": "<p>Hi</p>\n<!-- reconcile:part foot -->\n",
    "emails/a.txt": "Hi\nthere\n",
    "parts/foot.html": "<p>foot</p>\n<p>two</p>\n",
    "people/p.csv": 'email,name\na@example.com,"A, B"\nb@example.com,B\n',
    "people/no.csv": "email\nx@example.com\n",
}


@pytest.mark.parametrize(("planned", "applied"), [("\n", "\r\n"), ("\r\n", "\n")], ids=["to CRLF", "to LF"])
def test_a_checkout_with_other_line_ends_is_as_approved(tmp_path: Path, planned: str, applied: str) -> None:
    project = Project(tmp_path / "project")

    def check_out(ends: str) -> None:
        for name, text in {**FILES, "reconcile.yaml": SETTINGS}.items():
            project.write(name, text.replace("\n", ends).encode())

    check_out(planned)
    project.write(".reconcile/key", "cd" * 32)
    file = project.root / "a.plan"
    assert project.run("plan", "-o", str(file)).code == 0
    digest = json.loads(file.read_bytes())["reconcile"]["digest"]
    check_out(applied)
    result = project.run("apply", str(file), "--approved", digest, "--allow-send")
    assert (result.code, result.err) == (0, result.err), result.out + result.err
    assert project.run("plan", "--detailed-exitcode").code == 0
    check_out(planned)
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_another_row_is_another_file(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    for name, text in {**FILES, "reconcile.yaml": SETTINGS, ".reconcile/key": "cd" * 32}.items():
        project.write(name, text)
    file = project.root / "a.plan"
    assert project.run("plan", "-o", str(file)).code == 0
    digest = json.loads(file.read_bytes())["reconcile"]["digest"]
    project.replace("people/p.csv", "b@example.com", "c@example.com")
    result = project.run("apply", str(file), "--approved", digest, "--allow-send")
    assert result.code == 6
    assert "the file has other content" in result.out
