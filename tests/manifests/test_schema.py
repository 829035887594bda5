"""JSON Schemas: current, and of one mind with the loader."""

import copy
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import regress
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema.protocols import Validator

from reconcile.cli.settings import load_settings
from reconcile.errors import Diagnostic, InvalidInput
from reconcile.manifests import load
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.schema import MANIFEST_SCHEMA, PROJECT_SCHEMA, render_project_schemas, render_schemas
from reconcile.manifests.validate import META
from reconcile.providers import built_in, provider_type
from tests.budget import examples
from tests.manifests.project import REGISTRY

ROOT = Path(__file__).parents[2]
SCHEMAS = render_schemas([provider_type(name) for name in built_in()])

# What a schema can't know: it sees one file, and no values of expressions.
SEMANTIC = {
    "dangling-reference",
    "duplicate-entry",
    "file-too-large",
    "former-name-in-use",
    "former-name-twice",
    "freeze-too-short",
    "host-not-allowed",
    "missing-file",
    "not-utf8",
    "several-lines",
    "path-outside-project",
    "reference-cycle",
    "unknown-variable",
    "unreadable-file",
    "unset-environment",
    "unset-variable",
    "wrong-entry",
    "wrong-path",
}
VARIABLES: dict[str, Any] = {"text": "it", "number": 3, "flag": True}
ENVIRON = {"TEXT": "en", "NUMBER": "4", "FLAG": "false", "COLOR": "#aabbcc", "URL": "sandbox:", "AGE": "90m"}


def _pattern(validator: Validator, pattern: str, instance: Any, schema: Any) -> Iterator[jsonschema.ValidationError]:
    # As editors do: regular expressions of JavaScript. Python's $ also matches before a line end.
    if isinstance(instance, str) and regress.Regex(pattern).find(instance) is None:
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


_Draft7 = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": _pattern})
MANIFEST = _Draft7(json.loads(SCHEMAS[MANIFEST_SCHEMA]))
PROJECT = _Draft7(json.loads(SCHEMAS[PROJECT_SCHEMA]))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_in_the_repository_are_current(name: str) -> None:
    assert (ROOT / "schemas" / name).read_text(encoding="utf-8") == SCHEMAS[name]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(json.loads(SCHEMAS[name]))
    assert '"default": null' not in SCHEMAS[name]
    assert '"title": "Subject' not in SCHEMAS[name]


def test_no_spec_takes_the_name_of_a_meta_member() -> None:
    for name in built_in():
        for kind in provider_type(name).kinds.values():
            assert kind.spec.model_fields.keys().isdisjoint(META)


def test_everything_has_a_description() -> None:
    schema = json.loads(SCHEMAS[MANIFEST_SCHEMA])
    for name, definition in schema["definitions"].items():
        if name.startswith("squalomail.") and name[11:12].islower():
            assert all("description" in member for member in definition["properties"].values()), name


def test_the_examples_pass_the_checker_that_others_use() -> None:
    for pattern, schema in (("*/reconcile.yaml", PROJECT_SCHEMA), ("*/manifests/**/*.yaml", MANIFEST_SCHEMA)):
        files = [str(path) for path in sorted((ROOT / "examples").glob(pattern))]
        if not files:
            continue
        checker = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(ROOT / "schemas" / schema)]
        done = subprocess.run([*checker, *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_project_has_its_own_aliases_in_its_schemas() -> None:
    rendered = render_project_schemas({"shop": provider_type("squalomail")})
    own = _Draft7(json.loads(rendered[MANIFEST_SCHEMA]))
    assert own.is_valid({"shop": {"lists": {"a": {"name": "x"}}}})
    assert not own.is_valid({"squalomail": {"lists": {"a": {"name": "x"}}}})
    assert not own.is_valid({"shop": {"lists": {"a": {}}}})
    project = _Draft7(json.loads(rendered[PROJECT_SCHEMA]))
    account = {"type": "squalomail", "url": "sandbox:"}
    assert project.is_valid(
        {"version": 1, "providers": {"shop": account}, "defaults": {"shop": {"list": {"ordering": 1}}}}
    )
    assert not project.is_valid({"version": 1, "providers": {"shop": account}, "defaults": {"shpo": {}}})


# Manifests that are all right

_WORDS = st.text(st.sampled_from(list("abc è€$: #{}'\"-\n")), max_size=8).filter(lambda text: "${" not in text)
_NAMES = st.sampled_from(["one", "two", "Three-3", "4_x"])
_TEXTS = st.one_of(_WORDS, st.sampled_from(["${var.text}", "a ${env.TEXT} b", "$${x}", "${env.NO:-d}", "x" * 250]))
_SOME_TEXTS = _TEXTS.filter(bool)
_BOOLEANS = st.one_of(st.booleans(), st.sampled_from(["${var.flag}", "${env.FLAG}"]))
_KEYS = _WORDS.filter(lambda text: "\n" not in text)
_ITEMS = st.fixed_dictionaries({"value": _TEXTS}, optional={"url": _TEXTS})
_META = {
    "lifecycle": st.fixed_dictionaries({}, optional={"preventDestroy": _BOOLEANS}),
    "was": st.lists(st.sampled_from(["old", "older"]), max_size=2, unique=True),
    "allowDuplicate": _BOOLEANS,
}
_LISTS = st.fixed_dictionaries(
    {"name": _SOME_TEXTS},
    optional={
        "description": _TEXTS,
        "color": st.sampled_from(["#ff6600", "#AABBCC", "${env.COLOR}"]),
        "ordering": st.one_of(st.integers(0, 99), st.sampled_from([2.0, "${var.number}", "${env.NUMBER}"])),
        "published": _BOOLEANS,
        "listTags": st.lists(_TEXTS, max_size=3),
        **_META,
    },
)
_NEWSLETTER: dict[str, st.SearchStrategy[Any]] = {
    "altBody": _TEXTS,
    "fromEmail": _TEXTS,
    "language": st.sampled_from(["it", "EN", "${env.TEXT}"]),
    "visible": _BOOLEANS,
    "utmSource": _TEXTS,
    **_META,
}
_IMAGES = st.dictionaries(st.sampled_from("0123456789"), _ITEMS, max_size=2)
_ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={"texts": st.dictionaries(_KEYS, _ITEMS, max_size=2), "images": _IMAGES},
)
_CAMPAIGNS = st.one_of(
    st.fixed_dictionaries({"subject": _SOME_TEXTS}, optional={"body": _TEXTS, **_NEWSLETTER}),
    st.fixed_dictionaries({"subject": _SOME_TEXTS, "bodyFile": st.just("emails/hello.html")}, optional=_NEWSLETTER),
    st.fixed_dictionaries(
        {"subject": _SOME_TEXTS, "template": st.just("one")}, optional={"templateCustomAttributes": _ATTRIBUTES}
    ),
    st.fixed_dictionaries({"subject": _SOME_TEXTS, "manage": st.just("external")}),
)
_LISTED = st.fixed_dictionaries({"subject": _SOME_TEXTS, "lists": st.just(["one"])}, optional=_NEWSLETTER)
_MANIFESTS = st.dictionaries(
    st.just("squalomail"),
    st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {},
            optional={
                "lists": st.one_of(st.none(), st.dictionaries(_NAMES, _LISTS, max_size=3)),
                "campaigns": st.dictionaries(_NAMES, _CAMPAIGNS | _LISTED, max_size=2),
                "templates": st.dictionaries(_NAMES, _CAMPAIGNS, max_size=2),
            },
        ),
    ),
)

# Project files that are all right

_LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "concurrency": st.one_of(st.integers(1, 16), st.just("${env.NUMBER}")),
        "requestsPerSecond": st.sampled_from([1, 0.5, 1000, "${var.n}"]),
    },
)
_URLS = st.sampled_from(
    [
        "sandbox:",
        "sandbox:x.sqlite",
        "https://api.squalomail.com/v1",
        "http://localhost:80/a",
        "http://[::1]",
        "${env.URL}",
    ]
)
_ACCOUNTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["squalomail"]), "url": _URLS, "apiKey": st.sampled_from(["${env.KEY}", "abc"])},
    optional={"account": _SOME_TEXTS, "limits": _LIMITS},
)
_DURATIONS = st.sampled_from(["60m", "1d", "1800s", "${env.AGE}"])
_POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "freeze": _DURATIONS,
        "maxDeletePercent": st.sampled_from([0, 30, 99.5, "${var.n}"]),
        "maxDeleteCount": st.integers(0, 9),
        "sends": st.sampled_from(["ask", "allow", "deny"]),
        "planExpiry": _DURATIONS,
    },
)
_DEFAULTS = st.fixed_dictionaries(
    {},
    optional={
        "squalomail": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {},
                optional={
                    "campaign": st.fixed_dictionaries({}, optional={"fromEmail": _TEXTS, "visible": _BOOLEANS}),
                    "list": st.none(),
                },
            ),
        )
    },
)
_VARIABLES = st.dictionaries(
    st.sampled_from(["n", "text", "flag", "number", "a-b"]),
    st.one_of(st.booleans(), st.integers(), st.sampled_from([1.5, "x", "${env.TEXT}", "$${x}"])),
).map(lambda found: {"n": 5, **VARIABLES, **{name: found[name] for name in found if name == "a-b"}})
_LAYER = {"policy": _POLICIES, "variables": _VARIABLES, "defaults": _DEFAULTS, "state": st.just("file:x/state.json")}
_ENVIRONMENTS = st.dictionaries(
    st.sampled_from(["staging", "dev"]),
    st.one_of(
        st.none(),
        st.fixed_dictionaries(
            {},
            optional={
                **_LAYER,
                "providers": st.fixed_dictionaries(
                    {},
                    optional={
                        "squalomail": st.fixed_dictionaries({}, optional={"account": _TEXTS.filter(bool), "url": _URLS})
                    },
                ),
            },
        ),
    ),
    max_size=2,
)
_PROJECTS = st.fixed_dictionaries(
    {"version": st.just(1), "providers": st.fixed_dictionaries({"squalomail": _ACCOUNTS}), "variables": _VARIABLES},
    optional={"policy": _POLICIES, "defaults": _DEFAULTS, "state": _LAYER["state"], "environments": _ENVIRONMENTS},
)

# What can be wrong with them


def _words(text: str) -> list[str]:
    return re.findall(r"\S+", text)


_WRONG_TEXTS = _words("""
    x one nowhere true 5 #ff66zz pt it external ${var.text} ${var.number} ${env.NOTHING} ${var.nothing} ${bad} ${ $${
    $${x}${var.text} emails/hello.html emails/none.html ../x 10m 60 http://example.com https:// https://a@b/ sandbox:
    s3://x file: file:x/ deny gatormail https://api.squalomail.com/v1
""")
_WRONG_VALUES = st.sampled_from(
    [
        *(None, True, 0, -1, 3, 2147483648, 1.5, 7.0, "", "#ff6600\n", "a ${var.text", "x" * 251, *_WRONG_TEXTS),
        *([], ["one"], ["one", 2], [[]], {}, {"value": "x"}, {"valu": "x"}, {"texts": {}}, {"preventDestroy": 1}),
        *({"images": {"x": {"value": "x"}}}, {"images": {"1": {"value": 1}}}, {"ignoreChanges": ["body"]}),
        *({"ignoreChanges": ["bodyFile", "x"]}, {"ignoreChanges": "color"}),
    ]
)
_WRONG_NAMES = st.sampled_from(["", "a b"]) | st.sampled_from(
    _words("""
    name nmae subject color colour body bodyFile altBody altBodyFile template lists list manage was lifecycle 1c -x é
    allowDuplicate type url apiKey account limits version providers policy variables environments default defaults state
    campaign squalomail ordering language ${var.text}
""")
)


def _paths(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, member in inner:
        yield from _paths(member, (*at, key))


@st.composite
def _mutated(draw: st.DrawFn, trees: st.SearchStrategy[Any]) -> Any:
    tree = copy.deepcopy(draw(trees))
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from(list(_paths(tree))))
        if not path:
            continue
        owner = tree
        for part in path[:-1]:
            owner = owner[part]
        how = draw(st.sampled_from(["replace", "replace", "delete", "add", "rename"]))
        if how == "replace":
            owner[path[-1]] = copy.deepcopy(draw(_WRONG_VALUES))
        elif how == "delete":
            del owner[path[-1]]
        elif isinstance(owner[path[-1]], dict) and how == "add":
            owner[path[-1]][draw(_WRONG_NAMES)] = copy.deepcopy(draw(_WRONG_VALUES))
        elif isinstance(owner, dict) and how == "rename":
            owner[draw(_WRONG_NAMES)] = owner.pop(path[-1])
    return tree


_OF_VALUES = ("wrong-type", "wrong-value", "wrong-name", "unknown-attribute", "unknown-provider-type")


def _of_an_expression(finding: Diagnostic, text: str) -> bool:
    """Whether a finding is about the value of an expression, which no schema sees."""
    place = finding.location
    if place is None or finding.code not in _OF_VALUES:
        return False
    written = text.splitlines()[place.line - 1][place.column - 1 :]
    return written.startswith('"') and "${" in json.JSONDecoder().raw_decode(written)[0]


def _agree(validator: Validator, tree: Any, findings: list[Diagnostic], text: str) -> None:
    refusals = [one for one in findings if one.code not in SEMANTIC]
    # What stands under an alias that the project has not, only the schema looks at.
    unseen = [one for one in refusals if one.code == "unknown-provider" or _of_an_expression(one, text)]
    complaints = [error.message for error in validator.iter_errors(tree)]
    if len(unseen) < len(refusals):
        assert complaints, (tree, [(one.code, one.detail) for one in refusals])
    elif not unseen:
        assert not complaints, (tree, complaints)


_SETTINGS = settings(max_examples=examples(60, 250), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _manifest_findings(text: str) -> list[Diagnostic]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "manifests").mkdir()
        (root / "emails").mkdir()
        (root / "emails" / "hello.html").write_text("x")
        (root / "manifests" / "a.yaml").write_text(text, encoding="utf-8")
        try:
            load(root, REGISTRY, scope=Scope(VARIABLES, ENVIRON))
        except InvalidInput as error:
            return list(error.diagnostics)
        return []


def _project_findings(text: str) -> list[Diagnostic]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "reconcile.yaml").write_text(text, encoding="utf-8")
        try:
            found = load_settings(root, environment=None, variables={}, environ=ENVIRON)
            found.manifests(found.registry())
        except InvalidInput as error:
            # Defaults are read with the manifests, once the project file is all right.
            in_settings = any(one.code in SEMANTIC and one.location is not None for one in error.diagnostics)
            assume(not in_settings or "defaults" not in text)
            return list(error.diagnostics)
        return []


@_SETTINGS
@given(_MANIFESTS)
def test_generated_manifests_are_all_right(tree: Any) -> None:
    text = json.dumps(tree, ensure_ascii=False)
    refusals = [one for one in _manifest_findings(text) if one.code not in SEMANTIC]
    assert not refusals
    MANIFEST.validate(tree)


@_SETTINGS
@given(_mutated(_MANIFESTS))
def test_schema_and_loader_agree_on_manifests(tree: Any) -> None:
    text = json.dumps(tree, ensure_ascii=False)
    _agree(MANIFEST, tree, _manifest_findings(text), text)


@_SETTINGS
@given(_PROJECTS)
def test_generated_project_files_are_all_right(tree: Any) -> None:
    assert not [one for one in _project_findings(json.dumps(tree, ensure_ascii=False)) if one.code not in SEMANTIC]
    PROJECT.validate(tree)


@_SETTINGS
@given(_mutated(_PROJECTS))
def test_schema_and_loader_agree_on_project_files(tree: Any) -> None:
    text = json.dumps(tree, ensure_ascii=False)
    # Without its type, nothing else of an account can be judged.
    assume('"type": "${' not in text)
    _agree(PROJECT, tree, _project_findings(text), text)


@pytest.mark.parametrize(
    "tree",
    [
        {"squalomail": {"templates": {"a": {"subject": "x", "body": "y", "bodyFile": "emails/hello.html"}}}},
        {"squalomail": {"lists": {"a": {"name": "x", "manage": "external", "color": "#ffffff"}}}},
        {"squalomail": {"lists": {"a": {"manage": "external"}}}},
        {"squalomail": {"lists": {"a": {"name": "x", "manage": "external", "lifecycle": {}}}}},
        {"squalomail": {"lists": {"a": {"name": "x", "manage": "internal"}}}},
        {"squalomail": {"lists": {"a": None}}},
        {"squalomail": {"list": {}}},
        {"squalomail": {"lists": {"a": {"name": None}}}},
    ],
)
def test_what_both_refuse(tree: Any) -> None:
    findings = _manifest_findings(json.dumps(tree))
    assert {one.code for one in findings} - SEMANTIC
    assert not MANIFEST.is_valid(tree)
