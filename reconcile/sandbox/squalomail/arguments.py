"""The arguments of a call, read with the tolerance that the service and its clients suggest.

Names are compared without case, and the body wins over the query string. Whole numbers may come as text, booleans as
``true``, ``1``, ``"true"`` or ``"1"``. ``null`` counts as not sent. Arrays in a query string have no documented form;
``a=1&a=2``, ``a[]=1``, ``a[0]=1``, ``a=1,2`` and ``a=[1,2]`` are all read.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx

from reconcile.sandbox.squalomail.reply import invalid, malformed, missing
from reconcile.sandbox.switches import Switches

_SPELLINGS = {"api_key": "apikey"}
_BRACKETS = re.compile(r"\[[0-9]*\]$")
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_BEYOND_THREE_BYTES = re.compile("[\U00010000-\U0010ffff]")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class _Query(list[str]):
    """All values that a query string has for one name; told apart from a JSON array."""


class Arguments:
    """The arguments of one call. Readers return ``None`` for what was not sent, and raise ``ApiError`` for bad ones."""

    def __init__(self, values: Mapping[str, Any], switches: Switches) -> None:
        self.names = list(values)
        # The page spells the key apiKey, api_key and apikey.
        self._values = {_SPELLINGS.get(name.lower(), name.lower()): value for name, value in values.items()}
        self._switches = switches

    @classmethod
    def of(cls, request: httpx.Request, switches: Switches) -> "Arguments":
        """The arguments in a request's query string and JSON body; ``ApiError`` when the body is no JSON object."""
        return cls({**_from_query(request.url.query), **_from_body(request)}, switches)

    @property
    def key(self) -> str:
        """The API key under any of its spellings, empty when there is none."""
        return self.text("apiKey") or ""

    def has(self, name: str) -> bool:
        """Whether the argument was sent and is not null."""
        return self._get(name) is not None

    def raw(self, name: str) -> Any:
        """The value as parsed from JSON; from a query string, its JSON if it is some."""
        value = self._get(name)
        return _json_or_text(value[-1]) if isinstance(value, _Query) else value

    def text(self, name: str, *, limit: int | None = None) -> str | None:
        """A text; ``limit`` is the length of its column."""
        value = self._single(name)
        if value is None:
            return None
        return self.clean(_text(value, name), name, limit)

    def required_text(self, name: str, *, limit: int | None = None) -> str:
        """A text that must be there and not be empty."""
        text = self.text(name, limit=limit)
        if not text or not text.strip():
            raise missing(name)
        return text

    def clean(self, text: str, name: str, limit: int | None = None) -> str:
        """The text as the service would store it: within its column, with characters that the columns can hold."""
        policy = self._switches.text("four_byte_text")
        if policy != "keep" and _BEYOND_THREE_BYTES.search(text):
            if policy == "error":
                raise invalid(f"{name} has characters that can't be stored.")
            text = _BEYOND_THREE_BYTES.sub("?", text)
        if limit is not None and len(text) > limit:
            if self._switches.text("too_long_text") == "error":
                raise invalid(f"{name} is longer than {limit} characters.")
            text = text[:limit]
        return text

    def integer(self, name: str, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int | None:
        """A whole number within bounds."""
        value = self._single(name)
        if value is None or value == "":
            return None
        return _within(_integer(value, name), name, minimum, maximum)

    def required_integer(self, name: str, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
        """A whole number that must be there."""
        value = self.integer(name, minimum=minimum, maximum=maximum)
        if value is None:
            raise missing(name)
        return value

    def boolean(self, name: str) -> bool | None:
        """A boolean, in any of its spellings."""
        value = self._single(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            return value
        if (known := _BOOLEANS.get(str(value).strip().lower())) is None:
            raise malformed(f"{name} should be true or false.")
        return known

    def integers(self, name: str, *, blank: bool = False) -> list[int] | None:
        """An array of whole numbers without repetitions; a single one counts as an array of one.

        With ``blank``, texts of nothing but blanks are left out.
        """
        values = self._array(name, split=True)
        if values is None:
            return None
        if blank:
            values = [value for value in values if not (isinstance(value, str) and not value.strip())]
        return list(dict.fromkeys(_within(_integer(value, name), name, 0, 2**31 - 1) for value in values))

    def texts(self, name: str, *, limit: int | None = None) -> list[str] | None:
        """An array of texts without repetitions; objects with a ``name`` count as that name."""
        values = self._array(name, split=False)
        if values is None:
            return None
        plain = [value.get("name") if isinstance(value, dict) else value for value in values]
        return list(dict.fromkeys(self.clean(_text(value, name), name, limit) for value in plain))

    def objects(self, name: str) -> list[dict[str, Any]] | None:
        """An array of objects, their members' names in lower case."""
        values = self._array(name, split=False)
        if values is None:
            return None
        if not all(isinstance(value, dict) for value in values):
            raise malformed(f"{name} should be an array of objects.")
        return [{str(key).lower(): member for key, member in value.items()} for value in values]

    def _get(self, name: str) -> Any:
        return self._values.get(name.lower())

    def _single(self, name: str) -> Any:
        value = self._get(name)
        return value[-1] if isinstance(value, _Query) else value

    def _array(self, name: str, *, split: bool) -> list[Any] | None:
        value = self._get(name)
        if isinstance(value, _Query):
            return self._query_array(name, value, split)
        if value is None or isinstance(value, list):
            return value
        return [value]

    def _query_array(self, name: str, value: _Query, split: bool) -> list[Any] | None:
        policy = self._switches.text("array_in_query")
        if policy == "error":
            raise malformed(f"{name} is an array and can't be sent in a query string.")
        if policy == "ignore":
            return None
        if len(value) > 1:
            return list(value)
        decoded = _json_or_text(value[0])
        if isinstance(decoded, list):
            return decoded
        if split:
            return [part for part in value[0].split(",") if part.strip()]
        return list(value) if value[0] else []


def _from_query(query: bytes) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in httpx.QueryParams(query.decode("ascii", "replace")).multi_items():
        # One example of the vendor's page has "&amp;entity=" in its address.
        plain = _BRACKETS.sub("", name.removeprefix("amp;"))
        values.setdefault(plain, _Query()).append(value)
    return values


def _from_body(request: httpx.Request) -> dict[str, Any]:
    content = request.read()
    if not content.strip():
        return {}
    try:
        body = json.loads(content)
        # Half of a surrogate pair is valid JSON and no character; nothing could store it.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise malformed("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise malformed("The body should be a JSON object.")
    return body


def _json_or_text(value: str) -> Any:
    if value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise malformed(f"{name} should be a text.")
    return str(value)


def _integer(value: Any, name: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value) and len(value) < 100:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise malformed(f"{name} should be a whole number.")
    return value


def _within(value: int, name: str, minimum: int, maximum: int) -> int:
    if not minimum <= value <= maximum:
        raise invalid(f"{name} should be between {minimum} and {maximum}.")
    return value
