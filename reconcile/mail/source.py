"""An HTML mail by offsets in its source: its tags, and its words and pictures in blocks.

Tags are found as browsers find them; no tree is built, so nothing is moved and each piece stands where it was written.
"""

import html
import re
from dataclasses import dataclass, field

from reconcile.mail.style import LOOKS, declarations

# Tags that a platform fills, of many kinds; what is in one is no word of its own.
MERGE_TAG = (
    r"\{\{\{?[^{}]{0,200}\}?\}\}|\{%[^{}]{0,200}%\}|\[\[[^\[\]]{0,200}\]\]|%%[^%\s]{1,80}%%|%[A-Za-z_][\w.]{0,60}%"
    r"|\$\{[^{}]{0,200}\}|\*\|[^|*]{1,200}\|\*|#\[[^\[\]]{1,200}\]#|\{/?[A-Za-z][\w:/.-]{0,100}\}|<%=?[^%]{0,200}%>"
    r"|@\{[^{}]{0,100}\}|\|\|\w{1,60}\|\|"
)
_TAG_OF_PLATFORM = re.compile(MERGE_TAG)
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u2060-\u2064\ufeff]")


@dataclass(slots=True, eq=False)
class Tag:
    """A start tag: from ``start`` to ``end`` in the source, its name ending at ``named``; values without entities.

    ``text`` is what stands in it, where that is no markup.
    """

    name: str
    start: int
    named: int
    end: int
    attributes: dict[str, str]
    text: str = ""
    _look: dict[str, str] | None = None

    @property
    def look(self) -> dict[str, str]:
        """What gives it its look: attributes, and the declarations of its style, in one spelling."""
        if not self.attributes:
            return {}
        if self._look is None:
            self._look = {
                name: " ".join(sorted(value.split()) if name == "class" else value.split()).lower()
                for name, value in self.attributes.items()
                if (name in LOOKS and name != "style") or (name == "type" and self.name in ("ol", "ul", "li"))
            } | declarations(self.attributes.get("style", ""))
        return self._look


@dataclass(slots=True, eq=False)
class Word:
    """A word, or a picture (``picture`` is its tag, the text what it is called).

    ``glued``: no blank before it. ``breaks``: how many lines end before it. ``run``: the stretch of text that
    it stands in; ``form``: the inline tags around it.
    """

    text: str
    start: int
    end: int
    glued: bool
    run: int
    form: tuple[str, ...]
    picture: Tag | None = None
    link: Tag | None = None
    breaks: int = 0


@dataclass(slots=True, eq=False)
class Block:
    """Words that belong together: a cell, a paragraph, a heading, an item of a list.

    ``around`` are the open tags, from the outside in, ``inside`` the inline ones; ``anchor`` is the tag that holds this
    block and none before it; ``row`` where its row of a table begins; ``heading`` the heading that it stands under.
    """

    around: tuple[Tag, ...]
    anchor: Tag | None
    row: int | None
    hidden: bool
    heading: str
    words: list[Word] = field(default_factory=list)
    inside: list[Tag] = field(default_factory=list)
    filler: int = 0
    _key: str | None = None

    @property
    def tag(self) -> str:
        """The name of the tag that it stands in."""
        return self.around[-1].name if self.around else ""

    @property
    def text(self) -> str:
        """The words as people read them."""
        return "".join(("" if word.glued else " ") + word.text for word in self.words if not word.picture).strip()

    @property
    def key(self) -> str:
        """What makes it the same block: words and pictures."""
        if self._key is None:
            self._key = "".join(
                ("" if each.glued else " ")
                + (f"\ufffc{picture_source(each.picture)}\ufffc" if each.picture else each.text)
                for each in self.words
            ).strip()
        return self._key


@dataclass(slots=True)
class Source:
    """A mail as it is compared and told of.

    ``sheets`` are its style sheets; ``comments`` what only Outlook reads, and ``outlook`` the same in one spelling;
    ``bare`` the tags with no words in them.
    """

    text: str
    blocks: list[Block] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    outlook: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    bare: list[Tag] = field(default_factory=list)
    title: str = ""

    @property
    def preheader(self) -> str:
        """The hidden words before all others, which an inbox shows beside the subject."""
        hidden = []
        for block in self.blocks:
            if not block.hidden:
                break
            hidden.append(block.text)
        return " ".join(part for part in hidden if part)

    @property
    def inbox(self) -> str:
        """What an inbox shows beside the subject: the preheader, and what leaks in after it where no filler stands."""
        line, filled = self.preheader, False
        for block in self.blocks:
            filled = filled or (block.hidden and block.filler >= 30)
            if not block.hidden and (filled or len(line) >= 110):
                break
            if not block.hidden:
                alts = " ".join(word.picture.attributes.get("alt", "") for word in block.words if word.picture)
                line = " ".join(part for part in (line, alts, block.text) if part)
        return line

    @property
    def words(self) -> int:
        """How many words people can see."""
        return sum(not word.picture for block in self.blocks if not block.hidden for word in block.words)

    @property
    def links(self) -> list[tuple[str, str]]:
        """Each link's words and where it leads, in order."""
        texts: dict[int, list[Word]] = {}
        for block in self.blocks:
            for word in block.words:
                if word.link is not None:
                    texts.setdefault(word.link.start, []).append(word)
        found = []
        for tag in self.tags:
            if tag.name in ("a", "area") and "href" in tag.attributes:
                words = texts.get(tag.start, [])
                text = "".join(("" if word.glued else " ") + spoken(word) for word in words).strip()
                found.append((text, tag.attributes["href"].strip()))
        return found

    @property
    def pictures(self) -> list[Tag]:
        """The pictures, in order."""
        return [tag for tag in self.tags if tag.name == "img"]

    @property
    def merge_tags(self) -> dict[str, int]:
        """The tags that the platform fills, and how often each stands in the source."""
        counts: dict[str, int] = {}
        for match in _TAG_OF_PLATFORM.finditer(self.text):
            if not _is_style(match[0]):
                counts[match[0]] = counts.get(match[0], 0) + 1
        return counts


def invisible(text: str) -> int:
    """How many characters of a mail nobody sees, such as blanks without width between the letters of a word."""
    return len(INVISIBLE.findall(html.unescape(text)))


def spoken(word: Word) -> str:
    """A word, or a picture by its alternative text or its name."""
    return word.text if word.picture is None else word.picture.attributes.get("alt") or word.text


def merge_tags_of(text: str) -> list[str]:
    """The merge tags in a text."""
    return _TAG_OF_PLATFORM.findall(text)


def picture_source(tag: Tag) -> str:
    """Where a picture comes from."""
    return (tag.attributes.get("src") or tag.attributes.get("srcset", "")).strip()


def picture_name(tag: Tag) -> str:
    """The name of a picture's file, or that it is within the mail."""
    source = picture_source(tag)
    if source.lower().startswith("data:"):
        return "picture within the mail"
    return re.split(r"[?#]", source)[0].rstrip("/").rsplit("/", 1)[-1] or source or "picture without a source"


def _is_style(text: str) -> bool:
    """Whether what looks like a merge tag is a piece of CSS, such as ``{color:red}``."""
    return bool(re.fullmatch(r"\{[a-z-]+:[^/{}]*\}", text)) and not re.match(r"\{(?:sub)?tag:", text)
