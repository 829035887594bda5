"""Nothing that a run prints is obeyed by whoever reads it, and no secret leaves in any way of writing it."""

import base64
import html
import io
import json
import random
import re
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any
from urllib.parse import quote_plus

import httpx
import orjson
import pytest

from reconcile.cli.capture import apart, captured
from reconcile.cli.options import Options, new_options
from reconcile.cli.outlet import Outlet, fit, guarded
from reconcile.masks import MASK, masked
from reconcile.providers.transport import Pace
from tests.budget import CHAOS, examples
from tests.cli.conftest import PROJECT, Project, Result
from tests.runner import commands

HOSTILE = (
    "::error::gone",
    "::add-mask::a",
    " ::stop-commands::x",
    "\t::set-output name=a::b",
    "\u00a0::warning file=a::b",
    "\u3000::group::x",
    "\u2003::debug::x",
    "##[error]gone",
    "a ##[command]b",
    "##vso[task.setvariable variable=a]b",
    "##teamcity[message text='a']",
    "\x1b[31m::error::gone",
    "\x1b]0;title\x07",
    "\x1b[2J",
    "\u009b31m",
    "section_start:1560896352:x\r\x1b[0Kx",
    "\r::error::over",
    "\u2028::error::next",
    "\u202egnol",
    "@everyone <img src=x onerror=alert(1)>",
    "</code></details><script>alert(1)</script>",
    "```\n::error::out of the fence",
    "[a](javascript:alert(1)) ![](https://evil.example/x.png)",
    "| a | b |\n::error::table",
    "\n::error::second line",
    "a\n\n  ::error::third line",
    "::",
    ":::",
    "##[",
    "###[error]x",
)
# The same as ever, but for the attempts and the waits between them.
HASTY = tuple(getattr(Pace(attempts=1, wait=0.0, longest_wait=0.001), each.name) for each in fields(Pace))
FORMATS = ("text", "json", "markdown", "html")


def _texts(number: int, seed: int) -> list[str]:
    """Hostile texts, and mixtures of them."""
    chance = random.Random(seed)
    made = list(HOSTILE)
    while len(made) < number:
        pieces = chance.choices(
            (*HOSTILE, " ", "a", "\n", ":", "#", "[", '"', "\\", "{", "<", "&"), k=chance.randint(2, 5)
        )
        made.append("".join(pieces))
    return made[:number]


def _manifest(texts: list[str]) -> dict[str, object]:
    one_line = [" ".join(text.split()) or "x" for text in texts]
    return {
        "squalomail": {
            "lists": {
                f"l{n}": {"name": f"{text[:200]} {n}", "description": texts[n]} for n, text in enumerate(one_line)
            },
            "campaigns": {
                f"c{n}": {"subject": f"{text[:200]} {n}", "body": f"<p>Body {texts[n]}</p>", "altBody": texts[n]}
                for n, text in enumerate(one_line)
            },
        }
    }


def _outputs(project: Project) -> list[tuple[str, str]]:
    """What commands print; none of them ends with an error, which would be all that is seen."""
    commands = [["validate"], ["graph"], ["state", "pull"], ["state", "list"], ["history"], ["drift"]]
    commands += [["plan", "--format", form] for form in FORMATS] + [["drift", "--format", form] for form in FORMATS[:3]]
    found = []
    for arguments in commands:
        result = project.run(*arguments)
        assert result.code in (0, 2 if "drift" in arguments else 0), (arguments, result.err)
        found.append((" ".join(arguments), result.out + "\n" + result.err))
    return found


# How an API says a text: status and content; a header says it in each.
ERRORS: tuple[tuple[int, Callable[[str], dict[str, Any]]], ...] = (
    (200, lambda text: {"json": {"errorCode": 9, "errorMessage": text}}),
    (400, lambda text: {"json": {"errorCode": 4, "errorMessage": f"no: {text}"}}),
    (400, lambda text: {"json": {"message": text, "modelState": {text: [text]}}}),
    (422, lambda text: {"json": {"errors": [{text: {"message": text, "code": text}}], text: text}}),
    (500, lambda text: {"json": {"error": text}}),
    (502, lambda text: {"html": f"<html>\n{text}</html>"}),
    (400, lambda text: {"text": text}),
    (200, lambda text: {"json": {text: text, "lists": [{"id": text, "name": text, text: 1}], "app_id": text}}),
    (302, lambda text: {"text": text, "headers": {"location": quote_plus(text)}}),
)
_CARRIED = ("x-error", "content-type", "retry-after", "date", "www-authenticate")
# A round has 125 texts as names, subjects and descriptions, bodies, and second bodies; and as errors. In the whole they
# are 2,500 places.
ROUNDS = examples(1, 4)


def _answer(number: int, text: str, shape: int) -> httpx.Response:
    status, content = ERRORS[shape]
    members = content(text)
    carried = {_CARRIED[number % len(_CARRIED)]: text.encode()}
    return httpx.Response(status, **{**members, "headers": {**members.get("headers", {}), **carried}})


def _errors(project: Project, texts: list[str], patch: pytest.MonkeyPatch) -> Iterator[tuple[str, Result]]:
    """What commands print where the API says these texts: each in one shape, in the whole in all."""
    patch.setenv("SQUALOMAIL_API_KEY", "a-very-secret-key")
    patch.setattr(Pace.__init__, "__defaults__", HASTY)
    project.write("reconcile.yaml", PROJECT.replace('"sandbox:"', "http://127.0.0.1:9/v1"))
    project.write("manifests/all.yaml", "squalomail: {lists: {news: {name: News}}}\n")
    for number, text in enumerate(texts):
        for shape in range(len(ERRORS)) if CHAOS else [number % len(ERRORS)]:
            patch.setattr(
                "reconcile.network.Network.handle_request",
                lambda *_, number=number, shape=shape, said=text: _answer(number, said, shape),
            )
            for arguments in (["api", "squalomail", "get-lists-details"], ["drift", "-vv", "--format", "json"]):
                result = project.run(*arguments)
                assert "error[internal]" not in result.err, (text, shape, result.err)
                yield f"{arguments[0]}, error {shape}", result


def test_hostile_texts_are_obeyed_nowhere(project: Project) -> None:
    """In names, subjects, bodies, errors of the API, names of their members, and headers."""
    checked, said = 0, 0
    for seed in range(ROUNDS):
        texts = _texts(125, seed)
        project.write("manifests/all.yaml", json.dumps(_manifest(texts)))
        project.write("reconcile.yaml", PROJECT + "checks: {control-characters: 'off', no-unsubscribe: 'off'}\n")
        project.run("apply", "--auto-approve", "--allow-delete", "1000")
        project.write("manifests/all.yaml", json.dumps(_manifest(_texts(125, seed + 100))))
        for what, output in _outputs(project):
            assert not (found := list(commands(output))), (what, seed, found[:3])
        checked += 4 * len(texts)
        with pytest.MonkeyPatch.context() as patch:
            for what, result in _errors(project, texts, patch):
                assert not (found := list(commands(result.out + "\n" + result.err))), (what, seed, found[:3])
                said += result.code != 0
        checked += len(texts)
    assert checked == 625 * ROUNDS
    assert said > 125 * ROUNDS


def test_errors_are_obeyed_nowhere(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str) -> httpx.Response:
        return httpx.Response(400, json={"errorCode": 4, "errorMessage": f"no good name: {text}"})

    monkeypatch.setenv("SQUALOMAIL_API_KEY", "a-very-secret-key")
    project.replace("reconcile.yaml", '"sandbox:"', "http://127.0.0.1:9/v1")
    for text in HOSTILE:
        monkeypatch.setattr("reconcile.network.Network.handle_request", lambda *_, said=text: refuse(said))
        for form in ("text", "json"):
            for arguments, code, said in (
                (["create-list", f"name={json.dumps(text)}"], 1, "no good name:"),
                (["create-list", f"-{text}"], 64, ""),
                (["create-list", text.replace("=", "")], 64, "is not of the form NAME=VALUE"),
                ([f"no {text}"], 64, "squalomail has no operation"),
            ):
                result = project.run("api", "squalomail", *arguments, "--auto-approve", "--format", form)
                assert result.code == code, (arguments, result.err)
                assert said in result.err, (arguments, result.err)
                assert not (found := list(commands(result.out + "\n" + result.err))), (arguments, found[:3])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_answer_is_obeyed_nowhere(project: Project, monkeypatch: pytest.MonkeyPatch, text: str, status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            status, json={"errorCode": 1, "errorMessage": text, "lists": [{"id": text, "name": text}]}
        )

    monkeypatch.setattr("reconcile.network.Network.handle_request", lambda _, request: answer(request))
    monkeypatch.setattr("reconcile.providers.transport.Transport.rest", lambda *_: None)
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "a-very-secret-key")
    project.replace("reconcile.yaml", '"sandbox:"', "http://127.0.0.1:9/v1")
    for arguments in (["plan"], ["api", "squalomail", "ping"], ["plan", "--format", "json"]):
        result = project.run(*arguments)
        assert not (found := list(commands(result.out + "\n" + result.err))), (arguments, found[:3])


@pytest.mark.parametrize("before", ["", "a\n", "a\n \t", "a\r", "a\n\x1b[31m ", "a "])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_the_same_but_for_what_is_obeyed(text: str, before: str) -> None:
    """Colours are our own, and stay."""
    given = f"{before}{text}\n"
    left = fit(given, Options())
    assert not list(commands(left))
    read = left.replace("\\x3a", ":").replace("\\x23", "#")
    read = re.sub(r"\\(?:x(..)|u(....))", lambda found: chr(int(found[1] or found[2], 16)), read)
    assert read == given
    assert (left != given) == (any(commands(given)) or "\r" in given)


def test_our_own_colours_and_the_line_of_progress_stay() -> None:
    own = "\x1b[1;31mred\x1b[0m\r\x1b[K3 of 9\tsteps\n"
    assert fit(own, Options()) == own


ARGUMENTS = (
    *(
        ["plan", "{}"],
        ["{}"],
        ["plan", "--{}"],
        ["--env", "{}", "plan"],
        ["--var", "{}", "plan"],
        ["state", "push", "{}"],
    ),
    *(["state", "show", "{}"], ["history", "{}"], ["audience", "forget", "{}"], ["show", "{}"], ["import", "{}", "{}"]),
    *(
        ["api", "squalomail", "{}"],
        ["apply", "--approved", "{}"],
        ["init", "/proc/none/{}"],
        ["plan", "--target", "{}"],
    ),
    *(
        ["doctor", "{}"],
        ["completion", "{}"],
        ["render", "{}"],
        ["accept", "{}", "--reason", "{}"],
        ["-C", "{}", "plan"],
    ),
)


def test_what_is_typed_is_obeyed_nowhere(project: Project) -> None:
    for arguments in ARGUMENTS:
        for text in HOSTILE:
            result = project.run(*(part.replace("{}", text) for part in arguments))
            assert not (found := list(commands(result.out + "\n" + result.err))), (arguments, text, found[:3])


def test_json_stays_the_same_json() -> None:
    value = {"a": ["##[error]x", "::x", {"##vso[": " ::y"}], "::": "a\n::b"}
    for option in (0, orjson.OPT_INDENT_2):
        text = orjson.dumps(value, option=option).decode() + "\n"
        assert json.loads(fit(text, Options())) == value
        assert not list(commands(fit(text, Options())))


def test_a_page_stays_the_same_page() -> None:
    page = "<!doctype html>\n<p>\n::error::x</p><p title='##[a]'>"
    assert html.unescape(fit(page, Options())) == page
    assert not list(commands(fit(page, Options())))


# Names


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\u2028", "\u0085", "\v"])
@pytest.mark.parametrize("where", ["lists", "campaigns", "listTags", "fromName"])
def test_a_name_has_one_line(project: Project, character: str, where: str) -> None:
    text = f"a{character}b"
    entries = {
        "lists": {"lists": {"x": {"name": text}}},
        "campaigns": {"campaigns": {"x": {"subject": text}}},
        "listTags": {"lists": {"x": {"name": "x", "listTags": ["a", text]}}},
        "fromName": {"campaigns": {"x": {"subject": "x", "fromName": text}}},
    }[where]
    project.write("manifests/all.yaml", json.dumps({"squalomail": entries}))
    result = project.run("validate")
    assert result.code == 1
    assert "several-lines" in result.err or "control-characters" in result.err or "NUL" in result.err, result.err


def test_a_description_may_have_lines(project: Project) -> None:
    entry = {"name": "x", "description": "a\nb"}
    project.write("manifests/all.yaml", json.dumps({"squalomail": {"lists": {"x": entry}}}))
    assert project.run("validate").code == 0


# Secrets

SECRETS = ("a/b+c=d&e f", "quo\"te's\\and<tags>", "plain-enough-9", "pässwörd-€uro", "##[mask]::x", "line\nend-of-it")
ENCODINGS = {
    "plain": str,
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent, slashes left": urllib.parse.quote,
    "form": urllib.parse.quote_plus,
    "percent, small": lambda text: (
        urllib.parse.quote(text, safe="")
        .replace("%2F", "%2f")
        .replace("%2B", "%2b")
        .replace("%3D", "%3d")
        .replace("%26", "%26")
    ),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text))[1:-1],
    "HTML": html.escape,
    "HTML by number": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 after one": lambda text: base64.b64encode(b":" + text.encode()).decode(),
    "base64 within": lambda text: base64.b64encode(b"user:" + text.encode() + b"@x").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "Python": repr,
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_masked_in_every_encoding(secret: str, encoding: str) -> None:
    written = ENCODINGS[encoding](secret)  # type: ignore[operator]
    shown = masked(f"before {written} after", [secret])
    assert MASK in shown
    if encoding.startswith("base64"):
        # Of what shares a character with its neighbours, a character or two may stay.
        assert len(shown) <= len("before  after") + len(MASK) + 14
    else:
        assert written not in shown
        assert len(shown) <= len("before  after") + len(MASK) + 4, shown


@pytest.mark.parametrize("secret", ["KEY", "x", "a/b", "p+w", "ab12$", "é!"])
@pytest.mark.parametrize(
    "told",
    [
        "GET /v1/list?apiKey={0}&page=1",
        "GET /v1/list?page=1&api_key={0}",
        'refused: {{"apiKey": "{0}", "page": 1}}',
        'refused: {{\\"password\\": \\"{0}\\"}}',
        "password = '{0}'",
        "Authorization: Bearer {0}",
        "&quot;clientSecret&quot;:&quot;{0}&quot;",
        "apiKey%3D{0}",
        "https://user:{0}@host.example/x",
    ],
)
@pytest.mark.parametrize("encoding", ["plain", "percent", "percent, slashes left", "form", "JSON", "HTML"])
def test_a_short_secret_is_masked_where_it_is_called_one(secret: str, told: str, encoding: str) -> None:
    written = ENCODINGS[encoding](secret)  # type: ignore[operator]
    assert masked(told.format(written), [secret]) == told.format(MASK)


def test_a_short_secret_takes_no_innocent_words_with_it() -> None:
    text = "KEY lists: 1 KEYS, x: KEY, monkey=1, key=KEYS, id 1"
    assert masked(text, ["KEY", "1"]) == "KEY lists: 1 KEYS, x: KEY, monkey=***, key=KEYS, id 1"


def test_what_the_environment_keeps_under_a_secret_s_name_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": "canary-aws-1",
        "PGPASSWORD": "canary-pg-22",
        "MY_TOKEN": "canary-token",
        "HTTPS_PROXY": "http://user:canary%2Fproxy@proxy.example:3128",
        "RECONCILE_KEY": "canary-key-3",
        "SSH_AUTH_SOCK": "/tmp/agent",
        "API_KEY": "sandbox",
        "EDITOR": "canary-editor",
    }
    shown = new_options(environ).redacted(" ".join((*environ.values(), "canary/proxy")))
    assert shown == "*** *** *** http://user:***@proxy.example:3128 *** /tmp/agent sandbox canary-editor ***"


def test_a_key_in_a_url_is_masked_wherever_it_is_told(over_http: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUALOMAIL_API_KEY", "k3y/with+signs=")
    for text in (
        urllib.parse.quote("k3y/with+signs=", safe=""),
        base64.b64encode(b"k3y/with+signs=").decode(),
        "k3y/with+signs=",
    ):
        manifest = {"squalomail": {"lists": {"x": {"name": f"a {text}"}}}}
        over_http.write("manifests/main.yaml", json.dumps(manifest))
        for form in FORMATS:
            result = over_http.run("plan", "--format", form)
            assert result.code == 0, result.err
            assert text not in result.out + result.err
            assert MASK in result.out


def test_click_takes_an_outlet_for_a_stream_of_texts() -> None:
    # Click keeps what it found out of a stream: one taken for bytes would get bytes wherever its texts go.
    from click._compat import get_text_stderr

    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", Outlet(stream, new_options({})))
        assert get_text_stderr() is sys.stderr


def test_a_thread_that_is_captured_leaves_the_streams_of_the_process() -> None:
    with apart():
        process = sys.stdout
        with captured() as (out, _):
            with guarded(new_options({})):
                assert sys.stdout is process
                sys.stdout.write("mine\n")
            assert out.getvalue() == "mine\n"
        with guarded(new_options({})):
            assert sys.stdout is not process


def test_what_reads_files_of_people_leaves_no_word_at_its_end() -> None:
    """DuckDB complains of whatever is alive when the process ends."""
    code = (
        "import duckdb; duckdb.connect().execute('select 1').fetchall(); "
        "from reconcile.cli.main import main; main(['--version'])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
