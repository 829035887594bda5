"""Instants as manifests and plans have them: texts in UTC to the second, such as 2026-12-01T08:00:00Z."""

from datetime import UTC, datetime

# What a manifest may say: a date and a time with a zone.
PATTERN = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2})?([Zz]|[+-]\d{2}:\d{2})$"


def utc(text: str) -> str:
    """An instant with its zone, in UTC to the second; what is no date stays as it is, for ``fault`` to say so."""
    try:
        return as_text(datetime.fromisoformat(text.upper()).timestamp())
    except ValueError:
        return text


def fault(instant: str | None) -> str | None:
    """What is wrong with an instant after ``utc``; None: nothing."""
    if instant is None or instant.endswith("Z"):
        return None
    return f'"{instant}" is no date and time: there is no such day or hour.'


def as_text(seconds: float) -> str:
    """UNIX seconds as an instant."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def as_seconds(instant: str) -> int:
    """An instant in UNIX seconds."""
    return int(datetime.fromisoformat(instant).timestamp())
