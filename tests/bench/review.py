"""The review page of 12 changed mails of 85 KB, and the changes of mails of 90 KB and 1 MB."""

import time
from collections.abc import Callable
from dataclasses import replace

from reconcile.mail import changes as compared
from reconcile.mail.source_reader import read
from reconcile.review.page import render
from tests.mail.mails import SHAPES, Mail, section
from tests.review.plans import CONTEXT, changed, mail, nine_edits, plan


def main() -> None:
    """Print the figures."""
    guide = mail("gift-guide")
    edited = nine_edits(guide)
    print(
        f"changes of {len(guide) / 1024:.0f} KB, nine edits: {_seconds(lambda: compared.changes(guide, edited)):.2f} s"
    )
    large = Mail(tuple(section(SHAPES[number % 6], number, 9) for number in range(4600)))
    after = list(large.sections)
    for number in range(100, 4600, 500):
        after[number] = replace(after[number], words=("new", *after[number].words[1:]))
    before_text, after_text = large.html, Mail(tuple(after)).html
    seconds = _seconds(lambda: compared.changes(before_text, after_text))
    print(f"changes of {len(before_text) / 1024 / 1024:.1f} MB, nine edits: {seconds:.2f} s")
    mails = [changed(f"mail-{number}", _own(guide, number), _own(edited, number)) for number in range(12)]
    page = ""

    def made() -> None:
        nonlocal page
        page = render(plan(*mails), CONTEXT)

    seconds = _seconds(made)
    print(f"page of 12 mails of {len(guide) / 1024:.0f} KB: {seconds:.2f} s, {len(page) / 1024 / 1024:.1f} MB")


def _own(text: str, number: int) -> str:
    return text.replace("</body>", f"<p>Mail {number}</p></body>")


def _seconds(work: Callable[[], object]) -> float:
    """How long it takes, the best of three, nothing remembered."""
    best = float("inf")
    for _ in range(3):
        compared.changes.cache_clear()
        read.cache_clear()
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
