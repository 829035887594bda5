"""What the runners of CI jobs obey in a log, written anew from their documented rules.

GitHub: a line that begins with ``::``, white space before it aside, and reads ``::NAME PARAMETERS::DATA``; the older
form ``##[NAME PARAMETERS]DATA`` anywhere in a line. Azure: ``##vso[...]``; TeamCity: ``##teamcity[...]``. GitLab:
sections, ``section_start:TIME:NAME`` with a carriage return and an escape. A terminal obeys escapes.
"""

import re
from collections.abc import Iterator

_ESCAPES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COLOURS = re.compile(r"\x1b\[[\d;]*m")


def commands(output: str) -> Iterator[str]:
    """All that a runner would obey in an output."""
    for line in re.split(r"\r\n|\n|\r", output):
        shown = _COLOURS.sub("", line)
        for read in (line, shown):
            if read.lstrip().startswith("::"):
                yield f"a command: {line!r}"
        lowered = shown.lower()
        if "##[" in lowered or "##vso[" in lowered or "##teamcity[" in lowered:
            yield f"an older command: {line!r}"
        if re.search(r"section_(start|end):\d+:", shown) and ("\r" in shown or "\x1b" in shown):
            yield f"a section: {line!r}"
        if "\x1b" in shown or _ESCAPES.search(shown):
            yield f"an escape: {line!r}"
