"""The marks that an unfinished merge leaves in a file, of git and of others."""

import re

# git (merge, diff3 and zdiff3, with longer marks where a file asks for them), Mercurial, Subversion, CVS, Bazaar,
# Fossil, Pijul and jj; their marks written out as HTML, too.
_BEGIN = re.compile(r"^[ \t]*(?:<{7,}|(?:&lt;){7,})(?: [^\n]*)?\r?$", re.MULTILINE)
_BASE = re.compile(r"^[ \t]*\|{7,}(?: [^\n]*)?\r?$", re.MULTILINE)
# A line of marks to the right alone may be somebody's arrows: what follows is a name of a version, or nothing.
_END = re.compile(
    r"^[ \t]*(?:>{7,}|(?:&gt;){7,})(?: (?:\S+|[0-9a-f]{7,40}\b[^\n]*|Stashed changes|MERGE-SOURCE|END MERGE[^\n]*"
    r"|[Cc]onflict \d+ of \d+[^\n]*|merge rev[^\n]*|\d+ \[[^\n]*))?\r?$",
    re.MULTILINE,
)
_JJ = re.compile(r"^(?:%{7,} [Cc]hanges from|\+{7,} [Cc]ontents of|-{7,} [Cc]ontents of)[^\n]*$", re.MULTILINE)
_PERFORCE = re.compile(r"^(?:>>>> ORIGINAL |==== (?:THEIRS|YOURS|BOTH) )[^\n]*$", re.MULTILINE)
_DARCS = re.compile(r"^(?:v v v v v v v|\^ \^ \^ \^ \^ \^ \^)\r?$", re.MULTILINE)


def marker(text: str) -> re.Match[str] | None:
    """The first mark of an unfinished merge in a text."""
    found = [pattern.search(text) for pattern in (_BEGIN, _BASE, _END, _JJ, _PERFORCE, _DARCS)]
    return min((each for each in found if each is not None), key=lambda each: each.start(), default=None)
