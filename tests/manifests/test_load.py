"""Manifests -> Resources: what they hold, and every finding with its place."""

import gc
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconcile.errors import InvalidInput, Location
from reconcile.manifests import load
from reconcile.manifests.content import MAX_CONTENT
from reconcile.manifests.interpolate import Scope
from reconcile.manifests.load import Defaults, find_manifests
from reconcile.manifests.nodes import MappingNode
from reconcile.manifests.parse import parse_yaml
from reconcile.model.address import Address, parse_address
from reconcile.model.reference import Reference
from tests.manifests.project import REGISTRY, Project, where

FULL = """\
squalomail:
  lists:
    italia: {name: Newsletter Italia, color: "#FF6600", ordering: 1, published: true, listTags: [b, a, b]}
  templates:
    base: {subject: Base, bodyFile: emails/hello.html, language: IT}
  campaigns:
    spring:
      subject: Saldi
      template: base
      templateCustomAttributes:
        texts: {head: {value: Novità}, cta: {value: Scopri, url: "https://example.com/"}}
        images: {"0": {value: "https://example.com/1.png"}}
      lists: [italia]
      lifecycle: {preventDestroy: true, ignoreChanges: [visible]}
      was: [winter]
      allowDuplicate: true
    outside: {subject: Old, manage: external}
"""


def at(line: int, column: int) -> Location:
    return Location("manifests/a.yaml", line, column)


def test_a_manifest_becomes_resources(project: Project) -> None:
    found = project.load(FULL).resources
    assert [str(address) for address in found] == [
        "squalomail.campaign.outside",
        "squalomail.campaign.spring",
        "squalomail.list.italia",
        "squalomail.template.base",
    ]
    italia = found[parse_address("squalomail.list.italia")]
    assert italia.attributes == {
        "name": "Newsletter Italia",
        "color": "#ff6600",
        "ordering": 1,
        "published": True,
        "listTags": ("a", "b"),
    }
    assert italia.location == at(3, 5)
    base = found[parse_address("squalomail.template.base")]
    assert base.attributes == {"subject": "Base", "body": "<p>Hello</p>", "language": "it"}
    assert base.files == {"body": "emails/hello.html"}
    assert base.locations["body"] == at(5, 27)
    spring = found[parse_address("squalomail.campaign.spring")]
    assert spring.attributes["template"] == Reference(base.address)
    assert spring.attributes["lists"] == (Reference(italia.address),)
    assert spring.attributes["templateCustomAttributes"] == {
        "texts": {"head": {"value": "Novità"}, "cta": {"value": "Scopri", "url": "https://example.com/"}},
        "images": {"0": {"value": "https://example.com/1.png"}},
    }
    assert spring.prevent_destroy
    assert spring.allow_duplicate
    assert spring.ignore_changes == {"visible"}
    assert spring.was == (Address("squalomail", "campaign", "winter"),)
    assert spring.locations["subject"] == at(8, 7)
    assert spring.locations["templateCustomAttributes.texts.cta.url"] == at(11, 61)
    assert "nothing" not in spring.locations
    assert len(spring.locations) == len(list(spring.locations))
    outside = found[parse_address("squalomail.campaign.outside")]
    assert outside.external
    assert outside.attributes == {"subject": "Old"}


def test_manifests_are_merged_from_files_in_folders_but_not_hidden_ones(project: Project) -> None:
    for path in ("z.yml", "b/c/d.yaml", "a.yaml", ".hidden.yaml", ".hidden/e.yaml", "notes.txt", "b/README.md"):
        project.write(
            f"manifests/{path}",
            f"squalomail: {{lists: {{{path.replace('/', '_').split('.')[0] or 'x'}: {{name: x}}}}}}",
        )
    assert find_manifests(project.root) == ["manifests/a.yaml", "manifests/b/c/d.yaml", "manifests/z.yml"]
    assert [address.name for address in project.load().resources] == ["a", "b_c_d", "z"]


def test_a_project_without_manifests_declares_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, REGISTRY).resources == {}


@pytest.mark.parametrize("text", ["", "squalomail:\n", "squalomail: {lists: }\n", "squalomail: {lists: {}}\n"])
def test_empty_groups_declare_nothing(project: Project, text: str) -> None:
    assert project.load(text).resources == {}


KINDS = f"Kinds are: {', '.join(sorted(REGISTRY.providers['squalomail'].plurals))}."
ONE = "squalomail:\n  lists:\n    one: "
TWO = "    two: {subject: y}\n"
TEMPLATE = "squalomail:\n  templates:\n    one: "
REFUSALS: dict[str, tuple[list[tuple[str, str]], str, str | None]] = {
    # manifest: findings, a part of the first one's detail, its hint
    "squalo: {}\n": ([("unknown-provider", "1:1")], '"squalo"', 'Did you mean "squalomail"?'),
    "zzz: {}\n": ([("unknown-provider", "1:1")], '"zzz"', "The project's providers are: gatormail, squalomail."),
    "squalomail: []\n": ([("wrong-type", "1:13")], "takes the kinds of its entries; here stands a list", None),
    "squalomail:\n  list: {}\n": ([("unknown-kind", "2:3")], 'no "list"', 'Did you mean "lists"?'),
    "squalomail:\n  lsits: {}\n": ([("unknown-kind", "2:3")], 'no "lsits"', 'Did you mean "lists"?'),
    "squalomail:\n  zzz: {}\n": ([("unknown-kind", "2:3")], 'no "zzz"', KINDS),
    "squalomail:\n  lists: [a]\n": ([("wrong-type", "2:10")], "takes entries by their names", None),
    "squalomail:\n  lists:\n    a b: {name: x}\n": ([("wrong-name", "3:5")], '"a b" can\'t be', None),
    "squalomail:\n  lists:\n    one:\n": ([("wrong-type", "3:9")], "here stands nothing (null)", None),
    ONE + "text\n": ([("wrong-type", "3:10")], 'here stands "text"', None),
    ONE + "{}\n": ([("missing-attribute", "3:5")], "`name` is missing in `one`", None),
    ONE + "{name: x, colour: y}\n": ([("unknown-attribute", "3:20")], '"colour"', 'Did you mean "color"?'),
    ONE + '{name: x, colour: "${env.NO}"}\n': (
        [("unknown-attribute", "3:20"), ("unset-environment", "3:29")],
        '"colour"',
        'Did you mean "color"?',
    ),
    ONE + "{name: 2026}\n": ([("wrong-type", "3:17")], "takes text; here stands the number 2026", 'Quote it: "2026".'),
    ONE + "{name: true}\n": ([("wrong-type", "3:17")], "the boolean true", 'Quote it: "true".'),
    ONE + "{name: }\n": ([("wrong-type", "3:17")], "nothing (null)", "What is not managed is left out."),
    ONE + '{name: ""}\n': ([("wrong-value", "3:17")], "may not be empty", None),
    ONE + f"{{name: {'x' * 251}}}\n": ([("wrong-value", "3:17")], "250 characters at most", None),
    ONE + "{name: [x]}\n": ([("wrong-type", "3:17")], "here stands a list", None),
    ONE + "{name: x, ordering: -1}\n": ([("wrong-value", "3:30")], "the least is 0", None),
    ONE + "{name: x, ordering: 2147483648}\n": ([("wrong-value", "3:30")], "the most is 2147483647", None),
    ONE + "{name: x, ordering: 1.5}\n": ([("wrong-type", "3:30")], "takes a whole number", None),
    ONE + '{name: x, ordering: "1"}\n': ([("wrong-type", "3:30")], "takes a whole number", "Take the quotes away."),
    ONE + "{name: x, published: yes}\n": (
        [("wrong-type", "3:31")],
        "takes true or false",
        "Write true, without quotes.",
    ),
    ONE + "{name: x, published: 1}\n": ([("wrong-type", "3:31")], "takes true or false", None),
    ONE + "{name: x, color: red}\n": ([("wrong-value", "3:27")], '"#ff6600"', None),
    ONE + '{name: x, color: "#ff6600\\n"}\n': ([("wrong-value", "3:27")], '"#ff6600"', None),
    ONE + "{name: x, color: 123456}\n": ([("wrong-type", "3:27")], "takes text", None),
    "squalomail:\n  lists:\n    one:\n      name: x\n      color: #ff6600\n": (
        [("wrong-type", "5:13")],
        "nothing (null)",
        'A # after a space begins a comment; quote the value: "#ff6600".',
    ),
    ONE + "{name: x, listTags: a}\n": ([("wrong-type", "3:30")], "takes a list", "Write it as a list: [a]."),
    ONE + "{name: x, listTags: [a, 5]}\n": ([("wrong-type", "3:34")], "takes text", 'Quote it: "5".'),
    "a: [\n": ([("yaml-syntax", "2:1")], "a bracket or brace above is not closed", None),
    TEMPLATE + "{subject: x, language: itt}\n": (
        [("wrong-value", "3:33")],
        "it takes one of de, en",
        'Did you mean "it"?',
    ),
    TEMPLATE + "{subject: x, body: y, bodyFile: emails/hello.html}\n": (
        [("both-declared", "3:32")],
        "two ways to declare the same",
        None,
    ),
    TEMPLATE + "{subject: x, bodyFile: 5}\n": ([("wrong-type", "3:33")], "takes text", 'Quote it: "5".'),
    TEMPLATE + "{subject: x, template: tow}\n    two: {subject: y}\n": (
        [("dangling-reference", "3:33")],
        '"tow" refers to a template that no manifest declares',
        'Did you mean "two"?',
    ),
    TEMPLATE + "{subject: x, template: one}\n": ([("reference-cycle", "3:33")], "refers to itself", None),
    TEMPLATE + "{subject: x, body: y, template: two}\n    two: {subject: y}\n": (
        [("wrong-entry", "3:23")],
        "The content comes from the template",
        None,
    ),
    TEMPLATE + "{subject: x, templateCustomAttributes: {texts: {}}}\n": ([("wrong-entry", "3:23")], "", None),
    TEMPLATE + "{subject: x, template: two, templateCustomAttributes: {txt: {}, images: {q: {value: x}}}}\n" + TWO: (
        [("unknown-attribute", "3:65"), ("wrong-value", "3:83")],
        '"txt"',
        'Did you mean "texts"?',
    ),
    TEMPLATE + "{subject: x, templateCustomAttributes: {texts: {a: {}}}}\n": (
        [("missing-attribute", "3:58")],
        "`value` is missing in `a`",
        None,
    ),
    # meta members
    ONE + "{name: x, lifecycle: []}\n": ([("wrong-type", "3:31")], "takes a mapping", None),
    ONE + "{name: x, lifecycle: {preventDestro: true}}\n": (
        [("unknown-attribute", "3:32")],
        '`lifecycle` has no member "preventDestro"',
        'Did you mean "preventDestroy"?',
    ),
    ONE + "{name: x, lifecycle: {preventDestroy: yes}}\n": ([("wrong-type", "3:48")], "takes true or false", None),
    ONE + "{name: x, lifecycle: {ignoreChanges: color}}\n": (
        [("wrong-type", "3:47")],
        "takes a list",
        "Write it as a list: [color].",
    ),
    ONE + "{name: x, lifecycle: {ignoreChanges: [colr]}}\n": (
        [("unknown-attribute", "3:48")],
        "no attribute of a list",
        'Did you mean "color"?',
    ),
    TEMPLATE + "{subject: x, lifecycle: {ignoreChanges: [bodyFile]}}\n": (
        [("unknown-attribute", "3:51")],
        "no attribute of a template",
        'Did you mean "body"?',
    ),
    ONE + "{name: x, was: old}\n": ([("wrong-type", "3:25")], "takes a list", "Write it as a list: [old]."),
    ONE + "{name: x, was: [a b, 5]}\n": ([("wrong-name", "3:26"), ("wrong-type", "3:31")], '"a b"', None),
    ONE + "{name: x, was: [one]}\n": ([("former-name-in-use", "3:20")], "still declared", None),
    ONE + "{name: x, was: [old]}\n    two: {name: y, was: [old]}\n": (
        [("former-name-twice", "4:20")],
        "both say that they were squalomail.list.old",
        None,
    ),
    ONE + "{name: x, manage: internal}\n": ([("wrong-value", "3:28")], "can only be external", None),
    ONE + "{name: x, manage: external, color: '#ffffff', lifecycle: {}}\n": (
        [("external-entry", "3:38"), ("external-entry", "3:56")],
        "only looked up, by name",
        None,
    ),
    ONE + "{manage: external}\n": ([("missing-attribute", "3:5")], "`name` is missing", None),
    ONE + "{manage: external, nmae: x}\n": (
        [("missing-attribute", "3:5"), ("unknown-attribute", "3:29")],
        "",
        None,
    ),
    ONE + "{name: x, allowDuplicate: 1}\n": ([("wrong-type", "3:36")], "takes true or false", None),
}


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(project: Project, text: str) -> None:
    places, detail, hint = REFUSALS[text]
    findings = project.refused(text)
    assert [(one.code, where(one)) for one in findings] == places
    assert detail in findings[0].detail
    if hint is not None:
        assert findings[0].hint == hint
    for one in findings:
        assert one.detail.endswith((".", '."'))
        assert one.location is not None
        assert one.location.file == "manifests/a.yaml"
        assert one.summary == one.summary.rstrip(".")


def test_all_findings_of_all_files_come_in_one_run(project: Project) -> None:
    told = project.told(
        ONE + "{name: 5, color: red, x: y}\n    two: {lists: z}\n",
        b="squalomail:\n  lists:\n    one: {name: x}\n",
        c="squalomail: {campaigns: {c: {subject: x, lists: [nowhere], template: base, language: xx}}}\n",
        d="a: [\n",
    )
    assert told == [
        ("wrong-type", "3:17"),
        ("wrong-value", "3:27"),
        ("unknown-attribute", "3:32"),
        ("missing-attribute", "4:5"),
        ("unknown-attribute", "4:11"),
        ("duplicate-entry", "3:5"),
        ("wrong-value", "1:86"),
        ("yaml-syntax", "2:1"),
    ]


def test_references_are_not_judged_while_a_file_is_missing(project: Project) -> None:
    reference = "squalomail: {campaigns: {c: {subject: x, lists: [nowhere]}}}\n"
    assert project.told(reference, b="a: [\n") == [("yaml-syntax", "2:1")]
    assert project.told(reference, b="# nothing\n") == [("dangling-reference", "1:50")]


def test_a_dangling_reference_is_told_beside_other_faults_of_its_entry(project: Project) -> None:
    assert project.told("squalomail:\n  campaigns:\n    c: {subject: 5, lists: [a], x: y}\n") == [
        ("wrong-type", "3:18"),
        ("dangling-reference", "3:29"),
        ("unknown-attribute", "3:33"),
    ]


def test_an_entry_in_two_files_names_both_places(project: Project) -> None:
    (finding,) = project.refused(ONE + "{name: x}\n", b="squalomail:\n\n  lists:\n    one: {name: y}\n")
    assert (finding.code, str(finding.location)) == ("duplicate-entry", "manifests/b.yaml:4:5")
    assert [str(other) for other in finding.others] == ["manifests/a.yaml:3:5"]
    assert finding.address == "squalomail.list.one"


def test_a_cycle_names_all_members_with_their_places(project: Project) -> None:
    text = "squalomail:\n  templates:\n    a: {subject: a, template: b}\n    b: {subject: b, template: c}\n"
    text += "    c: {subject: c, template: a}\n    d: {subject: d, template: a}\n    e: {subject: e, template: e}\n"
    first, second = project.refused(text)
    chain = "squalomail.template.a -> squalomail.template.b -> squalomail.template.c -> squalomail.template.a"
    assert chain in first.detail
    assert first.location == at(3, 31)
    assert first.others == (at(4, 31), at(5, 31))
    assert (second.code, second.location) == ("reference-cycle", at(7, 31))


def test_an_entry_may_be_referred_to_although_it_has_faults(project: Project) -> None:
    text = "squalomail:\n  templates:\n    a: {subject: a, template: b}\n    b: {subject: 5}\n"
    assert project.told(text) == [("wrong-type", "4:18")]


def test_a_long_chain_of_references_is_no_cycle(project: Project) -> None:
    lines = [f"    t{n}: {{subject: t{n}, template: t{n + 1}}}" for n in range(5000)]
    text = "\n".join(["squalomail:", "  templates:", *lines, "    t5000: {subject: end}"])
    assert len(project.load(text).resources) == 5001


# Files


@pytest.mark.parametrize(
    ("path", "code", "part", "hint"),
    [
        ("emails/helo.html", "missing-file", "no such file", 'Did you mean "emails/hello.html"?'),
        ("nowhere/x.html", "missing-file", "no such file", None),
        ("emails", "missing-file", "a folder", None),
        ("/etc/hostname", "wrong-path", "relative to the project", None),
        ("emails\\\\hello.html", "wrong-path", "with / between", None),
        ("../outside.html", "path-outside-project", "leads out", None),
        ("emails/../../outside.html", "path-outside-project", "leads out", None),
        ("emails/link.html", "path-outside-project", "leads out", None),
        ("linked/outside.html", "path-outside-project", "leads out", None),
        (".reconcile/key", "path-outside-project", ".reconcile", None),
        ("emails/latin1.html", "not-utf8", "line 2 has the byte 0xe8", None),
        ("emails/large.html", "file-too-large", "more than 2,097,152 bytes", None),
        ("", "wrong-path", "", None),
    ],
)
def test_files_that_can_not_be_used(project: Project, path: str, code: str, part: str, hint: str | None) -> None:
    outside = project.root.parent / "outside.html"
    outside.write_text("secret")
    (project.root / "emails/link.html").symlink_to(outside)
    (project.root / "linked").symlink_to(project.root.parent)
    project.write(".reconcile/key", "key")
    project.write("emails/latin1.html", b"one\ncaff\xe8")
    project.write("emails/large.html", "x" * (MAX_CONTENT + 1))
    (finding,) = project.refused(f'{TEMPLATE}{{subject: x, bodyFile: "{path}"}}\n')
    assert (finding.code, where(finding)) == (code, "3:33")
    assert part in finding.detail
    assert finding.hint == hint


def test_links_within_the_project_are_followed(project: Project) -> None:
    (project.root / "emails/link.html").symlink_to("hello.html")
    (project.root / "mails").symlink_to("emails")
    for path in ("emails/link.html", "mails/hello.html", "./emails/hello.html"):
        assert project.load(f"{TEMPLATE}{{subject: x, bodyFile: {path}}}\n")


def test_a_manifest_that_is_a_link_out_of_the_project_is_not_read(project: Project) -> None:
    outside = project.root.parent / "other.yaml"
    outside.write_text("squalomail: {}")
    (project.root / "manifests/a.yaml").symlink_to(outside)
    assert project.told() == [("path-outside-project", "1:1")]


def test_a_file_is_read_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    original = Path.open

    def counted(self: Path, *arguments: Any, **named: Any) -> Any:
        opened.append(self.name)
        return original(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", counted)
    entries = "".join(f"    t{n}: {{subject: x, bodyFile: emails/hello.html}}\n" for n in range(5))
    project.load("squalomail:\n  templates:\n" + entries)
    assert opened.count("hello.html") == 1


def test_the_digest_covers_every_file_that_was_read(project: Project) -> None:
    text = f"{TEMPLATE}{{subject: x, bodyFile: emails/hello.html}}\n"
    first = project.load(text).digest
    assert first == project.load().digest
    assert len(first) == 64
    seen = {first}
    project.write("emails/unused.html", "x")
    assert project.load().digest in seen
    for path in ("emails/hello.html", "reconcile.yaml", "manifests/b.yaml"):
        project.write(path, "# changed\n")
        digest = project.load().digest
        assert digest not in seen
        seen.add(digest)
    (project.root / "manifests/b.yaml").rename(project.root / "manifests/c.yaml")
    assert project.load().digest not in seen


# Defaults


def with_defaults(project: Project, defaults: str, text: str) -> Mapping[Address, Any]:
    findings: list[Any] = []
    document = parse_yaml(defaults.encode(), "reconcile.yaml", findings)
    assert not findings
    assert isinstance(document.root, MappingNode)
    project.write("manifests/a.yaml", text)
    made = Defaults(document, document.root)
    found = load(project.root, REGISTRY, scope=Scope(project.variables, project.environ), defaults=made)
    return found.resources


def test_defaults_count_as_declared(project: Project) -> None:
    project.variables["who"] = "Example"
    defaults = 'squalomail: {campaign: {fromEmail: a@b.example, fromName: "${var.who}", language: IT}}'
    text = "squalomail:\n  campaigns:\n    a: {subject: a, fromEmail: own@b.example}\n"
    text += "    b: {subject: b, manage: external}\n"
    text += "  lists:\n    l: {name: l}\n"
    found = with_defaults(project, defaults, text)
    a = found[parse_address("squalomail.campaign.a")]
    assert a.attributes == {"subject": "a", "fromEmail": "own@b.example", "fromName": "Example", "language": "it"}
    assert str(a.locations["fromName"]) == "reconcile.yaml:1:49"
    assert str(a.locations["fromEmail"]) == "manifests/a.yaml:3:21"
    assert found[parse_address("squalomail.campaign.b")].attributes == {"subject": "b"}
    assert found[parse_address("squalomail.list.l")].attributes == {"name": "l"}


@pytest.mark.parametrize("own", ["body: own", "bodyFile: emails/hello.html"])
@pytest.mark.parametrize("default", ["body: other", "bodyFile: emails/hello.html"])
def test_a_default_gives_way_to_either_form_of_an_attribute(project: Project, own: str, default: str) -> None:
    found = with_defaults(project, f"squalomail: {{template: {{{default}}}}}", f"{TEMPLATE}{{subject: x, {own}}}\n")
    (resource,) = found.values()
    assert resource.attributes["body"] == ("own" if own == "body: own" else "<p>Hello</p>")


def test_the_merged_entry_is_what_its_kind_judges(project: Project) -> None:
    text = TEMPLATE + "{subject: x, template: two}\n    two: {subject: y}\n"
    with pytest.raises(InvalidInput) as caught:
        with_defaults(project, "squalomail: {template: {body: default}}", text)
    (finding,) = caught.value.diagnostics
    assert (finding.code, str(finding.location)) == ("wrong-entry", "reconcile.yaml:1:25")


@pytest.mark.parametrize(
    ("defaults", "code", "place", "hint"),
    [
        ("squalo: {}", "unknown-provider", "1:1", 'Did you mean "squalomail"?'),
        ("squalomail: {campaigns: {}}", "unknown-kind", "1:14", 'Did you mean "campaign"?'),
        ("squalomail: {campaign: {fromMail: x}}", "unknown-attribute", "1:25", 'Did you mean "fromEmail"?'),
        ("squalomail: {campaign: {language: xx}}", "wrong-value", "1:35", None),
        ("squalomail: {campaign: {fromName: 5}}", "wrong-type", "1:35", 'Quote it: "5".'),
        ("squalomail: {campaign: {subject: x}}", "no-default", "1:25", None),
        ("squalomail: {list: {lifecycle: {}}}", "no-default", "1:21", None),
        ("squalomail: {list: 5}", "wrong-type", "1:20", None),
        ("squalomail: {template: {body: x, bodyFile: y}}", "both-declared", "1:34", None),
        ("squalomail: {template: {bodyFile: nowhere}}", "missing-file", "1:35", None),
        ('squalomail: {list: {ordering: "${env.NO}"}}', "unset-environment", "1:32", None),
    ],
)
def test_wrong_defaults_are_told_once_and_where_they_stand(
    project: Project, defaults: str, code: str, place: str, hint: str | None
) -> None:
    entries = (
        "squalomail:\n  campaigns:\n    a: {subject: a}\n    b: {subject: b}\n  lists: {l: {name: l}, m: {name: m}}\n"
    )
    with pytest.raises(InvalidInput) as caught:
        with_defaults(project, defaults, entries)
    (finding,) = caught.value.diagnostics
    assert (finding.code, str(finding.location)) == (code, f"reconcile.yaml:{place}")
    assert hint is None or finding.hint == hint


# Speed


def large(entries: int) -> str:
    lines = ["squalomail:", "  lists: {italia: {name: A}, europa: {name: B}}", "  campaigns:"]
    for n in range(entries):
        lines.append(f"    entry{n}:\n      subject: Hello {n}\n      bodyFile: emails/hello.html")
        lines += [
            f"      {name}: value" for name in ("fromEmail", "fromName", "replyToEmail", "replyToName", "utmSource")
        ]
        lines.append("      language: it\n      lists: [italia, europa]\n      visible: true\n      addUtm: true")
    return "\n".join(lines)


def test_loading_is_fast_and_grows_with_the_number_of_entries(project: Project) -> None:
    def seconds(entries: int) -> float:
        project.write("manifests/a.yaml", large(entries))
        start = time.process_time()
        assert len(project.load().resources) == entries + 2
        return time.process_time() - start

    seconds(100)
    small, large_ = seconds(1000), seconds(4000)
    assert large_ < 8 * small + 0.1
    assert large_ < 4  # a tenth of it on a quiet machine


def test_the_collector_is_left_as_it_was(project: Project) -> None:
    assert gc.isenabled()
    project.load(FULL)
    assert gc.isenabled()
    with pytest.raises(InvalidInput):
        project.load("a: [")
    assert gc.isenabled()
    gc.disable()
    try:
        project.load(FULL)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_every_example_loads() -> None:
    from reconcile.cli.settings import load_settings

    for path in sorted((Path(__file__).parents[2] / "examples").glob("*/reconcile.yaml")):
        for environment in (None, *load_settings(path.parent, environment=None, variables={}, environ={}).environments):
            found = load_settings(path.parent, environment=environment, variables={}, environ={})
            assert found.manifests(found.registry()).resources
