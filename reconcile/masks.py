"""Secrets taken out of a text, in whatever way they are written there."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

MASK: Final = "***"
# A shorter one would take innocent words with it: it is masked where a name or an address says that it is one.
LEAST: Final = 6
# In what is kept and compared, only what can be no word of a mail is masked: so long, and if of letters, longer.
_LEAST_KEPT: Final = 8
_LEAST_LETTERS: Final = 16

_SECRET: Final = re.compile(
    r"(?i)(?:^|_)(?:api_?key|key|keys|secret|secrets|token|tokens|pass|passwd|password|passphrase|pwd|credential|"
    r"credentials|private|auth|authorization|cookie|session|dsn|pat|sas|jwt)(?:$|_|\d)|password|secret|apikey"
)
# What stands before a secret that is called one, in a query, JSON, a header or a page; and before a password in a URL.
_QUOTE: Final = r"(?:[\"'\\]|&quot;|&#3[49];)*"
_NAME: Final = (
    rf"(?i:(?:key|secret|token|pass|passwd|password|passphrase|pwd|credentials?|authorization){_QUOTE}"
    rf"(?:\s*[:=]\s*|%3[AD])(?:bearer\s+|basic\s+)?{_QUOTE})"
)
_USER: Final = r"//[^\s/@:]*:"


def looks_secret(name: str) -> bool:
    """Whether a name is one under which secrets are kept."""
    return _SECRET.search(name) is not None


def masked(text: str, secrets: Iterable[str]) -> str:
    """A text without these secrets, written plainly or in another way."""
    known = frozenset(secrets)
    for form in _all_forms(frozenset(secret for secret in known if len(secret) >= LEAST)):
        if form in text:
            text = text.replace(form, MASK)
    short = frozenset(secret for secret in known if 0 < len(secret) < LEAST)
    return _named(short).sub(lambda found: f"{found[1] or found[2]}{MASK}", text) if short else text


def without(value: Any, content: bytes, secrets: Iterable[str]) -> Any:
    """What a platform's JSON says, as parsed from ``content``, with secrets masked in its texts and names.

    What we read is kept in states, plans and files of a project, and sent on: nothing may carry our keys there.
    """
    known = frozenset(secret for secret in secrets if _may_be_taken_out(secret))
    if not known or not any(form in content for form in _bytes_of_forms(known)):
        return value
    return _without(value, known)


def _may_be_taken_out(secret: str) -> bool:
    return len(secret) >= (_LEAST_LETTERS if secret.isalpha() else _LEAST_KEPT)


def _without(value: Any, secrets: frozenset[str]) -> Any:
    if isinstance(value, str):
        return masked(value, secrets)
    if isinstance(value, dict):
        return {masked(name, secrets): _without(member, secrets) for name, member in value.items()}
    return [_without(member, secrets) for member in value] if isinstance(value, list) else value


@lru_cache(64)
def _bytes_of_forms(secrets: frozenset[str]) -> tuple[bytes, ...]:
    return tuple(form.encode("utf-8", "surrogatepass") for form in _all_forms(secrets))


@lru_cache(64)
def _named(secrets: frozenset[str]) -> re.Pattern[str]:
    """Short secrets where they are called so: ``apiKey=KEY``, ``"password": "abc"``, ``//user:abc@host``."""
    ways = {way for secret in secrets for way in (secret, *_spelled(secret)) if way}
    either = "|".join(re.escape(way) for way in sorted(ways, key=lambda way: (-len(way), way)))
    return re.compile(rf"({_NAME})(?:{either})(?![\w%+-])|({_USER})(?:{either})(?=@)")


@lru_cache(64)
def _all_forms(secrets: frozenset[str]) -> tuple[str, ...]:
    """All ways to write them, the longest first: one may hold another."""
    return tuple(sorted({form for secret in secrets for form in forms(secret)}, key=lambda form: (-len(form), form)))


def forms(secret: str) -> frozenset[str]:
    """The ways in which a secret may be written: plain, and as URLs, JSON, HTML, Python, base64 and hex have it."""
    plain = frozenset({secret, *(line for line in secret.splitlines() if len(line) >= LEAST)})
    found = {way for text in plain for way in (text, *_spelled(text))}
    # JSON within JSON, a URL within a page: what was written once is written again.
    found |= {way for text in tuple(found) for way in _spelled(text)}
    found |= set(_packed(secret.encode("utf-8", "surrogatepass")))
    return frozenset(form for form in found if len(form) >= LEAST)


def _spelled(text: str) -> Iterator[str]:
    import html
    import json
    from urllib.parse import quote, quote_plus

    try:
        for percent in (quote(text, safe=""), quote(text), quote_plus(text), quote(text, safe="/+=:@!$&'()*,;~-._")):
            yield percent
            yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), percent)
    except UnicodeEncodeError:  # half a surrogate
        pass
    for ascii_only in (True, False):
        told = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield told
        yield told.replace("/", "\\/")
        yield re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), told)
        yield re.sub("[<>&'\"+=]", lambda found: f"\\u{ord(found[0]):04x}", told)
        yield re.sub("[<>&'\"+=]", lambda found: f"\\u{ord(found[0]):04X}", told)
    page = html.escape(text)
    yield page
    yield html.escape(text, quote=False)
    yield page.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield page.replace("&#x27;", "&apos;")
    yield "".join(f"&#{ord(character)};" for character in text)
    yield "".join(f"&#x{ord(character):x};" for character in text)
    yield repr(text)[1:-1]
    yield text.replace("'", "'\\''")
    yield re.sub(r"([\\`*_{}\[\]()#+.!|<>~-])", r"\\\1", text)


def _packed(data: bytes) -> Iterator[str]:
    """What base64 makes of it wherever it stands among other bytes: the part that is its own; and hex."""
    import base64
    from urllib.parse import quote

    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode()
        # The first characters have bits of what stands before, the last ones of what stands after.
        own = whole[(0, 2, 3)[before] :].rstrip("=")
        own = own if (before + len(data)) % 3 == 0 else own[:-1]
        if len(own) >= LEAST + 2:
            yield own
            yield own.replace("/", "\\/")  # as PHP writes it in JSON
            yield own.replace("+", "-").replace("/", "_")
            yield quote(own, safe="")
    yield data.hex()
    yield data.hex().upper()
