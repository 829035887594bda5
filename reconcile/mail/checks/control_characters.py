"""Characters that no mail can show and some servers refuse."""

import re
import unicodedata
from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity

_BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ufffd]")


def _look(mail: Mail) -> Iterator[Found]:
    for text in mail.as_written:
        found = _BAD.search(text.value)
        if found is None and text is mail.subject:
            found = re.search(r"[\r\n]", text.value)
        if found is not None:
            code = f"U+{ord(found[0]):04X}"
            name = unicodedata.name(found[0], "a control character")
            yield Found(
                f"The character {code} ({name.lower()}) stands in the mail.",
                text,
                found.start(),
                "Delete it. It often comes from a file that was saved in another encoding.",
            )


CHECK = Check(
    "control-characters",
    Severity.ERROR,
    "characters that can't be shown",
    "Servers cut a mail at a NUL, and clients show boxes in place of what was lost in another encoding.",
    _look,
    bad={"html": "<p>Caf\x00e</p>"},
    good={"html": "<p>Café\t😀</p>\r\n"},
)
