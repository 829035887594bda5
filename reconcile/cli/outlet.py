"""The one way out: whatever a run prints goes through here, whoever prints it.

Secrets are taken out in every encoding, and what the runner of a CI job would obey is made inert, in the words of what
is printed: JSON stays the same JSON, a page the same page.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from reconcile.cli.capture import is_captured
from reconcile.cli.options import Options

_PAGE: Final = re.compile(r"\s*<(?:!doctype|html|[a-z][a-z0-9]*[\s>])", re.IGNORECASE)
# What a terminal obeys or a reader can't see, and JSON lets stand.
_UNSEEN: Final = re.compile("[\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]")
# In a text, all that steers a terminal but the colours and the line of progress, which are ours.
_STEERING: Final = re.compile(
    "\x1b\\[[0-9;]*m|\r\x1b\\[K|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]",
)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def fit(text: str, options: Options) -> str:
    """A whole output, as it may leave."""
    text = options.redacted(text)
    bare = text.strip()
    if bare[:1] in ("{", "[") and bare[-1:] in ("}", "]"):
        if not text.isascii():
            text = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        return _broken(text, "\\u003a", "\\u0023")
    if _PAGE.match(text):
        text = _CONTROL.sub("&#xfffd;", text)
        if not text.isascii():
            text = _UNSEEN.sub(lambda found: f"&#x{ord(found[0]):x};", text)
        return _broken(text, "&#58;", "&#35;")
    return _broken(_STEERING.sub(_told, text), "\\x3a", "\\x23")


def _told(found: re.Match[str]) -> str:
    if len(found[0]) > 1:
        return found[0]
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _broken(text: str, colon: str, hash_: str) -> str:
    """A text that no runner obeys; what knows them is imported only where there may be something."""
    if "##" not in text and "::" not in text:
        return text
    from reconcile.report.text import defused

    return defused(text, colon, hash_)


class Outlet:
    """A stream whose texts are fit to leave; all else is the stream's own.

    What is written in one piece is looked at in one piece; a piece that ends within a line is told at once, since it
    may be a question.
    """

    def __init__(self, stream: TextIO, options: Options) -> None:
        self._stream = stream
        self._options = options

    def write(self, text: str | bytes) -> int:
        """Write a text, such as a shell's completions that click gives as UTF-8; how much of it was taken.

        Raises:
            TypeError: empty bytes. With them click asks whether this is a stream of bytes, and it is none.
        """
        if isinstance(text, bytes):
            if not text:
                raise TypeError("a text is wanted, not bytes")
            text = text.decode(errors="replace")
        self._stream.write(fit(text, self._options))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write texts as one."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would go past; who has some writes them as text
            raise AttributeError(name)
        return getattr(self._stream, name)


@contextmanager
def guarded(options: Options) -> Iterator[None]:
    """While a command runs, standard output and error are outlets.

    Where the thread's output is captured they stay as they are: they are the process's, other threads write to them,
    and whoever captured it lets it out.
    """
    if is_captured():
        yield
        return
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Outlet(out, options), Outlet(err, options)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
