"""What somebody with a pull request can't do: take secrets out through a manifest, or send credentials elsewhere."""

import socket
from pathlib import Path

import pytest

from reconcile.errors import InvalidInput
from reconcile.hosts import Hosts, dialled
from reconcile.providers.transport import Transport
from reconcile.state.allowed import check
from tests.cli.conftest import MANIFEST, PROJECT, Project

SECRET = "k3y/with+signs"
CREDENTIALS = {
    "SQUALOMAIL_API_KEY": SECRET,
    "GATOR_CLIENT_ID": "an id",
    "GATOR_CLIENT_SECRET": "a secret",
    "GATOR_USERNAME": "a user",
    "GATOR_PASSWORD": "a password",
    "EVIL": "evil.example",
}
REAL = """\
version: 1
providers:
  squalomail:
    type: squalomail
    url: https://api.squalomail.com/v1
    apiKey: "${env.SQUALOMAIL_API_KEY}"
  gatormail:
    type: gatormail
    url: https://api.communigator.co.uk/mail
    tokenUrl: https://oauth.communigator.co.uk/core/connect/token
    instance: acme_lz
    timezone: Europe/London
    clientId: "${env.GATOR_CLIENT_ID}"
    clientSecret: "${env.GATOR_CLIENT_SECRET}"
    username: "${env.GATOR_USERNAME}"
    password: "${env.GATOR_PASSWORD}"
"""


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def dials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that are looked up or connected to; none is reached."""
    found: list[str] = []

    def refuse(host: object, *_: object, **__: object) -> None:
        found.append(str(host))
        raise socket.gaierror(-2, "not in a test")

    def connect(_: object, address: object) -> None:
        found.append(str(address))
        raise OSError(101, "not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return found


# Secrets in manifests


@pytest.mark.parametrize(
    "expression",
    [
        "${env.SQUALOMAIL_API_KEY}",
        "a ${env.SQUALOMAIL_API_KEY} within",
        "${env.SQUALOMAIL_API_KEY:-nothing}",
        "${env.STAGING_KEY:-nothing}",
        "${env.DB_PASSWORD:-nothing}",
        "${env.RECONCILE_KEY:-nothing}",
        "${env.RECONCILE_STATE_KEY:-}",
        "${env.RECONCILE_HTTP_PASSWORD:-}",
        "${env.AWS_SECRET_ACCESS_KEY:-}",
        "${env.AZURE_STORAGE_ACCOUNT_KEY:-}",
        "${env.GOOGLE_SERVICE_ACCOUNT_KEY:-}",
        "${env.PGPASSWORD:-}",
        "${env.GITHUB_TOKEN:-}",
        "${env.CI_JOB_TOKEN:-}",
        "${env.HTTPS_PROXY:-}",
        "${var.direct}",
        "${var.through}",
        "${var.staged}",
    ],
)
@pytest.mark.parametrize("place", ["manifest", "defaults", "samples", "account"])
def test_what_signs_us_in_is_refused_wherever_it_would_be_shown(project: Project, expression: str, place: str) -> None:
    project.write(
        "reconcile.yaml",
        PROJECT.replace('account: "4711"', f'account: "{expression if place == "account" else 4711}"')
        + (
            f'    limits: {{concurrency: 2}}\ndefaults: {{squalomail: {{campaign: {{fromName: "{expression}"}}}}}}\n'
            if place == "defaults"
            else ""
        )
        + (f'samples: [{{name: "{expression}"}}]\n' if place == "samples" else "")
        + "variables: {direct: '${env.SQUALOMAIL_API_KEY}', through: x, staged: y}\n"
        + "environments:\n"
        + "  staging:\n"
        + "    providers: {squalomail: {apiKey: '${env.STAGING_KEY}'}}\n"
        + "    variables: {staged: '${env.STAGING_KEY}'}\n"
        + "    state: 'postgresql://u:${env.DB_PASSWORD}${var.through}@db.example/x'\n",
    )
    project.write(
        "manifests/all.yaml", MANIFEST.replace("Hello", f'"{expression}"' if place == "manifest" else "Hello")
    )
    for arguments in (["validate"], ["plan"], ["plan", "--format", "json"]):
        result = project.run(*arguments)
        assert result.code == 1, result
        assert "secret-in-manifest" in result.out + result.err
        assert SECRET not in result.out + result.err


def test_what_signs_nobody_in_may_be_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEASON", "Spring")
    project.write(
        "reconcile.yaml", PROJECT + "variables: {suffix: '${env.SEASON}'}\nstate: 'file:x/${var.suffix}.json'\n"
    )
    project.write("manifests/all.yaml", MANIFEST.replace("Hello", '"${env.SEASON} ${var.suffix} ${env.NONE:-sale}"'))
    result = project.run("plan")
    assert result.code == 0, result.err
    assert "Spring Spring sale" in result.out


def test_a_project_reads_no_other_names_than_are_allowed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_ALLOW_ENV", "SQUALO*,SEASON")
    monkeypatch.setenv("SEASON", "Spring")
    monkeypatch.setenv("season", "spring")
    project.write("manifests/all.yaml", MANIFEST.replace("Hello", '"${env.SEASON}"'))
    assert project.run("validate").code == 0
    for name in ("season", "SEASONS", "XSEASON", "HOME"):
        project.write("manifests/all.yaml", MANIFEST.replace("Hello", f'"${{env.{name}:-x}}"'))
        result = project.run("validate")
        assert result.code == 1
        assert "name-not-allowed" in result.err
        assert "RECONCILE_ALLOW_ENV" in result.err
    project.write("manifests/all.yaml", MANIFEST)
    project.replace("reconcile.yaml", "SQUALOMAIL_API_KEY", "HOME")
    assert "name-not-allowed" in project.run("validate").err
    monkeypatch.setenv("RECONCILE_ALLOW_ENV", " ")
    assert "set and empty" in project.run("validate").err


# Forty ways to point a host elsewhere

URL, TOKEN = "url: https://api.squalomail.com/v1", "tokenUrl: https://oauth.communigator.co.uk/core/connect/token"
ELSEWHERE = (
    (URL, "url: https://evil.example/v1"),
    (URL, "url: https://api.squalomail.com@evil.example/v1"),
    (URL, "url: https://api.squalomail.com:443@evil.example/v1"),
    (URL, "url: 'https://evil.example\\@api.squalomail.com/v1'"),
    (URL, "url: 'https://evil.example\\.api.squalomail.com/v1'"),
    (URL, "url: https://api.squalomail.com.evil.example/v1"),
    (URL, "url: https://evil-api.squalomail.com/v1"),
    (URL, "url: https://xapi.squalomail.com/v1"),
    (URL, "url: https://squalomail.com/v1"),
    (URL, "url: https://api.squalomail.com:8443/v1"),
    (URL, "url: https://api.squalomail.com..evil.example/v1"),
    (URL, "url: https://api.squalomail.com%2eevil.example/v1"),
    (URL, "url: https://api.squalomаil.com/v1"),  # a Cyrillic a
    (URL, "url: https://api.squaIomail.com.xn--vil-hoa.example/v1"),
    (URL, "url: https://api。squalomail。com。evil.example/v1"),
    (URL, "url: https://2130706433/v1"),
    (URL, "url: https://0x7f000001/v1"),
    (URL, "url: https://127.0.0.1.evil.example/v1"),
    (URL, "url: https://localhost.evil.example/v1"),
    (URL, "url: https://0.0.0.0/v1"),
    (URL, "url: 'https://[::ffff:10.0.0.1]/v1'"),
    (URL, "url: 'https://${env.EVIL}/v1'"),
    (URL, "url: 'https://${env.NONE:-evil.example}/v1'"),
    (URL, "url: https://api.communigator.co.uk/v1"),  # another vendor's, which has no use for this key
    (URL, "url: HTTPS://EVIL.EXAMPLE/v1"),
    (TOKEN, "tokenUrl: https://evil.example/token"),
    (TOKEN, "tokenUrl: https://oauth.communigator.co.uk@evil.example/token"),
    (TOKEN, "tokenUrl: 'https://oauth.communigator.co.uk:@evil.example/token'"),
    (TOKEN, "tokenUrl: 'https://${env.EVIL}/token'"),
    (TOKEN, "tokenUrl: http://evil.example/token"),
    (TOKEN, "tokenUrl: https:\\\\evil.example/token"),
    (TOKEN, "contract: {op.auth.token: 'POST https://evil.example/token'}"),
    (TOKEN, "contract: {c.auth.tokenUrl: 'https://evil.example/token'}"),
    (TOKEN, "contract: {c.api.base: 'https://evil.example/{instance}'}"),
    (TOKEN, "contract: {op.campaign.list: 'GET //evil.example/{page}/{pageSize}'}"),
    (TOKEN, "contract: {op.campaign.list: 'GET /\\evil.example/{page}/{pageSize}'}"),
    (TOKEN, "contract: {op.campaign.list: 'GET /@evil.example/{page}/{pageSize}'}"),
    (TOKEN, "contract: {op.campaign.list: 'GET .evil.example/{page}/{pageSize}'}"),
    ("url: https://api.communigator.co.uk/mail", "url: https://api.communigator.co.uk.evil.example/mail"),
    ("instance: acme_lz", "instance: acme@evil.example/"),
)


def test_there_are_forty_ways() -> None:
    assert len(set(ELSEWHERE)) == 40


@pytest.mark.parametrize(("before", "after"), ELSEWHERE)
def test_no_host_of_somebody_else_is_dialled(project: Project, dials: list[str], before: str, after: str) -> None:
    assert before in REAL
    project.write("reconcile.yaml", REAL.replace(before, after))
    alias = "squalomail" if before == URL else "gatormail"
    for arguments in (["plan"], ["apply", "--auto-approve"], ["doctor", alias], ["api", "squalomail", "ping"]):
        result = project.run(*arguments)
        assert result.code == 1, result
        assert "fault of reconcile" not in result.err
    assert dials == []


def test_doctor_dials_the_hosts_of_the_other_accounts_alone(
    project: Project, dials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "pause", lambda *_: None)  # between attempts
    project.write("reconcile.yaml", REAL.replace(TOKEN, "tokenUrl: https://evil.example/token"))
    told = project.run("doctor")
    assert told.code == 1
    assert "evil.example may not be contacted" in told.out
    assert set(dials) == {"api.squalomail.com"}


def test_the_hosts_of_the_vendors_are_dialled(project: Project, dials: list[str]) -> None:
    project.write("reconcile.yaml", REAL)
    project.run("plan")
    assert "api.squalomail.com" in dials


@pytest.mark.parametrize(
    ("rules", "url", "allowed"),
    [
        ("api.example.com", "https://api.example.com/v1", True),
        ("API.example.com", "https://Api.Example.COM./v1", True),
        ("api.example.com", "https://api.example.com:443/v1", True),
        ("api.example.com", "https://api.example.com:444/v1", False),
        ("api.example.com:444", "https://api.example.com:444/v1", True),
        ("api.example.com:*", "https://api.example.com:444/v1", True),
        ("*.example.com", "https://api.example.com/v1", True),
        ("*.example.com", "https://a.b.example.com/v1", False),
        ("*.example.com", "https://example.com/v1", False),
        ("*.example.com", "https://apiexample.com/v1", False),
        ("xn--mnchen-3ya.example", "https://münchen.example/", True),
        ("api.example.com", "http://127.0.0.1:8025/", False),  # what is set is all there is
        ("127.0.0.1:8025", "http://127.0.0.1:8025/", True),
        ("[::1]:8025", "http://[::1]:8025/", True),
        ("a.example, b.example", "https://b.example/", True),
    ],
)
def test_rules_for_hosts(rules: str, url: str, allowed: bool) -> None:
    assert Hosts.of({"RECONCILE_ALLOW_HOSTS": rules}, ("own.example",)).allow(url) is allowed


@pytest.mark.parametrize(
    "rules", ["", " , ", "https://a.example", "a.example/path", "*", "*.*.example", "user@a.example"]
)
def test_rules_that_can_not_be_read_are_refused(rules: str) -> None:
    with pytest.raises(InvalidInput):
        Hosts.of({"RECONCILE_ALLOW_HOSTS": rules}, ())


@pytest.mark.parametrize(
    "url", ["https://a@b.example/", "https://a\\b.example/", "https:///x", "ftp://a.example", "//a"]
)
def test_addresses_that_can_be_read_in_two_ways_have_no_host(url: str) -> None:
    assert not Hosts(("a.example", "b.example")).allow(url)
    with pytest.raises(ValueError, match=r"address|host"):
        dialled(url)


# Where the state may be


@pytest.mark.parametrize(
    ("rules", "where", "allowed"),
    [
        ("file:", "file:.reconcile/x.json", True),
        ("file:.reconcile/", "file:elsewhere/x.json", False),
        ("s3://ours/", "file:.reconcile/x.json", False),
        ("s3://ours/", "s3://ours/team/state.json", True),
        ("s3://ours/team/", "s3://ours/team/state.json", True),
        ("s3://ours/team/", "s3://ours/teams/state.json", False),
        ("s3://ours/team/", "s3://ours/team/../other/state.json", False),
        ("s3://ours/team/", "s3://ours/team/%2e%2e/other/state.json", False),
        ("s3://ours/team/state.json", "s3://ours/team/state.json", True),
        ("s3://ours/team/state.json", "s3://ours/team/state.json.other", False),
        ("s3://ours/team/state*", "s3://ours/team/state.staging.json", True),
        ("s3://ours/", "s3://theirs/state.json", False),
        ("s3://ours/", "gs://ours/state.json", False),
        ("s3://ours/", "s3://ours/state.json?endpoint=https://evil.example", False),
        ("s3://ours/", "s3://ours/state.json?endpoint=http://127.0.0.1:9/", False),
        ("s3://ours/,https://minio.example/", "s3://ours/state.json?endpoint=https://minio.example", True),
        (
            "s3://ours/,https://minio.example/",
            "s3://ours/s.json?endpoint=https://minio.example&endpoint=https://e.example",
            False,
        ),
        ("https://states.example/team/", "https://states.example/team/x", True),
        ("https://states.example/team/", "https://user:pass@states.example/team/x", True),
        ("https://states.example/team/", "https://states.example@evil.example/team/x", False),
        ("https://states.example/team/", "https://states.example.:443/team/x", True),
        ("https://states.example/team/", "https://states.example:444/team/x", False),
        ("https://states.example/team/", "http://states.example/team/x", False),
        ("https://*.example/team/", "https://a.b.example/team/x", False),
        ("postgresql://db.example/states", "postgresql://u:p@db.example/states", True),
        ("postgresql://db.example/states", "postgres://u:p@DB.example:5432/states?sslmode=verify-full", True),
        ("postgresql://db.example/states", "postgresql://db.example:5433/states", False),
        ("postgresql://db.example/states", "postgresql://db.example/others", False),
        ("postgresql://db.example/states", "postgresql://db.example,evil.example/states", False),
        ("postgresql://db.example/states", "postgresql://db.example:5432,db.example:6432/states", False),
        ("postgresql://db.example/states", "postgresql://db.example/states?host=evil.example", False),
        ("postgresql://db.example/states", "postgresql://db.example/states?hostaddr=203.0.113.9", False),
        ("postgresql://db.example/states", "postgresql://db.example/states?service=evil", False),
        ("postgresql://db.example/states", "postgresql://db.example/states?port=6432", False),
        ("postgresql://db.example/states", "postgresql://db.example/states?dbname=others", False),
        ("postgresql://db.example/states", "postgresql:///states?host=db.example", True),
    ],
)
def test_where_a_state_may_be(rules: str, where: str, allowed: bool) -> None:
    environ = {"RECONCILE_ALLOW_STATE": rules}
    if allowed:
        check(where, environ)
    else:
        with pytest.raises(InvalidInput, match="may not be at"):
            check(where, environ)


def test_a_state_that_is_moved_is_refused_before_anything_is_contacted(
    project: Project, dials: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECONCILE_ALLOW_STATE", "https://states.example/team/")
    for state in ("https://evil.example/team/x", "file:x.json", "postgresql://evil.example/x", "s3://evil/x"):
        project.write("reconcile.yaml", f"{PROJECT}state: {state}\n")
        for arguments in (["plan"], ["apply", "--auto-approve"], ["state", "list"], ["validate"]):
            result = project.run(*arguments)
            assert result.code == 1, result
            assert "RECONCILE_ALLOW_STATE" in result.err
    assert dials == []
    for rules in ("", "x", "ftp://a/", "https://a.example/?q", "s3:bucket", "https://u@a.example/"):
        monkeypatch.setenv("RECONCILE_ALLOW_STATE", rules)
        assert project.run("plan").code == 1


# Rows of a contract


@pytest.mark.parametrize(
    "row",
    [
        "op.campaign.update: 'POST /campaign/{campaignId}/initiate'",
        "op.campaign.update: 'POST /Campaign/{campaignId}/Initiate/'",
        "op.campaign.update: 'POST /campaign/{campaignId}/%69nitiate'",
        "op.campaign.update: 'POST /campaign/{campaignId}/x/../initiate'",
        "op.campaign.update: 'PUT /campaign/{campaignId}/initiate'",
        "op.campaign.update: 'DELETE /campaign/{campaignId}'",
        "op.campaign.update: 'POST /campaign/7/initiate'",
        "op.group.list: 'POST /group/{page}/cleardown'",
        "op.group.count: 'POST /group/{groupId}/cleardown'",
        "op.group.get: 'DELETE /group/{groupId}'",
        "op.group.get: 'POST /groups/{groupId}'",
        "op.datafeed.fetch: 'GET /datafeed/latest'",  # acknowledges a batch
        "op.group.update: 'PUT /email/{groupId}'",
        "v.campaignStatus: [Finished, Queued, Active, InSetup]",
        "v.campaignStatus: [InSetup, active, Queued2, Finished]",
        "v.contactState: [Updated, Inserted, Unchanged]",
        "f.group.name: description",
        "f.campaign.fromName: replyTo",
        "f.campaign.id: Group",
    ],
)
def test_a_row_of_a_contract_renames_and_never_rebinds(project: Project, dials: list[str], row: str) -> None:
    project.write("reconcile.yaml", REAL.replace(TOKEN, f"contract: {{{row}}}"))
    result = project.run("plan")
    assert result.code == 1
    assert "wrong-value" in result.err, result.err
    assert row.partition(":")[0] in result.err
    assert dials == []


@pytest.mark.parametrize(
    "row",
    [
        "op.campaign.update: 'POST /campaigns/{campaignId}/update'",
        "op.campaign.get: 'GET /v2/campaign/{campaignId}'",
        "op.campaign.update: 'PATCH /campaign/{campaignId}'",
        "op.campaign.initiate: 'PUT /campaign/{campaignId}/queue'",
        "op.datafeed.ack: 'POST /datafeed/{batchIdentifier}/processed'",
        "v.campaignStatus: [Setup, Waiting, Running, Done]",
        "f.group.name: groupName",
    ],
)
def test_a_row_of_a_contract_may_rename(project: Project, row: str) -> None:
    project.write("reconcile.yaml", REAL.replace(TOKEN, f"contract: {{{row}}}"))
    assert project.run("validate").code == 0
