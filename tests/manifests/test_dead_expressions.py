"""Hostile expressions: 100,000 of them end in a value or a message, never in a traceback, and show no secret."""

import random
import time

import pytest

from reconcile.errors import Diagnostic
from reconcile.manifests.interpolate import Scope, check_syntax, diagnose, evaluate, has_expression, literal
from reconcile.manifests.names import Names
from reconcile.manifests.nodes import MappingNode, ScalarNode
from reconcile.manifests.parse import parse_yaml
from tests.manifests.project import Project

HOSTILE = 100_000
SECRET = "hush-hush-1234"
SCOPE = Scope({"a": "x", "none": None, "n": 5}, {"SET": SECRET, "EMPTY": ""}, Names())
PIECES = (
    *(
        "${",
        "$${",
        "$$",
        "$",
        "{",
        "}",
        "}}",
        "${}",
        "${{",
        "${${",
        ":-",
        ":-}",
        "env.",
        "var.",
        "env",
        "var",
        ".",
        "..",
        "-",
    ),
    *(
        "env.SET",
        "env.UNSET",
        "env.EMPTY",
        "var.a",
        "var.none",
        "var.n",
        "var.A",
        "env.SET:-x",
        "env.UNSET:-${env.SET}",
    ),
    *(
        "ENV.SET",
        "env.1",
        "env.é",
        "var.\u202e",
        "\x00",
        "\n",
        "\r",
        "\t",
        "\u2028",
        "\ud800",
        "\U0001f600",
        "\\",
        '"',
        "'",
        " ",
    ),
    *(
        "env.SET|upper",
        "env['SET']",
        "__import__('os')",
        "`id`",
        "$(id)",
        "%(a)s",
        "{{7*7}}",
        "#{1}",
        "<%= 1 %>",
        "*",
        "[0]",
    ),
    *("::error::", "##[error]", "env." + "A" * 300, "var." + "b" * 300, "env.SET:-" + "c" * 300, "0", "true", "null"),
)


def hostile(seed: int) -> str:
    chosen = random.Random(seed)
    inner = ["".join(chosen.choice(PIECES) for _ in range(chosen.randrange(1, 7))) for _ in range(2)]
    return chosen.choice(("${" + inner[0] + "}", "${" + inner[0], inner[0] + "}", "${".join(inner), "}".join(inner)))


@pytest.mark.slow
def test_a_hundred_thousand_end_in_a_value_or_a_message() -> None:
    faulty = 0
    for seed in range(HOSTILE):
        text = hostile(seed)
        value, faults = evaluate(text, SCOPE)
        assert value is None or isinstance(value, str | int), text
        assert has_expression(text) or not faults, text
        assert len(check_syntax(text, SCOPE)) <= len(faults)
        assert evaluate(literal(text), SCOPE)[1] == [], text
        for fault in faults:
            assert fault.code, text
            assert fault.source in text
            assert fault.detail
            assert SECRET not in f"{fault.detail}{fault.hint}"
        faulty += bool(faults)
    assert HOSTILE * 0.3 < faulty < HOSTILE * 0.95  # some are sound


def test_thousands_in_files_are_told_at_their_places_in_one_run(project: Project) -> None:
    count = 3_000
    lines = ["squalomail:", "  lists:"]
    for seed in range(count):
        text = hostile(seed).encode("utf-8", "replace").decode().replace("\\", "\\\\").replace('"', '\\"')
        plain = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else "" for c in text)
        lines.append(f'    n{seed}: {{name: "{plain}"}}')
    project.write("manifests/all.yaml", "\n".join(lines) + "\n")
    findings = project.refused()
    assert len(findings) > count * 0.3
    assert {finding.location.file for finding in findings if finding.location} == {"manifests/all.yaml"}
    assert all(isinstance(finding, Diagnostic) and finding.detail for finding in findings)


def test_as_many_in_one_value_take_seconds() -> None:
    text = "${bad}\n\n" * 50_000
    document = parse_yaml(('a: "' + text.replace("\n", "\\n") + '"\n').encode(), "a.yaml", [])
    assert isinstance(document.root, MappingNode)
    node = document.root.members["a"]
    assert isinstance(node, ScalarNode)
    began = time.process_time()
    _, faults = evaluate(str(node.value), SCOPE)
    found = diagnose(faults, node, document, None)
    assert len(found) == 50_000
    assert [finding.location.column for finding in found[:2] if finding.location] == [5, 15]
    assert time.process_time() - began < 6
