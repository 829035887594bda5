"""Between what stands on the wire and what the emulator works with: requests are checked, answers are written.

Requests are held against the shapes of the reference OpenAPI document; members' names are read without regard to case,
unknown ones are ignored, and everything that is wrong is told at once in ``modelState``.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from reconcile.sandbox.distortions import Distortions
from reconcile.sandbox.gatormail.contract import Contract
from reconcile.sandbox.gatormail.document import SHAPES, Member
from reconcile.sandbox.gatormail.instance import parse_wall
from reconcile.sandbox.gatormail.reply import ApiError


class Reader:
    """Reads one request's body; ``finish`` raises what was found wrong."""

    def __init__(self, contract: Contract, zone: tzinfo, *, zoned_dates: bool) -> None:
        self._contract = contract
        self._zone = zone
        self._zoned = zoned_dates
        self._wrong: dict[str, list[str]] = {}

    def read(self, shape: str, raw: Any) -> dict[str, Any]:
        """An object of a shape, with the members that were sent under their own names."""
        found = self._object(shape, raw, shape)
        self._finish()
        return found

    def read_part(self, shape: str, raw: Any) -> dict[str, Any]:
        """As ``read``, of an object that the path has named already."""
        found = self._object(shape, raw, shape, whole=False)
        self._finish()
        return found

    def read_all(self, shape: str, raw: Any) -> list[dict[str, Any]]:
        """An array of objects."""
        if not isinstance(raw, list):
            raise ApiError(400, "The request is invalid", {"body": ["Should be an array"]})
        found = [self._object(shape, each, f"[{at}]") for at, each in enumerate(raw)]
        self._finish()
        return found

    def _finish(self) -> None:
        if self._wrong:
            raise ApiError(400, "The request is invalid", self._wrong)

    def _object(self, shape: str, raw: Any, where: str, *, whole: bool = True) -> dict[str, Any]:
        if not isinstance(raw, dict):
            self._fault(where, "Should be an object")
            return {}
        sent = {str(name).lower(): value for name, value in raw.items()}
        found: dict[str, Any] = {}
        for name, member in SHAPES[shape].items():
            wire = self._contract.member(shape, name)
            if member.access == "r":
                continue
            if wire.lower() in sent:
                found[name] = self._member(member, sent[wire.lower()], f"{where}.{wire}")
            elif member.required:
                self._fault(f"{where}.{wire}", "Is required")
        if whole and shape == "contact" and found.get("id") is None and not found.get("emailLogin"):
            self._fault(f"{where}.{self._contract.member(shape, 'emailLogin')}", "Give this or the id")
        return found

    def _member(self, member: Member, value: Any, where: str) -> Any:
        if value is None and member.nullable:
            return None
        match member.kind:
            case "id":
                return self._id(value, where)
            case "int":
                return self._typed(value, where, isinstance(value, int) and not isinstance(value, bool), "a number")
            case "bool":
                return self._typed(value, where, isinstance(value, bool), "true or false")
            case "text":
                return self._text(member, value, where)
            case "date":
                return self._date(value, where)
            case "map":
                return self._map(value, where)
            case "enum":
                return self._enum(member.of, value, where)
            case "ref":
                return self._reference(member.of, value, where)
            case _:
                return self._object(member.of, value, where)

    def _fault(self, where: str, text: str) -> None:
        self._wrong.setdefault(where, []).append(text)

    def _typed(self, value: Any, where: str, fits: bool, what: str) -> Any:
        if not fits:
            self._fault(where, f"Should be {what}")
        return value

    def _id(self, value: Any, where: str) -> int | None:
        """An id is a whole number, which may come as text; an empty text stands for none."""
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and (value == "" or (value.isascii() and value.isdigit() and len(value) < 16)):
            return int(value) if value else None
        self._fault(where, "Should be a whole number")
        return None

    def _text(self, member: Member, value: Any, where: str) -> Any:
        if isinstance(value, str) and member.required and not value.strip():
            self._fault(where, "Is required")
        return self._typed(value, where, isinstance(value, str), "a text")

    def _date(self, value: Any, where: str) -> str | None:
        if value == "":
            return None
        if not isinstance(value, str):
            self._fault(where, "Should be a text")
            return None
        try:
            return parse_wall(value, self._zone, zoned=self._zoned)
        except ValueError as error:
            self._fault(where, str(error))
            return None

    def _map(self, value: Any, where: str) -> Any:
        plain = isinstance(value, dict) and all(isinstance(each, str | int | float | None) for each in value.values())
        return self._typed(value, where, plain, "an object of plain values")

    def _enum(self, enum: str, value: Any, where: str) -> str | None:
        found = self._contract.named(enum, value) if isinstance(value, str) else None
        if found is None:
            self._fault(where, "Unknown value")
        return found

    def _reference(self, shape: str, value: Any, where: str) -> dict[str, Any]:
        """With an id, a reference whose other members count for nothing (reference, section Update)."""
        if isinstance(value, dict):
            wire = self._contract.member(shape, "id").lower()
            number = next((each for name, each in value.items() if str(name).lower() == wire), None)
            if number not in (None, ""):
                return {"id": self._id(number, f"{where}.{wire}"), "rest": value}
            if shape == "group":
                self._fault(f"{where}.{wire}", "Is required")
        return self._object(shape, value, where)


class Writer:
    """Writes answers with the contract's names."""

    def __init__(self, contract: Contract, distortions: Distortions) -> None:
        self._contract = contract
        self._distortions = distortions

    def write(self, shape: str, value: Mapping[str, Any]) -> dict[str, Any]:
        """An object of a shape; members that it does not have are left out."""
        written = {
            name: self._member(member, value[name])
            for name, member in SHAPES[shape].items()
            if name in value and member.access != "w"
        }
        wires = {name: self._contract.member(shape, name) for name in written}
        if not self._distortions.active:
            return {wires[name]: each for name, each in written.items()}
        found: dict[str, Any] = {}
        for name, each in written.items():
            found |= self._distortions.member(shape, name, wires[name], each)
        return found

    def _member(self, member: Member, value: Any) -> Any:
        if value is None:
            return None
        match member.kind:
            case "enum":
                return self._distortions.word(self._contract.value(member.of, value))
            case "one" | "ref":
                return self.write(member.of, value)
            case "many":
                return [self.write(member.of, each) for each in value]
            case _:
                return value
