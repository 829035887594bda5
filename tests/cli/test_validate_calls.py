"""What can't be put on the wire is found by ``validate``, before anything is asked of an account."""

import pytest

from tests.cli.conftest import Project

SETTINGS = """\
version: 1
providers:
  gatormail:
    type: gatormail
    url: https://api.communigator.co.uk/mail
    tokenUrl: https://oauth.communigator.co.uk/core/connect/token
    instance: acme_lz
    timezone: ZONE
    clientId: "${env.NOWHERE}"
    clientSecret: "${env.NOWHERE}"
    username: "${env.NOWHERE}"
    password: "${env.NOWHERE}"
"""
CAMPAIGN = """\
gatormail:
  groups: {g: {name: G}}
  campaigns:
    c:
      name: C
      subject: C
      fromName: A
      fromAddress: a@example.com
      replyTo: a@example.com
      type: Static
      group: g
      startDate: "START"
      email: {name: M, html: "<p>x</p>", text: x}
"""


@pytest.mark.parametrize(
    ("zone", "start", "code"),
    [
        ("Europe/London", "2027-10-31T01:30:00+01:00", 1),
        ("Europe/London", "2027-10-31T03:30:00+00:00", 0),
        ("Europe/Rome", "2027-10-31T01:30:00+01:00", 1),
        ("Etc/GMT", "2027-10-31T01:30:00+01:00", 0),
    ],
)
def test_an_hour_that_the_clocks_go_through_twice(project: Project, zone: str, start: str, code: int) -> None:
    project.write("reconcile.yaml", SETTINGS.replace("ZONE", zone))
    project.write("manifests/all.yaml", CAMPAIGN.replace("START", start))
    result = project.run("validate")
    assert result.code == code, result.err
    assert ("manifests/all.yaml:12:7" in result.err) is bool(code)
    assert ("go through twice" in result.err) is bool(code)
    assert not (project.root / ".reconcile").exists(), "no key is made, and nothing else"
