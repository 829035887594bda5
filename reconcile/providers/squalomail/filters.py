"""Filters of ``get-data``, built from documented forms only (System API page, function 14).

A filter is a text such as ``mailid==31||subject=="Hello"``. Quotes can't be escaped, so a text with both kinds of
quotes is sought by a part of it, and the caller compares what comes back exactly, as it must anyway: whether the
platform compares case is not documented.
"""

from collections.abc import Iterable, Iterator

# Terms and characters of one request's filter; the platform documents no bound, so ours is a cautious one.
MAX_TERMS = 250
MAX_LENGTH = 16_000


def equals(field: str, value: str | int) -> str:
    """The condition that a field has a value (for a text with both kinds of quotes: that it begins or ends like it)."""
    if isinstance(value, int):
        return f"{field}=={value}"
    quote = next((quote for quote in "\"'" if quote not in value), None)
    if quote is not None:
        return f"{field}=={quote}{value}{quote}"
    # The part up to the first quote of the kind that comes later holds at most the other kind.
    start = value[: max(value.index('"'), value.index("'"))]
    return f"{field}.Startwith({_quoted(start)})"


def any_of(conditions: Iterable[str]) -> Iterator[str]:
    """Filters that together match what any of the conditions matches, each of bounded length."""
    terms: list[str] = []
    length = 0
    for condition in conditions:
        if terms and (len(terms) == MAX_TERMS or length + len(condition) > MAX_LENGTH):
            yield "||".join(terms)
            terms, length = [], 0
        terms.append(condition)
        length += len(condition) + 2
    if terms:
        yield "||".join(terms)


def _quoted(text: str) -> str:
    quote = '"' if '"' not in text else "'"
    return f"{quote}{text}{quote}"
