"""The project file and the environment -> Settings."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from reconcile.cli.policies import parse_duration
from reconcile.cli.settings import Settings, load_settings
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.model.policy import Policy, Sends
from reconcile.model.settings import Secret

PROJECT = """\
version: 1
providers:
  squalomail:
    type: squalomail
    url: "sandbox:"
    apiKey: "${env.SQUALOMAIL_API_KEY}"
    account: "4711"
    limits: {concurrency: 2, requestsPerSecond: 7}
variables: {suffix: "", count: 3, must: null}
defaults: {squalomail: {campaign: {fromName: Example, language: it}}}
environments:
  staging:
    providers: {squalomail: {apiKey: "${env.STAGING_KEY}", account: "4712"}}
    variables: {suffix: " (test)"}
    defaults: {squalomail: {campaign: {language: en}}}
    policy: {sends: deny}
  quiet:
policy: {freeze: 45m, maxDeletePercent: 12.5, maxDeleteCount: 3, sends: ask, planExpiry: 2d, importWait: 90s}
"""
ACCOUNT = '{type: squalomail, url: "sandbox:"}'
MINIMAL = f"version: 1\nproviders: {{squalomail: {ACCOUNT}}}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def read(
    root: Path,
    text: str,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    (root / "reconcile.yaml").write_text(text, encoding="utf-8")
    return load_settings(root, environment=environment, variables=variables or {}, environ=environ or {})


def refused(
    root: Path,
    text: str,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[Diagnostic]:
    with pytest.raises(InvalidInput) as caught:
        read(root, text, environment, variables, environ)
    return list(caught.value.diagnostics)


def told(root: Path, text: str, environment: str | None = None) -> list[tuple[str, str]]:
    return [(one.code, where(one)) for one in refused(root, text, environment)]


def where(finding: Diagnostic) -> str:
    return str(finding.location).removeprefix("reconcile.yaml:") if finding.location else ""


def test_settings_of_no_account_are_told_alike_wherever_one_stands(root: Path) -> None:
    text = MINIMAL + "environments: {x: {providers: {squalo: {url: 'sandbox:'}}}}\n"
    assert told(root, text, "x") == told(root, text) == [("unknown-provider", "3:32")]


def test_a_project_file_becomes_settings(root: Path) -> None:
    settings = read(root, PROJECT)
    account = settings.providers["squalomail"]
    assert (account.alias, account.type, account.url, account.account) == (
        "squalomail",
        "squalomail",
        "sandbox:",
        "4711",
    )
    assert (account.concurrency, account.requests_per_second, account.extra) == (2, 7.0, {})
    assert account.is_sandbox
    assert account.sandbox == root / ".reconcile/default/sandbox.sqlite"
    assert settings.state == root / ".reconcile/default/state.json"
    assert settings.folder == root / ".reconcile/default"
    assert settings.variables == {"suffix": "", "count": 3, "must": None}
    assert settings.environments == ("staging", "quiet")
    assert settings.policy == Policy(2700.0, 12.5, 3, sends=Sends.ASK, plan_expiry=172800.0, import_wait=90.0)
    assert settings.registry().providers.keys() == {"squalomail"}
    assert settings.warnings == ()


def test_what_is_left_out_has_a_default(root: Path) -> None:
    settings = read(root, MINIMAL)
    account = settings.providers["squalomail"]
    assert (account.account, account.credentials, account.concurrency, account.requests_per_second) == (
        None,
        {},
        4,
        5.0,
    )
    assert settings.policy == Policy()
    assert settings.variables == {}


def test_an_environment_is_merged_member_by_member(root: Path) -> None:
    settings = read(root, PROJECT, "staging", environ={"STAGING_KEY": "k"})
    account = settings.providers["squalomail"]
    assert (account.account, account.concurrency) == ("4712", 2)
    assert account.credentials["apiKey"].reveal() == "k"
    assert settings.variables == {"suffix": " (test)", "count": 3, "must": None}
    assert settings.policy == Policy(2700.0, 12.5, 3, sends=Sends.DENY, plan_expiry=172800.0, import_wait=90.0)
    assert settings.state == root / ".reconcile/staging/state.json"
    assert account.sandbox == root / ".reconcile/staging/sandbox.sqlite"
    assert settings.environment == "staging"


@pytest.mark.parametrize("name", [None, "default"])
def test_no_environment_is_the_default_one(root: Path, name: str | None) -> None:
    assert read(root, PROJECT, name).environment is None


def test_an_empty_environment_still_has_a_state_of_its_own(root: Path) -> None:
    assert read(root, PROJECT, "quiet").state == root / ".reconcile/quiet/state.json"


@pytest.mark.parametrize(
    ("declared", "default", "staging"),
    [
        (None, ".reconcile/default/state.json", ".reconcile/staging/state.json"),
        ("file:.reconcile/default/state.json", ".reconcile/default/state.json", ".reconcile/staging/state.json"),
        ("file:states/mail.json", "states/mail.json", "states/mail.staging.json"),
        ("file:plain", "plain", "plain.staging"),
        ("file:///var/x/s.json", "/var/x/s.json", "/var/x/s.staging.json"),
    ],
)
def test_environments_never_share_a_state_by_accident(
    root: Path, declared: str | None, default: str, staging: str
) -> None:
    text = MINIMAL + (f"state: {declared}\n" if declared else "") + "environments: {staging: {}}\n"
    assert read(root, text).state == root / default
    assert read(root, text, "staging").state == root / staging


def test_an_environment_may_name_its_state_and_its_sandbox(root: Path) -> None:
    text = (
        MINIMAL.replace("sandbox:", "sandbox:x.sqlite")
        + "state: file:a.json\nenvironments:\n  one: {state: file:b.json}\n"
    )
    text += '  two: {providers: {squalomail: {url: "sandbox:y.sqlite"}}}\n'
    assert read(root, text, "one").state == root / "b.json"
    assert read(root, text, "one").providers["squalomail"].sandbox == root / "x.one.sqlite"
    assert read(root, text, "two").state == root / "a.two.json"
    assert read(root, text, "two").providers["squalomail"].sandbox == root / "y.sqlite"


# Variables


def test_variables_are_given_by_options_then_by_the_environment_then_by_the_file(root: Path) -> None:
    environ = {"RECONCILE_VAR_suffix": "env", "RECONCILE_VAR_COUNT": "8", "RECONCILE_VAR_unknown": "x"}
    assert read(root, PROJECT, environ=environ).variables == {"suffix": "env", "count": "8", "must": None}
    found = read(root, PROJECT, "staging", {"suffix": "opt", "must": "m"}, environ).variables
    assert found == {"suffix": "opt", "count": "8", "must": "m"}


def test_an_unknown_variable_is_an_error_with_the_nearest_name(root: Path) -> None:
    (finding,) = refused(root, PROJECT, variables={"sufix": "x"})
    assert (finding.code, finding.hint) == ("unknown-variable", 'Did you mean "suffix"?')


def test_variables_may_come_from_the_environment_but_not_from_one_another(root: Path) -> None:
    assert read(root, MINIMAL + 'variables: {a: "x${env.A:-y}"}\n').variables == {"a": "xy"}
    assert told(root, MINIMAL + 'variables: {a: "x", b: "${var.a}"}\n') == [("wrong-expression", "3:24")]
    assert told(root, MINIMAL + 'variables: {a: "${env.A}"}\n') == [("unset-environment", "3:17")]


def test_expressions_are_evaluated_in_settings(root: Path) -> None:
    text = """\
version: 1
providers:
  squalomail:
    type: squalomail
    url: "${env.URL:-sandbox:}"
    account: "${var.app}"
    limits: {concurrency: "${env.N}"}
variables: {app: "4711"}
policy: {freeze: "${env.FREEZE:-2h}", maxDeleteCount: "${env.N}"}
"""
    settings = read(root, text, environ={"N": "3"})
    account = settings.providers["squalomail"]
    assert (account.url, account.account, account.concurrency) == ("sandbox:", "4711", 3)
    assert (settings.policy.freeze, settings.policy.max_delete_count) == (7200.0, 3)
    findings = refused(root, text)
    assert [(one.code, where(one), [str(other) for other in one.others]) for one in findings] == [
        ("unset-environment", "7:28", ["reconcile.yaml:9:56"])
    ]


# Credentials

REAL = MINIMAL.replace('"sandbox:"', "https://api.squalomail.com/v1, apiKey: KEY")


def test_credentials_are_read_only_when_they_are_revealed(root: Path) -> None:
    secret = read(root, REAL.replace("KEY", '"a${env.KEY}"')).providers["squalomail"].credentials["apiKey"]
    with pytest.raises(InvalidInput) as caught:
        secret.reveal()
    (finding,) = caught.value.diagnostics
    assert (finding.code, where(finding)) == ("unset-environment", "2:90")
    found = read(root, REAL.replace("KEY", '"${env.KEY}"'), environ={"KEY": "hunter2"})
    secret = found.providers["squalomail"].credentials["apiKey"]
    assert secret.reveal() == "hunter2"
    for shown in (repr(secret), str(secret), f"{secret}", repr(found), str(found.providers)):
        assert "hunter2" not in shown
    assert isinstance(secret, Secret)


def test_an_empty_credential_is_none(root: Path) -> None:
    found = read(root, REAL.replace("KEY", '"${env.KEY}"'), environ={"KEY": ""})
    with pytest.raises(InvalidInput) as caught:
        found.providers["squalomail"].credentials["apiKey"].reveal()
    assert caught.value.diagnostics[0].code == "empty-credential"


@pytest.mark.parametrize("value", ["x", "KEY", "a" * 5])
def test_a_secret_that_is_too_short_to_be_one_is_refused_unseen(root: Path, value: str) -> None:
    """One as short could not be masked everywhere; emulators on this machine take any."""
    text = REAL.replace("KEY", '"${env.KEY}"')
    found = read(root, text, environ={"KEY": value})
    with pytest.raises(InvalidInput) as caught:
        found.providers["squalomail"].credentials["apiKey"].reveal()
    (finding,) = caught.value.diagnostics
    assert finding.code == "short-credential"
    assert f'"{value}"' not in finding.detail
    assert read(root, text, environ={"KEY": "a" * 6}).providers["squalomail"].credentials["apiKey"].reveal() == "a" * 6
    local = text.replace("https://api.squalomail.com/v1", "http://127.0.0.1:8025/v1")
    assert local != text
    assert read(root, local, environ={"KEY": value}).providers["squalomail"].credentials["apiKey"].reveal() == value


def test_a_credential_in_the_file_is_warned_about_without_showing_it(root: Path) -> None:
    settings = read(root, REAL.replace("KEY", "hunter2"))
    (warning,) = settings.warnings
    assert (warning.code, warning.severity, where(warning)) == ("literal-credential", "warning", "2:88")
    assert "hunter2" not in str(warning)
    assert settings.providers["squalomail"].credentials["apiKey"].reveal() == "hunter2"
    assert read(root, MINIMAL.replace('"sandbox:"', '"sandbox:", apiKey: x')).warnings == ()


def test_an_expression_in_a_credential_is_checked_at_once(root: Path) -> None:
    assert told(root, REAL.replace("KEY", '"${evn.KEY}"')) == [("wrong-expression", "2:89")]
    assert told(root, REAL.replace("KEY", '"${var.key}"')) == [("unknown-variable", "2:89")]


def test_a_real_platform_needs_credentials(root: Path) -> None:
    (finding,) = refused(root, REAL.replace(", apiKey: KEY", ""))
    assert (finding.code, where(finding)) == ("missing-attribute", "2:13")
    assert "${env.NAME}" in finding.detail


# Refusals


def account(members: str) -> str:
    return f"version: 1\nproviders: {{squalomail: {{{members}}}}}\n"


REFUSALS = {
    "": [("missing-attribute", "1:1"), ("missing-attribute", "1:1")],
    "version: 1\n": [("missing-attribute", "1:1")],
    MINIMAL.replace("version: 1\n", ""): [("missing-attribute", "1:1")],
    MINIMAL.replace("1", "2", 1): [("wrong-value", "1:10")],
    MINIMAL.replace("1", "true", 1): [("wrong-type", "1:10")],
    MINIMAL + "provider: {}\n": [("unknown-attribute", "3:1")],
    "version: 1\nproviders: []\n": [("wrong-type", "2:12")],
    "version: 1\nproviders: {a b: {}}\n": [("missing-attribute", "2:13"), ("wrong-value", "2:13")],
    "version: 1\nproviders: {a: 5}\n": [("wrong-type", "2:16")],
    account('url: "sandbox:"'): [("missing-attribute", "2:13")],
    account('type: 5, url: "sandbox:"'): [("wrong-type", "2:32")],
    account('type: squalomial, url: "sandbox:"'): [("unknown-provider-type", "2:32")],
    account('type: gatormail, url: "sandbox:"'): [("missing-attribute", "2:13")],
    account("type: squalomail"): [("missing-attribute", "2:13")],
    account("type: squalomail, url: http://api.example"): [("wrong-value", "2:49")],
    account("type: squalomail, url: ftp://localhost"): [("wrong-value", "2:49")],
    account("type: squalomail, url: https://user@api.example"): [("wrong-value", "2:49")],
    account("type: squalomail, url: https://api.example/?a=b, apiKey: x"): [("wrong-value", "2:49")],
    account('type: squalomail, url: "sandbox:", account: 4711'): [("wrong-type", "2:70")],
    account('type: squalomail, url: "sandbox:", acount: x'): [("unknown-attribute", "2:61")],
    account('type: squalomail, url: "sandbox:", clientId: x'): [("unknown-attribute", "2:61")],
    account('type: squalomail, url: "sandbox:", limits: {concurrency: 17}'): [("wrong-value", "2:83")],
    account('type: squalomail, url: "sandbox:", limits: {requestsPerSecond: 0}'): [("wrong-value", "2:89")],
    MINIMAL + "state: ftp://bucket/x\n": [("wrong-value", "3:8")],
    MINIMAL + "state: a/b.json\n": [("wrong-value", "3:8")],
    MINIMAL + "variables: {a: [1], 1b: x}\n": [("wrong-value", "3:21")],
    MINIMAL + "policy: {freeze: 29m}\n": [("freeze-too-short", "3:18")],
    MINIMAL + "policy: {freeze: 60}\n": [("wrong-type", "3:18")],
    # What only shows beside values that are sound is told beside ones that are not, too.
    MINIMAL + "policy: {freeze: 29m, sends: maybe}\n": [("freeze-too-short", "3:18"), ("wrong-value", "3:30")],
    MINIMAL + "checks: {plain-txt: off, plain-text: loud}\n": [("unknown-check", "3:10"), ("wrong-value", "3:38")],
    account("type: squalomail, url: https://api.squalomail.com/v1, was: x"): [
        ("missing-attribute", "2:13"),
        ("wrong-type", "2:85"),
    ],
    account('type: gatormail, url: "sandbox:", timezone: Roma, contract: {op.x: a, f.contact.emailLogin: 3}'): [
        ("missing-attribute", "2:13"),
        ("wrong-value", "2:60"),
        ("wrong-value", "2:87"),
        ("wrong-type", "2:118"),
    ],
    MINIMAL + "policy: {freeze: 1h30m}\n": [("wrong-value", "3:18")],
    MINIMAL + "policy: {sends: maybe, maxDeletePercent: 101}\n": [("wrong-value", "3:17"), ("wrong-value", "3:42")],
    MINIMAL + "policy: {freez: 60m}\n": [("unknown-attribute", "3:10")],
    MINIMAL + "environments: {default: {}}\n": [("wrong-name", "3:16")],
    MINIMAL + "environments: {a b: {}}\n": [("wrong-value", "3:16")],
    MINIMAL + "environments: {x: 5, y: {polcy: {}}}\n": [("wrong-type", "3:19"), ("unknown-attribute", "3:26")],
    MINIMAL + "environments: {x: {providers: {squalo: {url: 'sandbox:'}}}}\n": [("unknown-provider", "3:32")],
    MINIMAL + "environments: {x: {providers: {squalomail: {url: 5, acc: x}}}}\n": [
        ("wrong-type", "3:50"),
        ("unknown-attribute", "3:53"),
    ],
    MINIMAL + "environments: {x: {policy: {freeze: 5}, variables: {a: '${bad}'}}}\n": [
        ("wrong-type", "3:37"),
        ("unknown-variable", "3:53"),
        ("wrong-expression", "3:57"),
    ],
    "version: 1\nversion: 1\nproviders: {}\n": [("duplicate-key", "2:1")],
    "providers: [\n": [("yaml-syntax", "2:1")],
    "- a\n": [("not-a-mapping", "1:1")],
}


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(root: Path, text: str) -> None:
    findings = refused(root, text)
    assert [(one.code, where(one)) for one in findings] == REFUSALS[text]
    for one in findings:
        assert one.detail.endswith((".", '."'))


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        (MINIMAL + "polcy: {}\n", "polcy", 'Did you mean "policy"?'),
        (account('type: squalomial, url: "sandbox:"'), "no platform", 'Did you mean "squalomail"?'),
        (
            account('type: gatormail, url: "sandbox:", instance: x, contract: {op.campaing.get: GET /x}'),
            'no row "op.campaing.get"',
            'Did you mean "op.campaign.get"?',
        ),
        (
            account('type: gatormail, url: "sandbox:", instance: x, contract: {op.group.get: "GET /group/{id}"}'),
            "its variables are {groupId}",
            None,
        ),
        (
            account('type: gatormail, url: "sandbox:", instance: x, contract: {v.bounceType: [a, b]}'),
            "takes 3 different texts, for Hard, Soft, Other",
            None,
        ),
        (
            account('type: gatormail, url: "sandbox:", instance: x, timezone: Europe/Londn'),
            'no time zone "Europe/Londn"',
            'Did you mean "Europe/London"?',
        ),
        *(
            (account(f'type: gatormail, url: "sandbox:", instance: x, timezone: "{zone}"'), "no time zone", hint)
            for zone, hint in {
                "london": 'Did you mean "Europe/London"?',
                "America/New York": 'Did you mean "America/New_York"?',
                "Europe/London ": 'Did you mean "Europe/London"?',
                "+01:00": "Such as Europe/London.",
                # Another zone on each machine, or none at all.
                "localtime": "Such as Europe/London.",
                "posix/Europe/Rome": 'Did you mean "Europe/Rome"?',
            }.items()
        ),
        (account("type: squalomail, url: http://api.example"), "http:// to this machine only", None),
        (MINIMAL + "state: ftp://bucket/x\n", "it takes file:PATH, s3://BUCKET/KEY", None),
        (MINIMAL + "policy: {freeze: 29m}\n", "up to 20 minutes early", None),
        (MINIMAL + "policy: {freeze: 60}\n", "takes text", "Here it takes a number and a unit: 90s, 60m, 24h or 2d."),
        (MINIMAL + "environments: {x: {providers: {squalomial: {}}}}\n", "no provider", 'Did you mean "squalomail"?'),
    ],
)
def test_messages_say_the_way_out(root: Path, text: str, part: str, hint: str | None) -> None:
    (finding,) = refused(root, text)
    assert part in finding.detail
    assert hint is None or finding.hint == hint


def test_everything_wrong_is_told_in_one_run(root: Path) -> None:
    text = account('type: squalomail, url: x, acount: "1"') + "policy: {sends: 5}\nvariables: []\nstate: 7\n"
    assert [code for code, _ in told(root, text, "nowhere")] == [
        "unknown-environment",
        "wrong-value",
        "unknown-attribute",
        "wrong-value",
        "wrong-type",
        "wrong-type",
    ]


def test_an_unknown_environment_names_the_nearest(root: Path) -> None:
    (finding,) = refused(root, PROJECT, "stagin")
    assert (finding.code, finding.hint) == ("unknown-environment", 'Did you mean "staging"?')
    (finding,) = refused(root, PROJECT, "zzz")
    assert finding.hint == "The project's environments are: quiet, staging."


def test_no_project_file_names_the_ways_out(root: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_settings(root, environment=None, variables={}, environ={})
    (finding,) = caught.value.diagnostics
    assert str(root) in finding.detail
    assert finding.hint is not None
    assert "reconcile init" in finding.hint
    assert "-C DIR" in finding.hint


def test_no_message_shows_a_value_of_the_environment(root: Path) -> None:
    secret = "hunter2-hunter2"
    for member in ('account: "${env.S}x", limits: {concurrency: "${env.S}"}', 'url: "${env.S}"', 'type: "${env.S}"'):
        text = account(f'type: squalomail, url: "sandbox:", {member}')
        for name in ("type", "url"):
            if member.startswith(name):
                text = text.replace({"type": "type: squalomail, ", "url": 'url: "sandbox:", '}[name], "")
        assert secret not in str(refused(root, text, environ={"S": secret}))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("60m", 3600), ("24h", 86400), ("2d", 172800), ("0s", 0)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
