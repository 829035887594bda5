"""The GatorMail client: calls by the contract table, refusals in flags, pages (reference, section 4)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx

from reconcile.errors import ApiError, PlanStale
from reconcile.model.account import Account
from reconcile.model.assumption import Answer
from reconcile.model.attributes import to_json
from reconcile.model.call import Call, Encoded
from reconcile.model.ticket import Ticket
from reconcile.providers import paging
from reconcile.providers.gatormail.answers import checked
from reconcile.providers.gatormail.contract import Contract
from reconcile.providers.gatormail.encoding import CONTACTS, Encoding
from reconcile.providers.gatormail.operations import OPERATIONS, GatorMailOperation
from reconcile.providers.personal import texts
from reconcile.providers.shapes import Misfit, Unusable
from reconcile.providers.transport import Rejected, Transport

ASK = "To ask the account itself: reconcile doctor"
# Members of a campaign that are references to objects of these shapes.
_NESTED = ("group", "email")
# Answers that come with a success status and say by a flag that nothing was done.
_FLAGS = {"initiate": "initiated", "uninitiate": "uninitiated"}


class GatorMail:
    """Sends calls to one instance; ``url`` is the API's address without the instance."""

    def __init__(self, url: str, instance: str, contract: Contract, transport: Transport) -> None:
        self.contract = contract
        self._url = f"{url.rstrip('/')}/{quote(instance, safe='')}"
        self._instance = instance
        self._transport = transport
        self._encoding = Encoding(contract)
        self._names: dict[tuple[str, str], str] = {}
        self.time = transport.time
        self.reads = 0

    def send(self, call: Call, ticket: Ticket | None = None) -> Any:
        """Carry the call out and give its answer, members by their own names; None where there is no answer.

        See ``Transport.request`` for what is raised.
        """
        operation = OPERATIONS[call.operation]
        arguments = to_json(call.arguments)
        if isinstance(copied := arguments.get(CONTACTS), Mapping):
            arguments = {**arguments, CONTACTS: self._copied(operation, copied, arguments["groupId"])}
        if (into := arguments.pop("excludedIn", None)) is not None:
            self._require_exclusions(arguments["groupId"], into)
        if operation.takes == "campaign":
            arguments |= {name: self._reference(name, arguments[name]) for name in _NESTED if name in arguments}
        encoded = self._encoding.encoded(operation, arguments)
        if not operation.write:
            self.reads += 1
        version = {self.contract.text("c.api.versionHeader"): self.contract.text("c.api.version")}
        try:
            return self._transport.request(
                operation,
                f"{self._url}{encoded.path}",
                verb=encoded.verb,
                params=dict(encoded.query) or None,
                body=encoded.body,
                headers=version,
                sends=call.sends,
                empty=not operation.answers,
                decode=lambda answer: self._decoded(operation, answer),
                private=lambda: _about_people(operation, call.arguments),
                ticket=ticket,
            )
        except Rejected as error:
            if error.status in (404, 405):
                hint = self._whereabouts(operation, error.status)
                error.diagnostics = tuple(replace(found, hint=hint) for found in error.diagnostics)
            raise
        except Misfit as error:
            if error.twice is not None:
                error.point_to(f"The call is `{operation.key}` of the provider's contract. {ASK}")
            raise
        except Unusable as error:
            where = f"If it stays, see the provider's contract, `{operation.key}`."
            error.diagnostics = tuple(
                replace(found, hint=f"{found.hint or 'Run again later.'} {where}") for found in error.diagnostics
            )
            raise

    def look(self, call: Call, *, versioned: bool = True, ticket: Ticket | None = None) -> Answer:
        """What a call answers, as it came: see ``Transport.look``; capabilities are not asked for."""
        operation = OPERATIONS[call.operation]
        variables, body = self._encoding.parted(operation, to_json(call.arguments))
        verb, path, query = self.contract.route(operation.key, variables)
        version = {self.contract.text("c.api.versionHeader"): self.contract.text("c.api.version")}
        return self._transport.look(
            operation,
            f"{self._url}{path}",
            verb=verb,
            params=query or None,
            body=body,
            headers=version if versioned else None,
            ticket=ticket,
        )

    def encode(self, call: Call) -> Encoded:
        """The call as it stands on the wire: see ``Encoding``."""
        return self._encoding.encode(call)

    def account(self) -> Account:
        """The instance, once the credentials have opened it; one read."""
        self.send(Call("gatormail_campaignList", {"page": self.contract.text("c.page.first"), "pageSize": 1}))
        return Account("gatormail", httpx.URL(self._url).host, self._instance)

    def pages(self, operation: str, *, settled: bool = False, **arguments: Any) -> Iterator[dict[str, Any]]:
        """The rows of a paged list, each once, to its end: see ``paging.rows``."""

        def read(page: int, size: int) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = self.send(Call(operation, {**arguments, "page": page, "pageSize": size}))
            return rows

        size, first = int(self.contract.text("c.page.size")), int(self.contract.text("c.page.first"))
        remedy = f"See the provider's contract: `{OPERATIONS[operation].key}`, `c.page.first`, `c.page.size`. {ASK}"
        return paging.rows(read, first=first, size=size, operation=operation, remedy=remedy, settled=settled)

    def rest(self, attempt: int, error: ApiError) -> None:
        """Wait before another attempt."""
        self._transport.rest(attempt, error)

    def record(self, watch: Callable[[str, str, bytes, int, Mapping[str, str], bytes], None]) -> None:
        """Let somebody see every call: see ``Transport.watch``."""
        self._transport.watch = watch

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _whereabouts(self, operation: GatorMailOperation, status: int) -> str:
        """What to do where the platform knows no such object or route."""
        named = " and ".join(self.contract.variables(operation.key)) if status == 404 else ""
        begin = f"Check {named}. Else the" if named else "The"
        off = f", or switch cap.{operation.needs} off" if operation.needs else ""
        return (
            f'{begin} platform has it elsewhere than at "{self.contract.text(operation.key)}": put the right verb and '
            f"path under the provider's contract in reconcile.yaml, as `{operation.key}`{off}."
        )

    def _copied(self, operation: GatorMailOperation, copied: Mapping[str, Any], into: int) -> list[dict[str, Any]]:
        """The contacts of one page of another group's inclusions or exclusions, read now, so that no plan has them.

        Whoever is excluded already is not included: that would take an opt-out back.
        """
        list_ = operation.name.replace("post", "get")
        # The whole list, of which this is a part: the platform may cap pages in silence.
        end = copied["page"] * copied["size"]
        rows = list(self.pages(list_, groupId=copied["of"]))[end - copied["size"] : end]
        out: set[Any] = set()
        if operation.key == "op.group.included.add":
            out = {row["id"] for row in self.pages("gatormail_groupExcludedContactget", groupId=into)}
        return [{"id": row["id"]} for row in rows if row["id"] not in out]

    def _require_exclusions(self, former: int, into: int) -> None:
        """See that one group has all the exclusions of another, which is about to be deleted."""
        list_ = "gatormail_groupExcludedContactget"
        missing = {row["id"] for row in self.pages(list_, groupId=former)}
        missing -= {row["id"] for row in self.pages(list_, groupId=into)}
        if missing:
            raise PlanStale(
                f"Since the group was made anew, {len(missing)} more were excluded from the former one, which is kept.",
                hint="Plan again: the exclusions are copied first.",
            )

    def _reference(self, shape: str, nested: Any) -> Any:
        """A nested object with an id is a reference; its name goes along as it is.

        A server that maps nested objects might write an empty one (reference, section 5.5).
        """
        if not isinstance(nested, Mapping) or nested.get("id") in (None, "") or nested.get("name"):
            return nested
        id_ = str(nested["id"])
        if shape == "group" and ("group", id_) not in self._names:
            with suppress(Rejected):  # there is none, and the platform will say so of the call itself
                self.send(Call("gatormail_getGroup", {"groupId": id_}))
        name = self._names.get((shape, id_))
        return {**nested, "name": name} if name else {key: value for key, value in nested.items() if key != "name"}

    def _remember(self, shape: str, found: Any) -> None:
        """Keep the names of groups and e-mails, which references to them carry."""
        for row in found if isinstance(found, list) else [found]:
            if not isinstance(row, Mapping):
                continue  # of what a write answers, little is looked at
            if shape == "campaign":
                for name in _NESTED:
                    self._remember(name, row.get(name) or {})
            elif shape in _NESTED and row.get("id") and row.get("name"):
                self._names[shape, str(row["id"])] = str(row["name"])

    def _decoded(self, operation: GatorMailOperation, answer: Any) -> Any:
        found = checked(self.contract, operation, answer, ASK)
        self._remember(operation.answers.strip("[]"), found)
        flag = _FLAGS.get(operation.answers)
        if flag is not None and found[flag] is not True:
            reason = found.get("message") or "no reason given"
            raise ApiError(f"{operation.name}: the platform refuses ({reason}).")
        return found


def _about_people(operation: GatorMailOperation, arguments: Mapping[str, Any]) -> Iterator[str]:
    """The texts by which a call says something of people, one by one."""
    if operation.takes in ("[contact]", "contact", "trigger", "testSend") or operation.key == "op.contact.match":
        yield from texts(to_json(arguments))
