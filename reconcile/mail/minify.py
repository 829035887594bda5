"""Blanks taken out of a mail's source, where none is seen."""

import re


def minified(text: str) -> str:
    """The text with runs of blanks as one, but within comments, styles and what keeps its blanks."""
    keeps = re.compile(
        r"<!--.*?-->|<(?P<raw>pre|textarea|style|script)\b.*?</(?P=raw)\s*>|<(?:\"[^\"]*\"|'[^']*'|[^'\">])*>",
        re.DOTALL | re.IGNORECASE,
    )
    pieces: list[str] = []
    done = 0
    for found in [*keeps.finditer(text), None]:
        end = found.start() if found is not None else len(text)
        pieces.append(re.sub(r"[ \t\r\n\f]+", lambda run: "\n" if "\n" in run[0] else " ", text[done:end]))
        if found is not None:
            pieces.append(found[0])
            done = found.end()
    return "".join(pieces)
