"""The pages as Jinja2 templates; every text is escaped on its way in, so no page can forget to."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from reconcile.sandbox.web.forms import FORMS

PAGE_SIZE = 50


def render(template: str, **values: Any) -> bytes:
    """A whole page."""
    return _ENVIRONMENT.get_template(template).render(values).encode()


def _date(seconds: int) -> str:
    """Unix seconds as a date in UTC; 0 is none."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds else "none"


def _local(seconds: int) -> str:
    """Unix seconds as an input for them shows them, in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M")


def _tags(text: str) -> str:
    return ", ".join(json.loads(text))


def _yes(value: object) -> str:
    return "yes" if value else "no"


def _words(name: str) -> str:
    """``uniqueOpens`` as a person reads it."""
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).capitalize()


def _filled(values: Any, field: Mapping[str, Any]) -> Any:
    """What stands in an input before anybody types; ``values`` are columns, or members by their own names."""
    key = field.get("value", field["name"].lower())
    value = values[key] if key in values.keys() else ""  # noqa: SIM118 - a row of SQLite is asked for its values by "in"
    return "" if value is None else value


def _chosen(options: Mapping[str, Any], field: Mapping[str, Any]) -> Any:
    return options.get(field.get("options", ""), ())


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {"forms": FORMS, "page_size": PAGE_SIZE}
_ENVIRONMENT.filters |= {
    "date": _date, "local": _local, "tags": _tags, "yes": _yes, "words": _words, "filled": _filled, "chosen": _chosen,
}  # fmt: skip
