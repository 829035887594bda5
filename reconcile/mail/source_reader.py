"""The source of a mail, read: HTML to tags, words and blocks as a reader sees them."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from reconcile.mail.source import INVISIBLE, MERGE_TAG, Block, Source, Tag, Word, picture_name
from reconcile.mail.style import names

BLOCKS = names(
    "address article aside blockquote body caption center col colgroup dd details dialog div dl dt fieldset figcaption"
    " figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html li main menu nav ol p pre section summary table"
    " tbody td tfoot th thead tr ul"
)
HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_VOID = names("area base br col embed hr img input link meta param source track wbr")
_RAW = names("iframe noembed noframes script style textarea title xmp")
# Which open tag a start tag closes, and where looking for it ends.
_CLOSES: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "li": (frozenset(["li"]), frozenset(["ul", "ol", "menu"])),
    "dt": (frozenset(["dt", "dd"]), frozenset(["dl"])),
    "dd": (frozenset(["dt", "dd"]), frozenset(["dl"])),
    "td": (frozenset(["td", "th"]), frozenset(["tr", "table"])),
    "th": (frozenset(["td", "th"]), frozenset(["tr", "table"])),
    "tr": (frozenset(["tr"]), frozenset(["table"])),
}
_MARKUP = re.compile(r"<(?:!--|[A-Za-z/!?])")
_TAG_NAME = re.compile(r"[^\s/>]*")
_ATTRIBUTE = re.compile(r"""[\s/]*+(=?[^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>]*+)))?+""")
_COMMENT_END = re.compile(r"--!?>")
_BLANK = r"&(?:nbsp|ensp|emsp|thinsp|#0*160|#0*8199|#0*8239|#[xX]0*(?:a0|A0|2007|202[fF]));?"
# Blanks, and the word after them.
_PIECE = re.compile(rf"((?:\s|{_BLANK})*+)((?:[^\s&{{%\[*$#<@|]++|{MERGE_TAG}|(?!{_BLANK})\S)++)?")
_HIDDEN = re.compile(r"display:none|visibility:hidden|(?:^|;)(?:max-height|opacity):0(?:px|em|%)?(?:;|$|!)")
# Inherited, so that what stands within may show itself again: MJML's columns have no font size, their texts have.
_SIZE = re.compile(r"(?:^|;)(font-size|line-height):([^;!]*)")
_NO_SIZE = re.compile(r"0(?:\.0*)?(?:px|pt|em|rem|%)?")


@lru_cache(maxsize=64)
def read(text: str) -> Source:
    """A mail's source, taken apart; what is broken is read as far as it goes."""
    return _Reader(text).read()


@dataclass(slots=True)
class _Open:
    tag: Tag
    buried: bool
    tiny: frozenset[str]  # what of its text has no size: its letters, its lines
    row: int | None
    used: bool = False

    @property
    def hidden(self) -> bool:
        """Whether nobody sees what stands in it."""
        return self.buried or bool(self.tiny)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._source = Source(text)
        self._open: list[_Open] = []
        self._block: Block | None = None
        self._loose: list[Tag] = []  # inline tags that no word has followed yet
        self._heading = ""
        self._blank = True
        self._breaks = 0
        self._run = 0

    def read(self) -> Source:
        text, position = self._text, 0
        while position < len(text):
            match = _MARKUP.search(text, position)
            start = match.start() if match else len(text)
            if start > position:
                self._words(position, start)
            position = self._markup(start) if match else start
        self._end_block()
        found = {id(tag) for block in self._source.blocks for tag in (*block.around, *block.inside)}
        pictures = {id(word.picture) for block in self._source.blocks for word in block.words if word.picture}
        self._source.bare = [tag for tag in self._source.tags if id(tag) not in found and id(tag) not in pictures]
        return self._source

    def _markup(self, start: int) -> int:
        """Take the markup that begins here; gives where it ends."""
        text = self._text
        if text.startswith("<!--", start):
            return self._comment(start)
        closing = text.startswith("</", start)
        if text[start + 1] in "!?" or (closing and not text[start + 2 : start + 3].isalpha()):
            end = text.find(">", start)  # a doctype, or what browsers take for a comment
            return end + 1 if end >= 0 else len(text)
        tag = self._tag(start + 1 + closing, start)
        if closing:
            self._close(tag.name)
        else:
            self._start(tag)
            if tag.name in _RAW:
                return self._raw(tag)
        return tag.end

    def _comment(self, start: int) -> int:
        text = self._text
        if text.startswith(("<!-->", "<!--->"), start):
            return text.index(">", start) + 1
        match = _COMMENT_END.search(text, start + 4)
        inner = text[start + 4 : match.start() if match else len(text)]
        if inner.lstrip().lower().startswith("[if"):
            self._source.comments.append(inner)
            self._source.outlook.append(re.sub(r"\s*([<>{};:,=])\s*", r"\1", " ".join(inner.split())))
        return match.end() if match else len(text)

    def _tag(self, named_from: int, start: int) -> Tag:
        text = self._text
        name = _TAG_NAME.match(text, named_from)
        position = named = name.end() if name else named_from
        attributes: dict[str, str] = {}
        while not text.startswith(">", position) and (match := _ATTRIBUTE.match(text, position)):
            position = match.end()
            if not match[1]:
                break
            value = next((part for part in match.groups()[1:] if part is not None), "")
            attributes.setdefault(match[1].lower(), html.unescape(value))
        end = position + 1 if text[position : position + 1] == ">" else len(text)
        return Tag(text[named_from:named].lower(), start, named, end, attributes)

    def _raw(self, tag: Tag) -> int:
        """Take the text of a tag in which no markup is; gives where it ends."""
        match = re.compile(rf"</{tag.name}(?=[\s/>])", re.IGNORECASE).search(self._text, tag.end)
        end = match.start() if match else len(self._text)
        inner = self._text[tag.end : end]
        tag.text = html.unescape(inner) if tag.name == "textarea" else inner
        if tag.name == "style":
            media = tag.attributes.get("media", "")
            self._source.sheets.append(f"@media {media}{{{inner}}}" if media else inner)
        elif tag.name == "title":
            self._source.title = " ".join(html.unescape(inner).split())
        self._close(tag.name)
        closing = self._text.find(">", end)
        return closing + 1 if match and closing >= 0 else len(self._text)

    def _start(self, tag: Tag) -> None:
        self._source.tags.append(tag)
        if tag.name in BLOCKS:
            self._end_block()
            self._imply(tag.name)
        if tag.name == "br":
            self._blank = True
            self._breaks += 1
        elif tag.name == "img":
            self._picture(tag)
            return
        elif tag.name not in BLOCKS and tag.name not in _RAW:
            self._loose.append(tag)
        if tag.name not in _VOID:
            outer = self._open[-1] if self._open else None
            buried = bool(outer and outer.buried) or "hidden" in tag.attributes or _hides(tag)
            row = tag.start if tag.name == "tr" else outer.row if outer else None
            self._open.append(_Open(tag, buried, _without_size(tag, outer.tiny if outer else frozenset()), row))

    def _imply(self, name: str) -> None:
        """Close what a start tag closes: an open paragraph, and the item, cell or row before it."""
        blocks = [depth for depth, each in enumerate(self._open) if each.tag.name in BLOCKS]
        if blocks and self._open[blocks[-1]].tag.name == "p":
            del self._open[blocks.pop() :]
        closes, until = _CLOSES.get(name, (frozenset(), frozenset()))
        for depth in reversed(blocks) if closes else ():
            found = self._open[depth].tag.name
            if found in closes:
                del self._open[depth:]
                return
            if found in until:
                return

    def _close(self, name: str) -> None:
        if name in BLOCKS:
            self._end_block()
        for depth in range(len(self._open) - 1, -1, -1):
            found = self._open[depth].tag.name
            if found == name:
                del self._open[depth:]
                return
            if found in ("td", "th", "table") and name not in (
                "table",
                "tr",
                "tbody",
                "thead",
                "tfoot",
                "body",
                "html",
            ):
                return

    def _begin_block(self) -> Block:
        if self._block is None:
            around = [each for each in self._open if each.tag.name in BLOCKS]
            inner = around[-1] if around else None
            anchor = inner.tag if inner is not None and not inner.used else None
            for each in around:
                each.used = True
            here = self._open[-1] if self._open else None
            inline = [each.tag for each in self._open if each.tag.name not in BLOCKS and each.tag not in self._loose]
            self._block = Block(
                tuple(each.tag for each in around),
                anchor,
                here.row if here else None,
                here.hidden if here else False,
                self._heading,
                inside=inline,
            )
            self._blank = False
        self._block.inside += self._loose
        self._loose = []
        return self._block

    def _end_block(self) -> None:
        block, self._block, self._blank, self._breaks = self._block, None, True, 0
        self._loose = []
        if block is None:
            return
        self._source.blocks.append(block)
        if not block.hidden and _is_heading(block):
            self._heading = block.text or self._heading

    def _words(self, start: int, end: int) -> None:
        self._run += 1
        invisible = 0
        around = form, link = self._around()
        words: list[Word] | None = None
        for match in _PIECE.finditer(self._text, start, end):
            blank, word = match.groups()
            if blank:
                self._blank = True
                invisible += "&" in blank
            if word is None:
                continue
            if not word.isascii() or "&" in word:
                word = INVISIBLE.sub("", html.unescape(word))
                if not word.strip():
                    invisible += 1
                    continue
            if words is None:
                self._append(word, *match.span(2), None, around)
                words = self._block.words if self._block is not None else None
            else:
                words.append(Word(word, *match.span(2), not self._blank, self._run, form, None, link))
                self._blank = False
        if self._block is not None:
            self._block.filler += invisible

    def _picture(self, tag: Tag) -> None:
        self._run += 1
        self._append(picture_name(tag), tag.start, tag.end, tag, self._around())
        self._run += 1

    def _around(self) -> tuple[tuple[str, ...], Tag | None]:
        """How the inline tags around this place shape its words, and the link that it is in."""
        form = (_form(each.tag) for each in self._open if each.tag.name not in BLOCKS)
        link = next((each.tag for each in reversed(self._open) if each.tag.name == "a"), None)
        return tuple(part for part in form if part), link

    def _append(
        self, text: str, start: int, end: int, picture: Tag | None, around: tuple[tuple[str, ...], Tag | None]
    ) -> None:
        blank, first = self._blank, self._block is None
        block = self._begin_block()
        form, link = around
        glued = not blank and not first
        block.words.append(Word(text, start, end, glued, self._run, form, picture, link, self._breaks))
        self._blank, self._breaks = False, 0


def _hides(tag: Tag) -> bool:
    return "style" in tag.attributes and bool(_HIDDEN.search(_style(tag)))


def _without_size(tag: Tag, outer: frozenset[str]) -> frozenset[str]:
    """What has no size within a tag: as around it, but for what its own style says."""
    if "style" not in tag.attributes:
        return outer
    own = {name: bool(_NO_SIZE.fullmatch(value)) for name, value in _SIZE.findall(_style(tag))}
    return frozenset(name for name in {*outer, *own} if own.get(name, name in outer))


def _style(tag: Tag) -> str:
    return "".join(tag.attributes["style"].lower().split())


def _form(tag: Tag) -> str:
    """How an inline tag shapes its words: its name, if it shapes any."""
    if tag.name in ("span", "font"):
        return tag.name if {"style", "color", "size", "face", "class"} & tag.attributes.keys() else ""
    return _SAME_FORM.get(tag.name, tag.name) if tag.name in SHAPING else ""


_SAME_FORM = {"strong": "b", "em": "i", "ins": "u", "del": "s", "strike": "s"}
SHAPING = names("a b big code del em i ins mark s small strike strong sub sup tt u")


def _is_heading(block: Block) -> bool:
    if any(tag.name in HEADINGS for tag in block.around):
        return True
    sizes = [tag.look.get("font-size", "") for tag in (*block.around[-1:], *block.inside) if tag.attributes]
    return any(size.endswith("px") and _number(size[:-2]) >= 20 for size in sizes) and len(block.text) <= 120


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
