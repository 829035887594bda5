"""Build a mail from its source: parts put in place, MJML rendered, styles inlined; merge tags come through unharmed.

Everything that a platform fills is set aside as a word before a library sees the source and put back afterwards. What
can't be put back in place and in order is an error at a line and column, never a mail that says something else.
Nothing is loaded from anywhere: files come through ``read``, which the caller bounds to the project.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from reconcile.mail.minify import minified
from reconcile.mail.source import MERGE_TAG

Read = Callable[[str], str]

PARTS: Final = "parts"
# What is our own in a builder's name: to be raised whenever the same sources are built into something else.
_OWN: Final = "reconcile-build 1"
_PART = re.compile(r"<!--\s*reconcile:part\s+([^\s>]*?)\s*-->")
_PART_NAME = re.compile(r"[A-Za-z0-9][\w-]*(?:/[A-Za-z0-9][\w-]*)*")
_DEEPEST = 20
_MJML_TAG = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<(/?)(mj[\w-]*)\b((?:\"[^\"]*\"|'[^']*'|[^'\">])*?)(/?)>", re.DOTALL
)
_MJML_TAGS: Final = frozenset(
    "mjml"  # noqa: SIM905  # a list of forty lines says no more
    " mj-accordion mj-accordion-element mj-accordion-text mj-accordion-title mj-all mj-attributes mj-body"
    " mj-breakpoint mj-button mj-carousel mj-carousel-image mj-class mj-column mj-divider mj-font mj-group mj-head"
    " mj-hero mj-html-attribute mj-html-attributes mj-image mj-include mj-navbar mj-navbar-link mj-preview mj-raw"
    " mj-section mj-selector mj-social mj-social-element mj-spacer mj-style mj-table mj-text mj-title"
    " mj-wrapper".split()
)


class BuildError(Exception):
    """Why a mail can't be built, as a sentence, and where: a project-relative path, a line and a column from 1."""

    def __init__(self, detail: str, file: str, line: int = 1, column: int = 1, hint: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Options:
    """How a mail is built. MJML is always rendered; ``language`` is its ``lang`` where the source has none."""

    inline: bool = False
    minify: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """What goes out, the files that it was made from, and the builder that made it, with its version."""

    text: str
    sources: tuple[str, ...]
    builder: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of the assembled source: where it begins there, its file, and where it begins in that."""

    start: int
    file: str
    offset: int
    text: str


class _Assembled:
    """A source with its parts in place, and the way back from any of its characters to a line of a file."""

    def __init__(self) -> None:
        self.pieces: list[_Piece] = []
        self.sources: dict[str, str] = {}
        self._length = 0

    def add(self, file: str, offset: int, text: str) -> None:
        if text:
            self.pieces.append(_Piece(self._length, file, offset, text))
            self._length += len(text)

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    def error(self, detail: str, at: int, hint: str | None = None) -> BuildError:
        """The error at a character of the assembled text."""
        piece = next((one for one in reversed(self.pieces) if one.start <= at), None)
        if piece is None:
            return BuildError(detail, next(iter(self.sources), ""), hint=hint)
        return _error(detail, piece.file, self.sources[piece.file], piece.offset + at - piece.start, hint)


def build(path: str, read: Read, options: Options = Options()) -> Built:
    """Build the mail whose source is the file at a project-relative path.

    Raises:
        BuildError: the source, or a file that it includes, can't be built.
    """
    source = read(path)
    assembled = _Assembled()
    assembled.sources[path] = source
    _put_in(assembled, path, source, read, (path,))
    text = assembled.text
    is_mjml = path.lower().endswith(".mjml")
    if not is_mjml and not options.inline and not options.minify:
        return Built(text, tuple(assembled.sources), _OWN)
    aside = _SetAside(assembled, mjml=is_mjml)
    made = aside.text
    builders = [_OWN]
    if is_mjml:
        made = _rendered(made, assembled, read, options.language)
        builders.append(_named("mjml-python"))
    if options.inline:
        made = _inlined(made, path)
        builders.append(_named("css-inline"))
    made = aside.put_back(made)
    if options.minify:
        made = minified(made)
    return Built(made, tuple(assembled.sources), " ".join(builders))


def uses_parts(text: str) -> bool:
    """Whether a source names parts."""
    return _PART.search(text) is not None


def _error(detail: str, file: str, text: str, at: int, hint: str | None = None) -> BuildError:
    line = text.count("\n", 0, at) + 1
    return BuildError(detail, file, line, at - (text.rfind("\n", 0, at) + 1) + 1, hint)


@cache
def _named(distribution: str) -> str:
    from importlib.metadata import version

    return f"{distribution} {version(distribution)}"


# Parts


def _put_in(assembled: _Assembled, path: str, text: str, read: Read, way: tuple[str, ...]) -> None:
    """Add a file's text, each part's in the place where it is named."""
    done = 0
    for found in _PART.finditer(text):
        assembled.add(path, done, text[done : found.start()])
        done = found.end()
        name = found[1]
        if not _PART_NAME.fullmatch(name):
            detail = f'"{name}" can\'t be the name of a part: it takes letters, digits, - and _, and / for folders.'
            raise _error(detail, path, text, found.start())
        file = f"{PARTS}/{name}.html"
        if file in way:
            circle = " -> ".join((*way[way.index(file) :], file))
            raise _error(f"Parts name one another in a circle: {circle}. Break it.", path, text, found.start())
        if len(way) > _DEEPEST:
            raise _error(f"Parts are more than {_DEEPEST} deep.", path, text, found.start())
        try:
            part = read(file)
        except BuildError as error:
            raise _error(f"{file}: {error.detail}", path, text, found.start(), error.hint) from None
        assembled.sources[file] = part
        # The line end at a file's end is no part of what it says.
        _put_in(assembled, file, part.removesuffix("\n").removesuffix("\r"), read, (*way, file))
    assembled.add(path, done, text[done:])


# Merge tags


_ENTITY = r"&(?:\#\d{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
_CSS_RULE = re.compile(r"\{\s*[a-z-]+\s*:[^/{}]*\}")
# Markup as a whole: comments, elements whose content is raw, tags with their attributes.
_MARKUP = re.compile(
    r"<!--(?P<comment>.*?)-->|<(?P<raw>style|script|title|textarea|mj-title|mj-preview|mj-style)\b(?P<head>[^>]*)>"
    r"(?P<content>.*?)</(?P=raw)\s*>|<[A-Za-z/!?](?P<tag>(?:\"[^\"]*\"|'[^']*'|[^'\">])*)>",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"(?P<name>[^\s=\"'<>/]+)\s*=\s*(?P<value>\"[^\"]*\"|'[^']*')")
_BARE_IN = ("style", "class", "id", "css-class", "mj-class")


class _SetAside:
    """A source with a word in place of each merge tag, each entity and each attribute's value that has one."""

    def __init__(self, assembled: _Assembled, *, mjml: bool) -> None:
        self._assembled = assembled
        source = assembled.text
        self._word = next(word for word in ("rcq", "rcqx", "rcqxx", "rcqxxx") if word not in source)
        self._kept: list[str] = []  # what stood there
        self._tags: list[tuple[int, int]] = []  # merge tags: number, offset in the source
        self._glued: set[int] = set()  # those with no blank before them
        self._within: dict[int, list[str]] = {}  # the words within a value that was kept whole
        words = self._words(source)
        self._body = words.lower().find("<mj-body" if mjml else "<body")
        self.text = self._by_place(words)

    def _token(self, number: int) -> str:
        return f"{self._word}{number}qcr"

    def _keep(self, text: str) -> int:
        self._kept.append(text)
        return len(self._kept) - 1

    def _words(self, source: str) -> str:
        styles = [(found.start("content"), found.end("content")) for found in _STYLE.finditer(source)]

        def replaced(found: re.Match[str]) -> str:
            text = found[0]
            in_style = any(start <= found.start() < end for start, end in styles)
            if in_style and (_CSS_RULE.fullmatch(text) or (text.startswith(("%", "{")) and not _SURE.match(text))):
                return text
            number = self._keep(text)
            if not text.startswith("&"):
                self._tags.append((number, found.start()))
                if not source[: found.start()][-1:].isspace():
                    self._glued.add(number)
            return self._token(number)

        return re.sub(f"{MERGE_TAG}|{_ENTITY}", replaced, source)

    def _by_place(self, words: str) -> str:
        """The words as they survive where they stand: in comments where body text is, else bare."""
        pieces: list[str] = []
        done = 0
        for found in _MARKUP.finditer(words):
            pieces += [self._in_text(words[done : found.start()]), self._in_markup(found)]
            done = found.end()
        return "".join([*pieces, self._in_text(words[done:])])

    def _in_text(self, text: str) -> str:
        tags = {number for number, _ in self._tags}

        def commented(found: re.Match[str]) -> str:
            return f"<!--{found[0]}-->" if int(found[1]) in tags else found[0]

        return re.sub(rf"{self._word}(\d+)qcr", commented, text)

    def _in_markup(self, found: re.Match[str]) -> str:
        if found["tag"] is None and found["head"] is None:
            return found[0]
        group = "tag" if found["tag"] is not None else "head"
        inner = _ATTRIBUTE.sub(self._in_value, found[group])
        start, end = found.start(group) - found.start(), found.end(group) - found.start()
        return found[0][:start] + inner + found[0][end:]

    def _in_value(self, found: re.Match[str]) -> str:
        """A value with a tag in it as one word, so that nothing is escaped anew; a style stays open to the inliner."""
        if self._word not in found["value"] or found["name"].lower() in _BARE_IN:
            return found[0]
        token = rf"{self._word}(\d+)qcr"
        number = self._keep(re.sub(token, lambda word: self._kept[int(word[1])], found["value"]))
        self._within[number] = [word[0] for word in re.finditer(token, found["value"])]
        return f'{found["name"]}="{self._token(number)}"'

    def put_back(self, made: str) -> str:
        """What was made, with everything in its place again.

        Raises:
            BuildError: something is lost, or stands in another order in the body.
        """
        self._check(made)
        token = rf"{self._word}(\d+)qcr"

        def whole(found: re.Match[str]) -> str:
            number = int(found["number"])
            # An attribute without a value: the blank before it is the library's own where there was none.
            blank = "" if found["empty"] and number in self._glued else found["blank"]
            return blank + self._kept[number]

        made = re.sub(rf'"{token}"', lambda found: _quoted(self._kept[int(found[1])]), made)
        made = re.sub(rf"<!--{token}-->", lambda found: self._kept[int(found[1])], made)
        return re.sub(rf'(?P<blank>\s?){self._word}(?P<number>\d+)qcr(?P<empty>="")?', whole, made)

    def _check(self, made: str) -> None:
        opened = self._opened(made)
        places = {number: opened.find(self._token(number)) for number, _ in self._tags}
        last = -1
        for number, offset in self._tags:
            tag = self._kept[number]
            if places[number] < 0:
                raise self._assembled.error(
                    f"The merge tag {tag} does not come through the build.",
                    offset,
                    "Put it where text stands; in MJML within mj-raw, between the elements that it is about.",
                )
            if offset < self._body_offset():
                continue
            if places[number] < last:
                raise self._assembled.error(
                    f"The merge tag {tag} would stand in another place after the build.",
                    offset,
                    "Put it where text stands; in MJML within mj-raw, between the elements that it is about.",
                )
            last = places[number]

    def _body_offset(self) -> int:
        source = self._assembled.text.lower()
        return max(source.find("<body"), source.find("<mj-body"), 0)

    def _opened(self, made: str) -> str:
        """What was made, with the words within kept values in sight."""

        def shown(found: re.Match[str]) -> str:
            return found[0] + " ".join(self._within.get(int(found[1]), ()))

        return re.sub(rf"{self._word}(\d+)qcr", shown, made)


_STYLE = re.compile(r"<(?:mj-)?style\b[^>]*>(?P<content>.*?)</(?:mj-)?style\s*>", re.DOTALL | re.IGNORECASE)
_SURE = re.compile(r"\{\{|\{%|\{/?(?:sub)?tag:|%%|\{[A-Z]")


def _quoted(value: str) -> str:
    """A value in quotes that it does not hold; it is kept with those that it stood in, or was a bare word."""
    quote, inner = ('"', value) if value[:1] not in ("'", '"') else (value[0], value[1:-1])
    if quote in inner:
        quote = next((other for other in ('"', "'") if other not in inner), quote)
    return f"{quote}{inner}{quote}"


# MJML


def _rendered(text: str, assembled: _Assembled, read: Read, language: str | None) -> str:
    import mjml

    _check_mjml(text, assembled)
    if language is not None and not re.search(r"<mjml\b[^>]*\blang\s*=", text):
        text = re.sub(r"<mjml\b", f'<mjml lang="{language}"', text, count=1)
    failed: list[BuildError] = []

    def included(path: str) -> str:
        folder = next(iter(assembled.sources)).rpartition("/")[0]
        file = _inside(f"{folder}/{path}" if folder else path)
        try:
            if file is None:
                raise BuildError(f"The include {path} leads out of the project.", next(iter(assembled.sources)))
            found = read(file)
        except BuildError as error:
            failed.append(error)
            return ""
        assembled.sources[file] = found
        return found

    try:
        made: str = mjml.mjml2html(text, include_loader=included, fonts={})
    except ValueError as error:
        if failed:
            raise failed[0] from None
        raise _mjml_error(str(error), text, assembled) from None
    if failed:
        raise failed[0]
    return made


def _inside(path: str) -> str | None:
    """A project-relative path without ``.`` and ``..``; None if it leads out."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and not parts:
            return None
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _check_mjml(text: str, assembled: _Assembled) -> None:
    """Elements that MJML does not have, and such as are not closed: the library says nothing, or not where."""
    open_: list[tuple[str, int]] = []
    for found in _MJML_TAG.finditer(text):
        if found[2] is None:
            continue
        name, at = found[2], _before(text, found.start(), assembled)
        if name not in _MJML_TAGS:
            raise assembled.error(f"MJML has no element {name}.", at, "See MJML's list of components.")
        if name == "mj-style" and re.search(r"\binline\b", found[3]) and not found[1]:
            raise assembled.error(
                'mj-style with inline="inline" is not supported: its styles would not be in the mail.',
                at,
                "Take `inline` away and set `build: {inline: true}` on the entry, which inlines all styles.",
            )
        if found[1]:
            if not open_ or open_[-1][0] != name:
                expected = f"</{open_[-1][0]}>" if open_ else "nothing"
                raise assembled.error(f"</{name}> closes nothing here; {expected} is expected.", at)
            open_.pop()
        elif not found[4]:
            open_.append((name, at))
    if open_:
        raise assembled.error(f"<{open_[-1][0]}> is never closed.", open_[-1][1])


def _before(text: str, at: int, assembled: _Assembled) -> int:
    """Where a place of the text with words stands in the source, by its line and the markup before it on the line."""
    line = text.count("\n", 0, at)
    source_lines = assembled.text.split("\n")
    start = sum(len(one) + 1 for one in source_lines[:line])
    column = at - (text.rfind("\n", 0, at) + 1)
    source = source_lines[line] if line < len(source_lines) else ""
    nth = text[at - column : at].count("<mj") + text[at - column : at].count("</mj")
    places = [found.start() for found in re.finditer(r"</?mj", source)]
    return start + (places[nth] if nth < len(places) else 0)


def _mjml_error(message: str, text: str, assembled: _Assembled) -> BuildError:
    found = re.search(r"position (\d+)(?::(\d+))?", message)
    at = _before(text, min(int(found[1]), len(text)), assembled) if found is not None else 0
    reason = re.sub(r"\s+in root template|\s*\(?(?:at )?position \d+(?::\d+)?\)?", "", message).strip()
    return assembled.error(f"The MJML can't be rendered: {reason}.", at)


# Styles and blanks


def _inlined(text: str, path: str) -> str:
    import css_inline

    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False, keep_style_tags=True, keep_link_tags=True, keep_at_rules=True
    )
    try:
        return inliner.inline(text)
    except css_inline.InlineError as error:
        raise BuildError(f"The styles can't be inlined: {error}.", path) from None
