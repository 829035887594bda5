"""Every setting that signs us in, each way to give it, a platform that repeats it in six encodings, every command.

Nothing that we print, keep or write for somebody has it, but for the file in which it was given. Each platform's
account has objects whose texts repeat the credentials; then it refuses everything and repeats them in that.
"""

import base64
import html
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, quote

import httpx
import pytest

from reconcile.cli.commands import abouts
from reconcile.engine.intents import Patience
from reconcile.model.settings import credentials_of
from reconcile.providers import built_in
from reconcile.providers.transport import Pace
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.server import Server
from tests.budget import CHAOS
from tests.cli.conftest import COMMANDS, PROJECT, Project

# Each has what an encoding writes otherwise, and nothing that stands elsewhere.
SETTINGS = {
    "squalomail": {"apiKey": 'sqk~?>/Q1+w=e&"z<Vo73'},
    "gatormail": {
        "clientSecret": 'gcs~?>/R2+t=y&"x<Ju19',
        "password": 'gpw~?>/K3+p=o&"c<Nb64',
        "refreshToken": 'grt~?>/M4+l=k&"v<Xa82',
    },
}
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HTML": html.escape,
}
RENEWED = 'new~?>/P5+l=k&"v<Zc51'
MARK = "echo-of-all"
ENTRIES = {
    "squalomail": f"""\
squalomail:
  lists:
    news: {{name: News, description: {MARK}}}
  campaigns:
    hello: {{subject: Hello {MARK}, body: <p>{MARK}</p>, lists: [news]}}
""",
    "gatormail": f"""\
gatormail:
  groups:
    news: {{name: News {MARK}}}
  campaigns:
    hello:
      name: Hello
      subject: Hello {MARK}
      fromAddress: hello@example.com
      startDate: 2099-05-01T09:00:00+01:00
      group: news
      email: {{html: "<p>{MARK}</p>"}}
""",
}
ACCOUNTS = {
    "squalomail": {"url": "URL/squalomail/v1", "account": "4711"},
    "gatormail": {
        "url": "URL/gatormail",
        "tokenUrl": "URL/oauth/core/connect/token",
        "instance": "acme_lz",
        "timezone": "Europe/London",
        "clientId": "an-id",
        "username": "a-user",
    },
}
# What each command is given where there is something to be said; `{}` is the platform, `@` the folder.
LINES = """
validate -vv --sarif @/out/v.sarif --junit @/out/v.xml
plan -vv --sarif @/out/p.sarif --junit @/out/p.xml --page @/out/page -o @/out/p.plan
plan --format json
plan --format markdown
plan --format html
show @/out/p.plan --page @/out/shown
show @/out/p.plan --format json
snapshot -o @/out/live.json
plan --live @/out/live.json
drift -vv --format json
drift --format markdown
unmanaged
unmanaged --format json
export @/out/exported
accept {}.campaign.hello.subject --reason because
api {} OPERATION
render {}.campaign.hello
graph
schema -o @/out/schemas
diff default staging
promote default staging {}.campaign.hello
doctor {} -vv --record @/out/record.har
schema-requests gatormail
event {} thanks --auto-approve --allow-send
datafeed pull --to @/out/feed.jsonl --auto-approve
audience forget --all
adopt
import {}.campaign.hello 1
apply --auto-approve -vv
apply @/out/p.plan
pull
plan --detailed-exitcode -vv
apply --auto-approve -vv --overwrite-drift
fmt
state list
state show {}.campaign.hello
state pull
history
history --format json
state rebuild --auto-approve
destroy --auto-approve --allow-delete 9 --overwrite-drift
"""
# What looks at no project's accounts, or goes on until it is stopped; `ci` and `fleet` are looked at apart.
APART = {"init", "completion", "demo", "sandbox", "preview", "ci", "fleet"}
OPERATION = {"squalomail": "get-lists-details", "gatormail": "gatormail_getCampaigns"}
# In the sample each setting is given one way, in the whole both.
WAYS = [
    (platform, renewing, way)
    for platform, renewing in (("squalomail", False), ("gatormail", False), ("gatormail", True))
    for way in ("environment", "file")
    if CHAOS or (way == "file") is renewing
]
REFUSALS = (
    *((status, False) for status in (200, 301, 400, 401, 403, 429, 500, 502)),
    *((400, True), (401, True), (503, True)),
)
_HASTY = tuple(getattr(Pace(attempts=1, wait=0.0, longest_wait=0.001), field.name) for field in fields(Pace))


class Parrot(Sandbox):
    """An emulator whose answers say the credentials where a text has the mark, or that says them in a refusal."""

    aloud = False
    refusal: int | None = None
    at_token = False  # whether it is the sign-in that is refused
    renews = False
    secrets: dict[str, str]
    token = ""

    def forms(self) -> Iterator[tuple[str, str]]:
        for name, value in {**self.secrets, "token": self.token}.items():
            for encoding, written in ENCODINGS.items() if value else ():
                yield f"{name}, {encoding}", written(value)

    def handle(self, request: httpx.Request) -> httpx.Response:
        signing_in = "/oauth/" in request.url.path
        if "Bearer" in request.headers.get("Authorization", ""):
            self.token = request.headers["Authorization"].removeprefix("Bearer ")
        told = " ".join(form for _, form in self.forms())
        if self.refusal is not None and self.at_token is signing_in:
            return self._refused(self.refusal, told)
        if signing_in and self.renews:
            return self._renewed(request)
        answer = super().handle(request)
        if not self.aloud or MARK.encode() not in answer.content:
            return answer
        content = answer.content.replace(MARK.encode(), json.dumps(told)[1:-1].encode())
        return httpx.Response(answer.status_code, content=content, headers={"Content-Type": "application/json"})

    def _refused(self, status: int, told: str) -> httpx.Response:
        members = {"errorCode": 9, "errorMessage": told, "message": told, "modelState": {told: [told]}}
        members |= {"error": "invalid_grant", "error_description": told}
        headers = {"X-Echo": told, "Retry-After": told, "Location": f"http://x.example/{quote(told)}"}
        if status == 502:
            return httpx.Response(status, html=f"<p>{told}</p>", headers=headers)
        return httpx.Response(status, json=members, headers=headers)

    def _renewed(self, request: httpx.Request) -> httpx.Response:
        """The service takes any refresh token, and gives another one for it."""
        given = {"grant_type": "password", "username": "a-user", "password": "any"} | {
            "scope": parse_qs(request.content.decode())["scope"][0]
        }
        headers = {"Authorization": request.headers["Authorization"]}
        answer = super().handle(httpx.Request("POST", request.url, data=given, headers=headers))
        return httpx.Response(answer.status_code, json={**answer.json(), "refresh_token": RENEWED})


class Watch:
    """A project on a platform, and what may stand nowhere."""

    def __init__(self, root: Path, platform: str, parrot: Parrot) -> None:
        self.project, self.platform, self.parrot = Project(root), platform, parrot
        (root / "out").mkdir(parents=True)

    def settle(self, url: str, given: dict[str, str]) -> None:
        members = {"type": self.platform, **ACCOUNTS[self.platform], **given, "limits": {"requestsPerSecond": 1000}}
        content = {"version": 1, "providers": {self.platform: members}, "environments": {"staging": {}}}
        content["policy"] = {"importWait": "1s"}
        self.project.write("reconcile.yaml", json.dumps(content).replace("URL", url))

    def lines(self) -> Iterator[list[str]]:
        for line in LINES.strip().splitlines():
            words = line.replace("{}", self.platform).replace("@", str(self.project.root)).split()
            yield [OPERATION[self.platform] if word == "OPERATION" else word for word in words]

    def run(self, words: list[str]) -> int:
        self.parrot.token = ""  # of the run before, which this one can't know
        result = self.project.run(*words)
        what = " ".join(words)
        assert "Traceback" not in result.err, what
        assert "error[internal]" not in result.err, (what, result.err)
        self.look(result.out, f"stdout of {what}")
        self.look(result.err, f"stderr of {what}")
        return result.code

    def look_at_files(self, what: str) -> None:
        for path in self.project.root.rglob("*"):
            if path.is_file() and path.name not in ("reconcile.yaml", "gatormail.refresh-token"):
                self.look(path.read_bytes().decode("utf-8", "replace"), f"{path} after {what}")

    def look(self, text: str, where: str) -> None:
        for form, written in list(self.parrot.forms()):
            # Of base64, the last characters may depend on what stands after.
            written = written.rstrip("=")[:-1] if "base64" in form else written
            assert written not in text, f"{form} in {where}: {text[max(text.index(written) - 200, 0) :][:500]}"


def test_every_setting_that_signs_us_in_is_here() -> None:
    for name, provider in built_in().items():
        marks = credentials_of(provider.settings)
        assert set(SETTINGS[name]) == {member for member, mark in marks.items() if mark.secret}


def test_every_command_is_here(tmp_path: Path) -> None:
    assert {line.split()[0] for line in LINES.strip().splitlines()} | APART == set(COMMANDS)
    assert set(abouts(tmp_path)) <= set(COMMANDS)


@contextmanager
def watched(
    platform: str, way: str, root: Path, monkeypatch: pytest.MonkeyPatch, *, renewing: bool = False
) -> Iterator[Watch]:
    monkeypatch.setattr(Pace.__init__, "__defaults__", _HASTY)
    monkeypatch.setattr(Patience.__init__, "__defaults__", ((0.0, 0.0), time.sleep))
    monkeypatch.setenv("RECONCILE_KEY", "0" * 64)
    given, secrets = {}, {}
    left_out = "password" if renewing else "refreshToken"
    for number, (name, value) in enumerate(SETTINGS[platform].items()):
        if name != left_out:
            # Under a name that says nothing: what masks it is that it signs us in.
            monkeypatch.setenv(f"GIVEN_{number}", value)
            secrets[name] = value
            given[name] = f"${{env.GIVEN_{number}}}" if way == "environment" else value
    setup = GatorMailSetup(instances=["acme_lz"])
    with Parrot(account="4711", gatormail=setup) as parrot, Server(parrot, port=0) as server:
        parrot.secrets, parrot.renews = secrets | ({"renewed": RENEWED} if renewing else {}), renewing
        watch = Watch(root, platform, parrot)
        watch.settle(server.url, given)
        watch.project.write("manifests/all.yaml", ENTRIES[platform])
        made = watch.project.run("apply", "--auto-approve")
        assert made.code == 0, made.err
        yield watch


@pytest.mark.parametrize(("platform", "renewing", "way"), WAYS if CHAOS else WAYS[:2])
def test_a_platform_whose_texts_repeat_what_signs_us_in(
    platform: str, renewing: bool, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(platform, way, tmp_path / "project", monkeypatch, renewing=renewing) as watch:
        watch.parrot.aloud = True
        codes = [watch.run(words) for words in watch.lines()]
        watch.look_at_files("all commands")
        assert codes.count(0) > len(codes) // 2, list(zip(codes, LINES.strip().splitlines(), strict=True))
        assert "***" in (watch.project.root / "out" / "live.json").read_text()


@pytest.mark.parametrize(("platform", "renewing", "way"), WAYS)
def test_a_platform_that_refuses_and_repeats_what_signs_us_in(
    platform: str, renewing: bool, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watched(platform, way, tmp_path / "project", monkeypatch, renewing=renewing) as watch:
        watch.project.replace("manifests/all.yaml", "News", "Newer")
        for status, at_token in REFUSALS:
            watch.parrot.refusal, watch.parrot.at_token = status, at_token
            for words in watch.lines():
                if words[0] in (("plan", "apply", "drift", "api", "doctor", "snapshot") if CHAOS else ("api",)):
                    watch.run(words)
            watch.run(["apply", "--auto-approve", "-vv"])
        watch.look_at_files("all refusals")


STATE = 'stt~?>/S6+n=k&"m<Qe47'
PASSPHRASE = 'pas~?>/T7+p=k&"m<Wd38'
STATES = {
    "http, the environment": ("http://127.0.0.1:PORT/shop", {"RECONCILE_HTTP_PASSWORD": STATE}),
    "http, the URL": (f"http://anna:{quote(STATE, safe='')}@127.0.0.1:PORT/shop", {}),
    "http, the URL in the environment": ("http://${env.U}@127.0.0.1:PORT/shop", {"U": f"a:{quote(STATE, safe='')}"}),
    "PostgreSQL": (f"postgresql://anna:{quote(STATE, safe='')}@127.0.0.1:1/mail?connect_timeout=2", {}),
    "PostgreSQL, a query": (f"postgresql://127.0.0.1:1/mail?connect_timeout=2&password={quote(STATE, safe='')}", {}),
    "PostgreSQL, the environment": ("postgresql://127.0.0.1:1/mail?connect_timeout=2", {"PGPASSWORD": STATE}),
    "S3": (
        "s3://bucket/key?endpoint=http://127.0.0.1:PORT&region=x",
        {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": STATE, "AWS_SESSION_TOKEN": PASSPHRASE},
    ),
}


class _Refuser(BaseHTTPRequestHandler):
    """Refuses whatever it is asked, and repeats the secrets in that; of a database's protocol it says as much."""

    def answer(self) -> None:
        told = " ".join(written(secret) for secret in (STATE, PASSPHRASE) for written in ENCODINGS.values())
        content = json.dumps({"message": told, "ID": told, "Who": told, "Info": told, "Operation": told}).encode()
        self.send_response(423 if self.command == "LOCK" else 403)
        self.send_header("X-Echo", told)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_LOCK = do_UNLOCK = answer

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("place", STATES)
def test_a_state_s_credentials(place: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    url, environ = STATES[place]
    monkeypatch.setenv("RECONCILE_STATE_KEY", PASSPHRASE)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refuser) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        state = url.replace("PORT", str(server.server_port))
        project.write("reconcile.yaml", f"{PROJECT}state: {json.dumps(state)}\n")
        lines = ("plan -vv", "apply --auto-approve -vv", "drift --format json", "state list", "state unlock", "history")
        for line in lines if CHAOS else lines[:2]:
            result = project.run(*line.split())
            assert result.code != 0, line
            assert "error[internal]" not in result.err, result.err
            for secret in (STATE, PASSPHRASE):
                for encoding, written in ENCODINGS.items():
                    form = written(secret).rstrip("=")[:-1] if "base64" in encoding else written(secret)
                    assert form not in result.out + result.err, (line, encoding, result.err)
        server.shutdown()
    for path in project.root.rglob("*"):
        assert not path.is_file() or path.name == "reconcile.yaml" or STATE not in path.read_text(), path
