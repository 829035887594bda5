"""Links that lead nowhere, or elsewhere than they say."""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text
from reconcile.mail.source import MERGE_TAG, Tag

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_TAG = re.compile(MERGE_TAG)
_SCHEMES = ("http", "https", "mailto", "tel", "sms", "webcal", "geo")
_STAGING = re.compile(
    r"(?:^|[.-])(?:staging|stage|test|testing|dev|develop|qa|uat|preview|preprod|sandbox|local)\d*(?:[.-]|$)"
    r"|^localhost$|^127\.|^10\.|^192\.168\.|\.(?:local|internal|test|localhost|invalid)$|(?:ngrok|netlify|vercel|herokuapp)\.",
    re.IGNORECASE,
)
_NAMED = re.compile(r"^(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#]\S*)?$", re.IGNORECASE)
_ENCODED = re.compile(r"%7B%7B|%7D%7D|%5B%5B|%23%5B|%2A%7C", re.IGNORECASE)


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None:
        return
    words = iter(mail.html.parsed.links)
    for tag in mail.html.parsed.tags:
        if tag.name in ("a", "area") and "href" in tag.attributes:
            text, _ = next(words, ("", ""))
            yield from _of_link(mail.html, tag, tag.attributes["href"].strip(), text.strip())


def _of_link(html: Text, tag: Tag, target: str, words: str) -> Iterator[Found]:
    shown = words or "(no words)"
    if target in ("", "#") or target.lower().startswith("javascript:"):
        yield Found(f'The link "{shown}" leads nowhere.', html, tag.start, "Say where it leads, or make it no link.")
        return
    if _ENCODED.search(target):
        yield Found(
            f'The link "{shown}" holds a tag whose braces are encoded, so that nothing fills it: {target}',
            html,
            tag.start,
            "Write the tag as it is.",
        )
        return
    if _TAG.search(target):
        return
    try:
        parts = urlsplit(target)
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        yield Found(f'The link "{shown}" is no URL: {target}', html, tag.start, "Correct it.")
        return
    if parts.scheme.lower() not in _SCHEMES or (
        parts.scheme in ("http", "https") and "." not in host and host != "localhost"
    ):
        yield Found(
            f'The link "{shown}" leads to "{target}", which is no whole URL: from within a mail it leads nowhere.',
            html,
            tag.start,
            "Write it with https:// and its host.",
        )
        return
    if re.search(r"\s", target):
        yield Found(f'The link "{shown}" has a blank in it: {target}', html, tag.start, "Write %20, or take it out.")
    if _STAGING.search(host):
        yield Found(
            f'The link "{shown}" leads to {host}, which looks like a host for testing.',
            html,
            tag.start,
            "Point it at the public site.",
        )
    elif parts.scheme == "http":
        yield Found(f'The link "{shown}" is not encrypted: {target}', html, tag.start, "Write https://.")
    named = _NAMED.match(words)
    if named is not None and host and _domain(named[1].lower()) != _domain(host):
        yield Found(
            f'The link says "{words}" and leads to {host}: spam filters take that for a fraud.',
            html,
            tag.start,
            "Let the words name the site that it leads to, or write words that name none.",
        )


def _domain(host: str) -> str:
    return _suffixes().privatesuffix(host) or host


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()


CHECK = Check(
    "links",
    Severity.WARNING,
    "a link that leads nowhere, or elsewhere than it says",
    "A click is what most mails are made for.",
    _look,
    bad={
        "html": '<a href="#">Buy</a> <a href="http://staging.shop.example/x">Shop</a> <a href="https://b.example/">a.example</a>'
    },
    good={"html": '<a href="https://shop.example/x?a=1">Buy</a> <a href="https://www.shop.example/">shop.example</a>'},
)
