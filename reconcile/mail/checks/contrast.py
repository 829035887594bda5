"""Words that hardly stand out from what is behind them, in the light or in the dark."""

from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity, Text
from reconcile.mail.contrast import Scheme, pairs

_TOLD = 5  # findings of one mail in one scheme
_SCHEMES: tuple[tuple[Scheme, str], ...] = (("light", "In the light"), ("dark", "In the dark"))


def _look(mail: Mail) -> Iterator[Found]:
    if mail.html is None:
        return
    seen = set()
    for scheme, told in _SCHEMES:
        poor = [pair for pair in pairs(mail.html.value, scheme) if pair.poor]
        new = [pair for pair in poor if (pair.color, pair.behind) not in seen]
        seen |= {(pair.color, pair.behind) for pair in poor}
        for pair in sorted(new, key=lambda pair: pair.ratio)[:_TOLD]:
            yield Found(
                f'{told}, "{pair.words}" is {pair.color} on {pair.behind}: {pair.ratio:.1f} to 1, and it takes'
                f" {pair.enough:g} to 1 to be read by everybody.",
                mail.html,
                _where(mail.html, pair.words),
                "Make the words darker or lighter"
                + (", under `prefers-color-scheme: dark`." if scheme == "dark" else "."),
            )
        if len(new) > _TOLD:
            yield Found(f"{told}, {len(new) - _TOLD} more pairs of colours are hard to tell apart.", mail.html)


def _where(html: Text, words: str) -> int | None:
    """Where the words begin."""
    start = words.split(" ")
    for block in html.parsed.blocks:
        texts = [word.text for word in block.words]
        for index in range(len(texts)):
            if texts[index : index + len(start)] == start or texts[index] == words:
                return block.words[index].start
    at = html.value.find(start[0])
    return at if at >= 0 else None


CHECK = Check(
    "contrast",
    Severity.WARNING,
    "words that hardly stand out",
    "Who sees less well, or reads in the sun, can't read it; and what is made for the light may be black on black in"
    " the dark.",
    _look,
    bad={
        "html": "<style>@media (prefers-color-scheme: dark) {body {background: #111; color: #333}}</style>"
        '<body style="background: #fff"><p>Hello</p><p style="color: #bbbbbb">Small print</p></body>'
    },
    good={
        "html": "<style>@media (prefers-color-scheme: dark) {p {background: #111; color: #ddd !important}}</style>"
        '<body style="background: #fff"><p>Hello</p><p style="color: #555555">Small print</p></body>'
    },
)
