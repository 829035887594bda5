"""``schema-requests``: what people ask for in GatorMail's web interface, answered: its schema, its mappings."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconcile.errors import LockHeld, UnknownOutcome, Unreachable
from reconcile.model.address import Address
from reconcile.model.command import Context
from reconcile.model.kind import Client
from reconcile.providers.gatormail.handshake import MAPPINGS, SCHEMA, fetch_mappings, requests, satisfy
from reconcile.providers.gatormail.published import render_json, render_yaml
from reconcile.providers.shapes import Misfit

_AGREED, _FETCHING = "schemaRequests", "fetchingMappings"
_QUESTION = (
    "What people ask for in {alias}'s web interface (Get Schema, Publish Changes) is answered once, and a vendor's CRM "
    "connector, if there is one, waits for the same."
)


def run(context: Context) -> int:
    """Answer what is asked for now, or with ``watch`` again and again; gives the exit code."""
    file = context.values["to"] or context.root / "mappings" / f"{context.alias}.yaml"
    answering = _Answering(context, file)
    place = context.folder / f"{context.alias}.schema-requests"
    # No two processes write the file.
    with context.alone(place, f"The requests of {context.alias} are being answered"):
        if not context.values["watch"]:
            return answering.once()
        answering.agree()
        while True:
            _patiently(context, answering.once)
            _sleep(context.values["interval"])


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _patiently(context: Context, answer: Callable[[], int]) -> None:
    """One look of many: what may be better the next time is told, and no end."""
    try:
        answer()
    except Misfit:
        raise  # it would be the same the next time
    except (Unreachable, UnknownOutcome, LockHeld) as error:
        context.warn(error.diagnostics)


@dataclass(frozen=True, slots=True)
class _Answering:
    context: Context
    file: Path

    def agree(self) -> None:
        """Ask, the first time, whether the requests are ours to answer."""
        self.context.agree(_AGREED, _QUESTION.format(alias=self.context.alias))

    def once(self) -> int:
        """Answer what is asked for now; gives the exit code."""
        context = self.context
        with context.opened() as (client, _):
            asked = requests(client)
            told: dict[str, Any] = {"requests": [dict(light) for light in asked.values()], "mappings": None}
            self._say(asked)
            if asked or context.noted(_FETCHING):
                self.agree()
            if MAPPINGS in asked or context.noted(_FETCHING):
                told["mappings"] = self._fetch(client)
        code = self._deliver() if SCHEMA in asked else 0
        context.result(told)
        return code

    def _say(self, asked: Mapping[str, Mapping[str, Any]]) -> None:
        words = {SCHEMA: "the schema is asked for (Get Schema)", MAPPINGS: "mappings were published"}
        lines = [f"{words.get(type_, type_)}, {light.get('requestedAt') or ''}" for type_, light in asked.items()]
        for line in lines or ["nobody is waiting"]:
            self.context.tell(f"{self.context.alias}: {line.rstrip(', ')}.")

    def _fetch(self, client: Client) -> dict[str, Any]:
        """The published mappings, to the file."""
        context = self.context
        render = render_json if self.file.suffix.lower() == ".json" else render_yaml
        fetch_mappings(
            client,
            render,
            lambda content: context.write(self.file, content),
            lambda under_way: context.note(_FETCHING, under_way or None),
        )
        context.progress(f"{context.alias}: people are told that their mappings were fetched.")
        context.tell(f"{context.alias}: the published mappings are in {self.file}.")
        return {"file": str(self.file)}

    def _deliver(self) -> int:
        """The schema as the manifests declare it; then people are told."""
        context = self.context
        code = context.plan_and_apply(
            Address(context.alias, "schema", "main"),
            f"People ask for the schema of {context.alias}, and the manifests declare none.",
            f"Declare `schema` under {context.alias}; or let whoever delivers it answer the request.",
        )
        if code:
            return code
        with context.opened() as (client, _):
            if SCHEMA in requests(client):
                satisfy(client, SCHEMA)
        context.progress(f"{context.alias}: people are told that the schema is there.")
        return 0
