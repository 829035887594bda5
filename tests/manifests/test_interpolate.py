"""Expressions: what they give, and where what is wrong with them stands."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import regress
from hypothesis import given
from hypothesis import strategies as st

from reconcile.manifests.interpolate import (
    ENVIRONMENT_TEXT_PATTERN,
    EXPRESSION_PATTERN,
    SINGLE_PATTERN,
    TEXT_PATTERN,
    GivenText,
    Scope,
    evaluate,
)
from tests.manifests.project import Project, where

SCOPE = Scope(
    {
        "text": "hi",
        "number": 5,
        "float": 1.5,
        "yes": True,
        "no": False,
        "given": GivenText("7"),
        "must": None,
        "a-b": "x",
    },
    {"NAME": "value", "EMPTY": "", "NUMBER": "12", "BRACES": "${var.text}"},
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("plain", "plain"),
        ("", ""),
        ("$", "$"),
        ("$$", "$$"),
        ("${env.NAME}", "value"),
        ("a ${env.NAME} b", "a value b"),
        ("${env.EMPTY}", ""),
        ("${env.EMPTY:-other}", "other"),
        ("${env.UNSET:-other}", "other"),
        ("${env.UNSET:-}", ""),
        ("${env.UNSET:-a b:-c}", "a b:-c"),
        ("${env.NAME:-other}", "value"),
        ("${var.text}", "hi"),
        ("${var.a-b}", "x"),
        ("${var.text}${var.number}", "hi5"),
        ("n=${var.float}", "n=1.5"),
        ("${var.yes}/${var.no}", "true/false"),
        ("$${var.text}", "${var.text}"),
        ("$$${var.text}", "$${var.text}"),
        ("a $${ b", "a ${ b"),
        ("${env.BRACES}", "${var.text}"),
        ("x${env.BRACES}", "x${var.text}"),
        ("$${${var.text}}", "${hi}"),
    ],
)
def test_texts(text: str, meant: str) -> None:
    assert evaluate(text, SCOPE) == (meant, [])


@pytest.mark.parametrize(
    ("text", "meant"), [("${var.number}", 5), ("${var.float}", 1.5), ("${var.yes}", True), ("${var.no}", False)]
)
def test_an_expression_alone_keeps_the_type(text: str, meant: Any) -> None:
    found, faults = evaluate(text, SCOPE)
    assert (found, type(found), faults) == (meant, type(meant), [])


@pytest.mark.parametrize(
    ("text", "code", "source", "hint"),
    [
        ("${env.UNSET}", "unset-environment", "${env.UNSET}", None),
        ("${var.txet}", "unknown-variable", "${var.txet}", "${var.text}"),
        ("${var.zzz}", "unknown-variable", "${var.zzz}", None),
        ("${var.must}", "unset-variable", "${var.must}", None),
        ("${text}", "wrong-expression", "${text}", "${var.text}"),
        ("${NAME}", "wrong-expression", "${NAME}", "${env.NAME}"),
        ("${vars.text}", "wrong-expression", "${vars.text}", "${var.text}"),
        ("${ var.text }", "wrong-expression", "${ var.text }", "Leave out the spaces"),
        ("${var.text", "wrong-expression", "${var.text", None),
        ("${}", "wrong-expression", "${}", None),
        ("${env.A B}", "wrong-expression", "${env.A B}", None),
        ("${var.text:-x}", "wrong-expression", "${var.text:-x}", None),
        ("${file.x}", "wrong-expression", "${file.x}", None),
        ("${env.UNSET:-${env.NAME}}", "wrong-expression", "${env.UNSET:-${env.NAME}", None),
        ("${upper(var.text)}", "wrong-expression", "${upper(var.text)}", None),
    ],
)
def test_faults(text: str, code: str, source: str, hint: str | None) -> None:
    (fault,) = evaluate(f"a {text}", SCOPE)[1]
    assert (fault.code, fault.source) == (code, source)
    assert (fault.hint is None) if hint is None else (hint in (fault.hint or ""))
    assert fault.detail.endswith(".")


def test_all_faults_of_a_text_are_found() -> None:
    faults = evaluate("${a} ${var.q} ${env.U} ${", SCOPE)[1]
    assert [fault.code for fault in faults] == [
        "wrong-expression",
        "unknown-variable",
        "unset-environment",
        "wrong-expression",
    ]


_ANY = st.text(st.sampled_from(list("${}envar.:-NAb \n")), max_size=14)
_PARTS = st.lists(
    st.sampled_from(
        ["$", "$$", "{", "}", "${env.A}", "${env.A:-b c}", "${var.x-y}", "${", "$${", "a", "\n", "${env.A:-", "${var.x"]
    ),
    max_size=6,
).map("".join)


@given(_ANY | _PARTS)
def test_the_schemas_patterns_say_what_the_evaluation_says(text: str) -> None:
    scope = Scope({"x": "1", "A": "1", "x-y": "2"}, {"A": "1"})
    # Names that are not set are no matter of grammar.
    faults = [fault for fault in evaluate(text, scope)[1] if fault.code == "wrong-expression"]
    expressions = [part for part in text.replace("$${", "\0").split("${")[1:] if part]

    def matches(pattern: str) -> bool:
        return regress.Regex(pattern).find(text) is not None

    assert matches(TEXT_PATTERN) == (not faults)
    assert matches(EXPRESSION_PATTERN) == (not faults and bool(expressions))
    if matches(SINGLE_PATTERN):
        assert matches(EXPRESSION_PATTERN)
    if matches(ENVIRONMENT_TEXT_PATTERN):
        assert matches(TEXT_PATTERN)


# Within manifests

LIST = "squalomail:\n  lists:\n    one: "


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ('ordering: "${env.N}"', 12),
        ('ordering: "${env.UNSET:-3}"', 3),
        ('ordering: "${var.n}"', 5),
        ("ordering: 5.0", 5),
        ('published: "${env.T}"', True),
        ('published: "${env.F}"', False),
        ('published: "${var.flag}"', True),
        ('description: "${env.N}"', "12"),
        ('description: "n${var.n}"', "n5"),
        ('description: "$${var.n}"', "${var.n}"),
        ('listTags: ["${env.N}", "b${var.n}"]', ("12", "b5")),
        ('color: "#${env.C}"', "#aabbcc"),
    ],
)
def test_values_are_converted_where_the_field_wants_it(
    project: Project, attributes: Callable[[str], Mapping[str, Any]], field: str, meant: Any
) -> None:
    project.environ |= {"N": "12", "T": "true", "F": "False", "C": "AABBCC"}
    project.variables |= {"n": 5, "flag": True}
    name = field.partition(":")[0]
    found = attributes(f"{LIST}{{name: x, {field}}}\n")[name]
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize(
    "field", ['ordering: "${env.T}"', 'published: "${env.N}"', 'ordering: "1${env.N}"', 'description: "${var.n}"']
)
def test_what_can_not_be_converted_is_refused_without_its_value(project: Project, field: str) -> None:
    project.environ |= {"N": "4711", "T": "hunter2"}
    project.variables |= {"n": 5}
    (finding,) = project.refused(f"{LIST}{{name: x, {field}}}\n")
    assert finding.code == "wrong-type"
    assert "hunter2" not in str(finding)
    assert "4711" not in str(finding)


@pytest.mark.parametrize("field", ['language: "${env.S}"', 'subject: "${env.S}${env.S}"', 'template: "${env.S}"'])
def test_no_message_shows_a_value_of_the_environment(project: Project, field: str) -> None:
    secret = "hunter2" * 20
    project.environ["S"] = secret
    other = "" if field.startswith("subject") else "subject: x, "
    findings = project.refused(f"squalomail:\n  campaigns:\n    one: {{{other}{field}}}\n")
    assert secret not in str([(one.detail, one.hint) for one in findings])


def test_faults_stand_where_the_expression_stands(project: Project) -> None:
    text = (
        "squalomail:\n  templates:\n    one:\n"
        '      subject: "a ${var.q} b ${env.U}"\n'
        "      fromName: ${vra.x}\n"
        "      body: |\n        line one\n        two ${bad} ${env.U}\n"
        "      templateCustomAttributes: {texts: {t: {value: 'x ${nope}'}}}\n"
    )
    assert project.told(text) == [
        ("unknown-variable", "4:19"),
        ("unset-environment", "4:30"),
        ("wrong-expression", "5:17"),
        ("wrong-expression", "8:13"),
        ("wrong-expression", "9:56"),
    ]
    findings = project.refused(text)
    # A name that is not set is told once, with all its places.
    assert [where(one) for one in findings if one.code == "unset-environment"] == ["4:30"]
    assert [str(other) for other in findings[1].others] == ["manifests/a.yaml:8:20"]


def test_keys_and_files_are_not_evaluated(project: Project, tmp_path: Path) -> None:
    project.write("emails/raw.html", "${var.nothing} $${x}")
    manifest = "squalomail:\n  templates:\n    one:\n      subject: x\n      bodyFile: ${env.DIR:-emails}/raw.html\n"
    (resource,) = project.load(manifest).resources.values()
    assert resource.attributes["body"] == "${var.nothing} $${x}"
    keys = "squalomail:\n  lists:\n    ${var.x}: {name: x}\n"
    assert project.told(keys) == [("wrong-name", "3:5")]
