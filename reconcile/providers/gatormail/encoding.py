"""Calls as they stand on the wire, which takes the account's contract and zone and no network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconcile.errors import ApiError, InvalidInput
from reconcile.model.attributes import to_json
from reconcile.model.call import Call, Encoded
from reconcile.providers.gatormail.contract import ENUMS, Contract
from reconcile.providers.gatormail.operations import OPERATIONS, GatorMailOperation

CONTACTS = "contacts"  # the argument that is an array of contacts
# Query members of operations that take no body.
_ARGUMENTS = {"op.contact.match": ("field", "value")}


class Encoding:
    """Encodes the calls to one account."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def encode(self, call: Call) -> Encoded:
        """The call as it stands on the wire; contacts that are read when their turn comes stand as they are declared.

        Raises:
            InvalidInput, ApiError: it can't be put on the wire, such as an hour that the clocks go through twice.
        """
        operation, arguments = OPERATIONS[call.operation], to_json(call.arguments)
        arguments.pop("excludedIn", None)
        if isinstance(copied := arguments.get(CONTACTS), Mapping):
            encoded = self.encoded(operation, {**arguments, CONTACTS: []})
            return replace(encoded, body=copied)
        return self.encoded(operation, arguments)

    def encoded(self, operation: GatorMailOperation, arguments: Mapping[str, Any]) -> Encoded:
        """A call whose contacts, if it takes any, are known."""
        variables, body = self.parted(operation, arguments)
        if operation.needs is not None and operation.needs not in self.contract.capabilities():
            raise ApiError(
                f"{operation.name} needs the capability cap.{operation.needs}, which is off.",
                hint="If the account has it, switch it on under the provider's contract.",
            )
        verb, path, query = self.contract.route(operation.key, variables)
        return Encoded(verb, path, query, body)

    def parted(self, operation: GatorMailOperation, arguments: Mapping[str, Any]) -> tuple[dict[str, str], Any]:
        """The variables of the path (and query members), and the body as it stands on the wire."""
        named = self.contract.variables(operation.key)
        # A dot or two would be taken out of a path, and something else be called.
        missing = [name for name in named if arguments.get(name) in (None, "", ".", "..")]
        if missing:
            raise InvalidInput(f"{operation.name} needs {' and '.join(missing)}.")
        variables = {name: self._variable(name, str(arguments[name])) for name in named}
        rest = {name: value for name, value in arguments.items() if name not in named}
        _check_members(operation, named, rest)
        if operation.takes == "[contact]":
            return variables, self.contract.write("contact", rest[CONTACTS])
        if operation.key == "op.contact.update" and "emailLogin" not in rest:
            rest = {"id": arguments["contactId"], **rest}  # a contact has one of them, also where the path names it
        if operation.takes:
            return variables, self.contract.write(operation.takes, rest)
        if operation.key == "op.contact.match":
            rest = {self.contract.text(f"p.contact.match.{name}"): value for name, value in rest.items()}
        return variables | {name: str(value) for name, value in rest.items()}, None

    def _variable(self, name: str, value: str) -> str:
        """A variable as it stands in a path: values of an enum, as the types of requests are, have wire names too."""
        return self.contract.value(name, value) if value in ENUMS.get(name, ()) else value


def _check_members(operation: GatorMailOperation, named: Sequence[str], rest: Mapping[str, Any]) -> None:
    """What is neither in the path nor in a body would be put into the query, which nobody reads."""
    known = (CONTACTS,) if operation.takes == "[contact]" else _ARGUMENTS.get(operation.key, ())
    strange = ", ".join(sorted(rest.keys() - set(known)))
    if strange and operation.takes in ("", "[contact]"):
        takes = " and ".join((*named, *known)) or "no arguments"
        raise InvalidInput(f"{operation.name} takes {takes}, so not {strange}.")
    if operation.takes == "[contact]" and not isinstance(rest.get(CONTACTS), list):
        raise InvalidInput(f"{operation.name} needs {CONTACTS}, an array of contacts.")
