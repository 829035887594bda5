"""YAML text -> a tree of values that know where they stand.

The only module beside ``spans`` that knows PyYAML. It reads libyaml's events one by one, with a stack of its own, so
that neither deep nor self-multiplying input can hurt. Plain scalars follow the core schema of YAML 1.2: ``no`` and
``on`` are text.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave out what comes from C
from yaml.error import YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.tokens import (
    KeyToken,
)

from reconcile.errors import Diagnostic, Location
from reconcile.mail.conflicts import marker
from reconcile.manifests.comments import gaps
from reconcile.manifests.nodes import Document, ListNode, MappingNode, Node, Scalar, ScalarNode
from reconcile.manifests.syntax import explain_syntax, unfinished_merge

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_ALIASES: Final = 1_000
MAX_EXPANSION: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class _Limits:
    """Counts the uses of aliases, and what they stand for, before anything is built from them."""

    uses: int = 0
    expanded: int = 0
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)  # by identity: characters and nodes, height

    def measure(self, node: Node) -> tuple[int, int]:
        """How much a node holds with its aliases written out, and how deep it is."""
        known = self.sizes.get(id(node))
        if known is None:
            known = self.sizes[id(node)] = self._walk(node)
        return known

    def _walk(self, node: Node) -> tuple[int, int]:
        size = height = 0
        waiting: list[tuple[Node, int]] = [(node, 1)]
        while waiting:
            current, depth = waiting.pop()
            known = self.sizes.get(id(current))
            if known is not None:
                size += known[0]
                height = max(height, depth + known[1] - 1)
                continue
            height = max(height, depth)
            if isinstance(current, ScalarNode):
                size += 1 + len(current.raw)
            elif isinstance(current, ListNode):
                size += 1
                waiting.extend((item, depth + 1) for item in current.items)
            else:
                size += 1 + sum(map(len, current.members))
                waiting.extend((member, depth + 1) for member in current.members.values())
        return size, height


class _Stop(Exception):
    """The rest of the file can't be made sense of."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.detail)
        self.finding = finding


def parse_yaml(data: bytes, file: str, findings: list[Diagnostic]) -> Document:
    """The document in a file's bytes; what is wrong with it is added to ``findings``."""
    text = _decoded(data, file, findings)
    if text is None:
        return Document(file, "", None)
    before = len(findings)
    try:
        root = _Builder(text, file, findings).build()
    except _Stop as stop:
        findings.append(stop.finding)
        root = None
    except YAMLError as error:
        findings.append(_syntax_error(error, text, file))
        root = None
    if len(findings) > before and (mark := marker(text)) is not None:
        # All that is wrong with the file comes of it, and only one thing is to be done.
        findings[before:] = [unfinished_merge(mark[0], text, mark.start(), file)]
        root = None
    return Document(file, text, root)


def _decoded(data: bytes, file: str, findings: list[Diagnostic]) -> str | None:
    if len(data) > MAX_BYTES:
        detail = f"The file has {len(data):,} bytes; at most {MAX_BYTES:,} are read. Split it into several files."
        findings.append(Diagnostic("file-too-large", "a file is too large", detail, location=Location(file)))
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The text before the fault is fine, so it tells the place.
        before = data[: error.start].decode("utf-8-sig")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        detail = f"Byte 0x{data[error.start]:02x} is not UTF-8. Save the file in the encoding UTF-8."
        findings.append(Diagnostic("not-utf8", "a file is not UTF-8", detail, location=Location(file, line, column)))
        return None
    wrong = _UNWANTED.search(text)
    if wrong is not None:
        line = text.count("\n", 0, wrong.start()) + 1
        place = Location(file, line, wrong.start() - text.rfind("\n", 0, wrong.start()))
        findings.append(_unwanted_character(wrong.group(), place))
        return None
    return text


# Control characters are not allowed in YAML. U+0085, U+2028 and U+2029 are text in YAML 1.2, but line ends in 1.1 and
# for libyaml: refused, so that nobody's text is folded unseen. So is a byte order mark inside the text.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def _unwanted_character(character: str, place: Location) -> Diagnostic:
    code = f"U+{ord(character):04X}"
    escape = f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"
    return Diagnostic(
        "unwanted-character",
        "an invisible character",
        f"The invisible character {code} stands here, where YAML allows none. Delete it.",
        location=place,
        hint=f'If it is meant, write it within double quotes as "{escape}".',
    )


class _Builder:
    """Makes the tree of one document from libyaml's events."""

    def __init__(self, text: str, file: str, findings: list[Diagnostic]) -> None:
        self._text = text
        self._file = file
        self._findings = findings
        self._anchors: dict[str, Node] = {}
        self._open: set[int] = set()
        self._limits = _Limits()
        if _FLOW_QUESTION.search(text):
            self._check_questions()

    def build(self) -> MappingNode | None:
        """The top mapping, None for an empty file or a top that is none."""
        parser = CParser(self._text)
        get_event = parser.get_event
        root: Node | None = None
        documents = 0
        # The container being filled, what is outside of it, and the pending key of a mapping.
        current: ListNode | MappingNode | None = None
        stack: list[tuple[ListNode | MappingNode | None, str | None]] = []
        key: str | None = None
        node: Node
        resolved: dict[str, Scalar] = {}
        while True:
            event: Any = get_event()
            if event is None:
                break
            kind = type(event)
            if kind is ScalarEvent:
                raw = event.value
                if key is None and type(current) is MappingNode:
                    key = self._key(event, current)
                    continue
                if event.style or event.tag is not None:
                    node = ScalarNode(raw if event.tag is None else self._tagged(event), raw, event.start_mark)
                else:
                    # Equal texts are kept once: manifests repeat themselves.
                    if raw in resolved:
                        value = resolved[raw]
                    else:
                        value = resolved[raw] = self._plain(raw, event)
                    node = ScalarNode(value, raw, event.start_mark)
                if event.anchor is not None:
                    self._anchors[event.anchor] = node
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                assert current is not None  # noqa: S101  # libyaml balances its events
                self._open.discard(id(current))
                node = current
                current, key = stack.pop()
                if key is _KEY_ITSELF:
                    key = _NO_KEY
                    continue
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                if key is None and type(current) is MappingNode:
                    self._not_text_key(event, "a list or a mapping")
                    key = _KEY_ITSELF
                if len(stack) >= MAX_DEPTH:
                    raise self._too_deep(event.start_mark)
                self._check_collection_tag(event, kind)
                stack.append((current, key))
                current = MappingNode(event.start_mark) if kind is MappingStartEvent else ListNode(event.start_mark)
                key = None
                if event.anchor is not None:
                    self._anchors[event.anchor] = current
                    self._open.add(id(current))
                continue
            elif kind is AliasEvent:
                if key is None and type(current) is MappingNode:
                    self._not_text_key(event, "an alias")
                    key = _NO_KEY
                    continue
                node = self._alias(event, len(stack))
            elif kind is DocumentStartEvent:
                documents += 1
                self._check_document(event, documents)
                continue
            else:
                continue
            if current is None:
                root = node
            elif type(current) is MappingNode:
                if key is not _NO_KEY:
                    current.members[key] = node  # type: ignore[index]  # its key came before
                key = None
            else:
                current.items.append(node)  # type: ignore[union-attr]  # not a mapping, so a list
        return self._top(root)

    def _check_questions(self) -> None:
        """Refuse text that begins with ? within braces or brackets: libyaml takes the ? for the sign of a key."""
        for _, _, token, columns in gaps(self._text):
            if not isinstance(token, KeyToken) or columns:
                continue
            at = token.start_mark.index
            if self._text[at] == "?" and not self._text[at + 1 : at + 2].isspace():
                detail = "Within braces and brackets, text that begins with ? is written within quotes."
                raise self._stop("yaml-syntax", "no valid YAML", detail, token.start_mark)

    def _top(self, root: Node | None) -> MappingNode | None:
        if root is None or isinstance(root, MappingNode):
            return root
        if isinstance(root, ScalarNode) and root.value is None:
            return None
        what = "a list" if isinstance(root, ListNode) else "a single value"
        detail = f"The file holds {what}; it takes a mapping, that is lines of the form `name: value`."
        raise self._stop("not-a-mapping", "a file is no mapping", detail, root.mark)

    def _key(self, event: Any, mapping: MappingNode) -> str:
        raw: str = event.value
        mark = event.start_mark
        if event.tag is None and not event.style and raw[:1] in _STARTS:
            if raw == "<<":
                self._find(
                    "merge-key",
                    "a merge key",
                    "Merge keys (`<<`) are not part of YAML 1.2 and are not read. Write the members out, or use "
                    "`defaults` in reconcile.yaml.",
                    mark,
                )
                return _NO_KEY
            if not isinstance(self._plain(raw, event), str):
                self._not_text_key(event, f"`{raw}`" if raw else "nothing", raw)
                if not raw:
                    return _NO_KEY
        elif event.tag is not None and not isinstance(self._tagged(event), str):
            self._not_text_key(event, f"`{raw}`", raw)
        if raw in mapping.keys:
            self._findings.append(
                Diagnostic(
                    "duplicate-key",
                    "a name is given twice",
                    f'"{raw}" stands twice in this mapping. Keep one of them.',
                    location=self._at(mark),
                    others=(self._at(mapping.keys[raw]),),
                )
            )
            return _NO_KEY
        mapping.keys[raw] = mark
        if event.anchor is not None:
            self._anchors[event.anchor] = ScalarNode(raw, raw, mark)
        return raw

    def _not_text_key(self, event: Any, what: str, raw: str | None = None) -> None:
        hint = f'Quote it: "{raw}".' if raw else None
        detail = f"A name is wanted before the colon, which is text; here stands {what}."
        self._find("key-not-text", "a key is not text", detail, event.start_mark, hint)

    def _plain(self, raw: str, event: Any) -> Scalar:
        """The value of an unquoted scalar."""
        if raw[:1] not in _STARTS:
            return raw
        if raw in _WORDS:
            return _WORDS[raw]
        if _NUMBER.fullmatch(raw) is None:
            return raw
        return self._number(raw, event)

    def _number(self, raw: str, event: Any) -> float:
        if len(raw) > _MAX_DIGITS:
            detail = f"The number has {len(raw)} characters; at most {_MAX_DIGITS} are read. Quote it if it is text."
            self._find("wrong-number", "a number is too long", detail, event.start_mark)
            return 0
        if raw[:2] in ("0o", "0x"):
            return int(raw[2:], 8 if raw[1] == "o" else 16)
        return int(raw) if _INTEGER.fullmatch(raw) else float(raw)

    def _tagged(self, event: Any) -> Scalar:
        """The value of a scalar with an explicit tag."""
        raw: str = event.value
        tag: str = event.tag
        if tag in ("!", "tag:yaml.org,2002:str"):
            return raw
        name = tag.removeprefix("tag:yaml.org,2002:")
        wanted = _TAGS.get(name) if name != tag else None
        if wanted is None:
            self._unknown_tag(event)
            return raw
        value = self._plain(raw, event)
        if name == "float" and type(value) is int:
            return float(value)
        if type(value) is not wanted:
            detail = f"`{raw}` is tagged as `!!{name}`, which it is not. Correct it, or take the tag away."
            self._find("wrong-tag", "a value does not fit its tag", detail, event.start_mark)
        return value

    def _check_collection_tag(self, event: Any, kind: type) -> None:
        own = "map" if kind is MappingStartEvent else "seq"
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{own}"):
            self._unknown_tag(event)

    def _unknown_tag(self, event: Any) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        detail = f"The tag `{tag}` is not known here. Take it away; text with a special form is written within quotes."
        self._find("unknown-tag", "an unknown tag", detail, event.start_mark)

    def _alias(self, event: Any, depth: int) -> Node:
        name = event.anchor
        node = self._anchors.get(name)
        if node is None:
            detail = f"`*{name}` refers to an anchor that is not defined above. Define it there as `&{name}`."
            known = ", ".join(f"`{anchor}`" for anchor in sorted(self._anchors)[:5])
            hint = f"Known here: {known}." if known else None
            raise self._stop("undefined-alias", "an undefined anchor", detail, event.start_mark, hint)
        if id(node) in self._open:
            detail = f"`*{name}` stands within what it refers to, which would never end. Write the value out."
            raise self._stop("recursive-alias", "an anchor contains itself", detail, event.start_mark)
        limits = self._limits
        size, height = limits.measure(node)
        limits.uses += 1
        limits.expanded += size
        if limits.uses > MAX_ALIASES or limits.expanded > MAX_EXPANSION:
            detail = (
                f"The aliases of this file stand for too much: at most {MAX_ALIASES:,} uses and {MAX_EXPANSION:,} "
                f"characters are expanded. Write the values out, or use `defaults` in reconcile.yaml."
            )
            raise self._stop("too-many-aliases", "aliases stand for too much", detail, event.start_mark)
        if depth + height > MAX_DEPTH:
            raise self._too_deep(event.start_mark)
        return node

    def _check_document(self, event: Any, number: int) -> None:
        if number > 1:
            detail = "A second document begins here. One file takes one document: move it to a file of its own."
            raise self._stop("several-documents", "several documents in a file", detail, event.start_mark)
        if event.version is not None and tuple(event.version) != (1, 2):
            version = ".".join(map(str, event.version))
            detail = f"The file says that it is YAML {version}; manifests are YAML 1.2. Delete the `%YAML` line."
            self._find("yaml-version", "another version of YAML", detail, event.start_mark)

    def _too_deep(self, mark: Any) -> _Stop:
        detail = f"Values are nested deeper than {MAX_DEPTH} levels here. Nothing that can be declared is."
        return self._stop("nesting-too-deep", "nested too deep", detail, mark)

    def _at(self, mark: Any) -> Location:
        return Location(self._file, int(mark.line) + 1, int(mark.column) + 1)

    def _find(self, code: str, summary: str, detail: str, mark: Any, hint: str | None = None) -> None:
        self._findings.append(Diagnostic(code, summary, detail, location=self._at(mark), hint=hint))

    def _stop(self, code: str, summary: str, detail: str, mark: Any, hint: str | None = None) -> _Stop:
        return _Stop(Diagnostic(code, summary, detail, location=self._at(mark), hint=hint))


# In place of a key that was refused, its value being dropped; and while such a key is being read.
# They are told apart by identity, and no text of a file is the same object.
_NO_KEY: Final = "\0no key"
_KEY_ITSELF: Final = "\0key itself"
_MAX_DIGITS: Final = 100
_FLOW_QUESTION = re.compile(r"[\[{,]\s*\?\S")
_TAGS: Final = {"null": type(None), "bool": bool, "int": int, "float": float}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, Scalar]] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
    | dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), float("inf"))
    | dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf"))
    | dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan"))
)
# What a plain scalar that is no text can begin with ("" is in it too), and a merge key.
_STARTS: Final = frozenset(["", *"~nNtTfF.+-0123456789<"])


def _syntax_error(error: YAMLError, text: str, file: str) -> Diagnostic:
    """The complaint of libyaml in our words, at its place."""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it can't be read"
    mark, start = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None:
        return explain_syntax(problem, "", Location(file))
    lines = text.splitlines()
    # At the end of the text libyaml points behind it; the place where the value began helps more.
    at_end = mark.line >= len(lines) or "end of stream" in problem
    shown = start if start is not None and at_end else mark
    source = lines[shown.line] if shown.line < len(lines) else ""
    return explain_syntax(problem, source, Location(file, int(shown.line) + 1, int(shown.column) + 1))
