"""An audience's source file as SqualoMail takes it: see ``providers.audience.source``."""

from collections.abc import Iterator, Mapping
from typing import Final

from reconcile.providers.audience.source import Form, literal

GENDERS: Final = ("male", "female", "other")
_LONGEST_ADDRESS: Final = 200
_LONGEST_TEXT: Final = 250  # of name, surname and phone; longer ones would be cut off or refused
_LIMITED: Final = ("name", "surname", "phone")
CONSENT: Final = "consent:"  # before the name of a consent: the attribute that its column fills
_YES: Final = ("true", "yes", "y", "1", "x", "si", "sì", "s", "ja", "da", "oui", "vero")
_NO: Final = ("false", "no", "n", "0", "nein", "ne", "non", "falso")


def says(cell: str, *, yes: bool) -> str:
    """SQL for whether a cell says yes, or no; an empty one says neither."""
    return f"lower({cell}) IN ({', '.join(map(literal, _YES if yes else _NO))})"


def is_yes(cell: str) -> bool:
    """Whether a cell that says yes or no says yes."""
    return cell.lower() in _YES


def _faults(where: Mapping[str, str]) -> Iterator[str]:
    if "gender" in where:
        genders = ", ".join(literal(gender) for gender in ("", *GENDERS))
        yield f"WHEN lower({where['gender']}) NOT IN ({genders}) THEN 'has a gender that is not known'"
    for name in where:
        if name == "html" or name.startswith(CONSENT):
            what = "an html" if name == "html" else "a consent"
            neither = f"NOT {says(where[name], yes=True)} AND NOT {says(where[name], yes=False)}"
            yield f"WHEN {where[name]} <> '' AND {neither} THEN 'has {what} that is neither yes nor no'"
    for name in _LIMITED:
        if name in where:
            reason = f"has a {name} of more than {_LONGEST_TEXT} characters"
            yield f"WHEN length({where[name]}) > {_LONGEST_TEXT} THEN {literal(reason)}"


FORM: Final = Form("email", _LONGEST_ADDRESS, _faults)
