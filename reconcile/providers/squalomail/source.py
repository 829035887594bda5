"""An audience's source file as SqualoMail takes it: see ``providers.audience.source``."""

from collections.abc import Iterator, Mapping
from typing import Final

from reconcile.providers.audience.goal import CONSENT, TAGS
from reconcile.providers.audience.source import Form, literal
from reconcile.providers.audience.texts import NO, YES

GENDERS: Final = ("male", "female", "other")
_LONGEST_ADDRESS: Final = 200
_LONGEST_TEXT: Final = 250  # of name, surname and phone; longer ones would be cut off or refused
_LIMITED: Final = ("name", "surname", "phone")


def _faults(where: Mapping[str, str]) -> Iterator[str]:
    if "gender" in where:
        genders = ", ".join(literal(gender) for gender in ("", *GENDERS))
        yield f"WHEN lower({where['gender']}) NOT IN ({genders}) THEN 'has a gender that is not known'"
    for name in where:
        if name == "html" or name.startswith(CONSENT):
            what = "an html" if name == "html" else "a consent"
            words = ", ".join(map(literal, (*YES, *NO)))
            neither = f"{where[name]} <> '' AND lower({where[name]}) NOT IN ({words})"
            yield f"WHEN {neither} THEN 'has {what} that is neither yes nor no'"
    for name in _LIMITED:
        if name in where:
            reason = f"has a {name} of more than {_LONGEST_TEXT} characters"
            yield f"WHEN length({where[name]}) > {_LONGEST_TEXT} THEN {literal(reason)}"


FORM: Final = Form("email", _LONGEST_ADDRESS, _faults, lists=(TAGS,))
