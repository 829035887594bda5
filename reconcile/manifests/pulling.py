"""Live values -> what is to stand in manifests and files; the files themselves, changed together or not at all."""

import os
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any, get_args

from reconcile.manifests.edit import stands, with_value, without, without_entry, written_value
from reconcile.manifests.environments import DEFAULT, OVERRIDES
from reconcile.manifests.interpolate import Scope, evaluate, has_expression, literal
from reconcile.manifests.text_change import Plain, Unwritable
from reconcile.model.address import Address
from reconcile.model.attributes import Value
from reconcile.model.kind import PLAIN, Kind, Rule, Spec, rules
from reconcile.model.members import path_of
from reconcile.model.reference import Reference
from reconcile.model.resource import Resource

_BOM = b"\xef\xbb\xbf"
_ZONE = re.compile(r"(?:[Zz]|(?P<sign>[+-])(?P<hours>\d{2}):(?P<minutes>\d{2}))$")


@dataclass(slots=True)
class Drafts:
    """Files of a project as they are to be; nothing is on disk before ``written``.

    ``texts`` are manifests, ``bodies`` files that manifests point at; ``scope`` is what expressions may name, and
    ``environment`` the one that is read for; ``others`` are those that the project has beside it.
    """

    root: Path
    scope: Scope
    environment: str = DEFAULT
    others: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)

    def set_value(self, resource: Resource, kind: Kind, name: str, live: Value) -> str:
        """Set an attribute of an entry to a live value; gives the file that says so then.

        Raises:
            Unwritable: it can't stand there; the drafts are as before.
        """
        rule = rules(kind.spec)[name]
        if name in resource.files and isinstance(live, str):
            return self._set_body(resource.files[name], live)
        file = resource.location.file
        path = self._place(file, resource, kind, path_of(kind.spec, name))
        if live is None and not _admits_none(kind.spec, path_of(kind.spec, name)):
            raise Unwritable("it is not set any more; take it out of the entry, or let apply set it again")
        text = self.text(file)
        written = written_value(text, file, path)
        if isinstance(live, Mapping) and isinstance(written, Mapping):
            self.texts[file] = _with_members(text, file, path, live, self.scope)
        else:
            self.texts[file] = with_value(text, file, path, _spelled(rule, live, written, self.scope))
        return file

    def _place(self, file: str, resource: Resource, kind: Kind, name: tuple[str, ...]) -> tuple[str, ...]:
        """Where an attribute stands, or is to: at the entry, or in what this environment has otherwise."""
        entry = _path(resource.address, kind)
        own = (*entry, OVERRIDES, self.environment, *name)
        return own if stands(self.text(file), file, own) else (*entry, *name)

    def detach(self, resource: Resource, kind: Kind, texts: Mapping[str, str]) -> tuple[str, ...]:
        """Let an entry say itself what was made from another one; gives the files that hold the texts.

        Raises:
            Unwritable: what it was made from can't be taken out; the drafts are as before.
        """
        known, path, file = rules(kind.spec), _path(resource.address, kind), resource.location.file
        naming = {rule.file_of: name for name, rule in known.items() if rule.file_of is not None}
        text = self.text(file)
        bodies: dict[str, str] = {}
        for name, body in texts.items():
            bodies[name] = self._free_path(resource.address.name, body, bodies.values())
            text = with_value(text, file, (*path, naming[name]), bodies[name])
        for name in made_from(kind, resource):
            if written_value(text, file, (*path, name)) is None:
                raise Unwritable(f"{name} comes from the defaults in reconcile.yaml, and can't be taken out here")
            text = without(text, file, (*path, name))
        self.texts[file] = text
        self.bodies |= {bodies[name]: f"{body}\n" for name, body in texts.items()}
        return tuple(bodies.values())

    def take_out(self, resource: Resource, kind: Kind) -> list[str]:
        """Take an entry out of its file; gives the comments above it, which stay.

        Raises:
            Unwritable: something else would change with it; the drafts are as before.
        """
        file = resource.location.file
        self.texts[file], above = without_entry(self.text(file), file, _path(resource.address, kind))
        return above

    @contextmanager
    def written(self) -> Iterator[tuple[str, ...]]:
        """The files on disk, by name; if the block is left with an error, they are as they were before."""
        contents = {file: self._bytes(file, text) for file, text in (self.texts | self.bodies).items()}
        before = {file: _read(self.root / file) for file in contents}
        changed = {file: data for file, data in contents.items() if data != before[file]}
        try:
            for file, data in changed.items():
                _write(self.root / file, data)
            yield tuple(sorted(changed))
        except BaseException:
            for file in changed:
                _restore(self.root / file, before[file])
            raise

    def text(self, file: str) -> str:
        """A file as it is to be, or as it is."""
        if file not in self.texts:
            return (self.root / file).read_bytes().decode("utf-8-sig")
        return self.texts[file]

    def _bytes(self, file: str, text: str) -> bytes:
        former = _read(self.root / file) or b""
        marked = former.startswith(_BOM) or text.startswith("\ufeff")
        return (_BOM if marked else b"") + text.encode()

    def _set_body(self, file: str, live: str) -> str:
        """A whole file for a text, with the line ends that it had."""
        former = (self.root / file).read_bytes().decode("utf-8-sig")
        ends = former.replace("\r\n", "\n")
        text = live + "\n" * (len(ends) - len(ends.rstrip("\n")))
        if "\r\n" in former and former.count("\r\n") * 2 >= former.count("\n"):
            text = text.replace("\n", "\r\n")
        self.bodies[file] = text
        return file

    def _free_path(self, name: str, body: str, taken: Collection[str]) -> str:
        ending = "html" if body.lstrip().startswith("<") else "txt"
        paths = (f"emails/{name}{'' if number == 1 else f'-{number}'}.{ending}" for number in count(1))
        used = {*self.bodies, *taken}
        return next(path for path in paths if path not in used and not (self.root / path).exists())


def made_from(kind: Kind, resource: Resource) -> tuple[str, ...]:
    """The declared attributes from which the platform makes others."""
    known = rules(kind.spec)
    return tuple(name for name in resource.attributes if known[name].replaces and not known[name].readable)


def _path(address: Address, kind: Kind) -> tuple[str, ...]:
    group = (address.provider, kind.plural)
    return group if kind.singleton else (*group, address.name)


def _with_members(text: str, file: str, path: tuple[str, ...], live: Mapping[str, Value], scope: Scope) -> str:
    """The text with a mapping as it is live, member by member, so that all that did not change stays as written.

    Raises:
        Unwritable: a member can't be set or taken out.
    """
    written = written_value(text, file, path)
    for name in [name for name in written if name not in live]:
        text = without(text, file, (*path, name))
    for name, value in live.items():
        there = written.get(name)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            text = _with_members(text, file, (*path, name), value, scope)
        elif name not in written or value != (evaluate(there, scope)[0] if isinstance(there, str) else there):
            text = with_value(text, file, (*path, name), _spelled(PLAIN, value, there, scope))
    return text


def _spelled(rule: Rule, live: Value, written: Plain, scope: Scope) -> Plain:
    """A live value as a manifest says it, in the manner of what stands there.

    Raises:
        Unwritable: it is made from an expression, or no entry stands for what it refers to.
    """
    if isinstance(live, tuple) and not (isinstance(written, str) and has_expression(written)):
        return _list(rule, live, written if isinstance(written, list) else [], scope)
    if isinstance(written, str) and has_expression(written):
        raise Unwritable("an expression stands there, and it is kept; change what it names, or write the value out")
    if isinstance(live, Mapping):
        raise Unwritable("a value of this form is not written")
    if isinstance(live, Reference):
        return live.address.name
    if not isinstance(live, str):
        return live
    if rule.refers is not None:
        raise Unwritable(f"no entry stands for the {rule.refers} with the id {live}")
    if rule.instant:
        return _instant(live, written if isinstance(written, str) else "")
    ends = len(written) - len(written.rstrip("\n")) if isinstance(written, str) else 0
    longer = live + "\n" * ends
    return literal(longer if rule.canonical(longer) == live else live)


def _admits_none(spec: type[Spec], path: tuple[str, ...]) -> bool:
    """Whether a manifest may say null there."""
    annotation: Any = spec.model_fields[path[0]].annotation
    return _admits_none(annotation, path[1:]) if path[1:] else type(None) in get_args(annotation)


def _list(rule: Rule, live: tuple[Value, ...], written: list[Plain], scope: Scope) -> list[Plain]:
    """What stays, as it is written, then what is new."""
    strangers = [item for item in live if rule.refers is not None and not isinstance(item, Reference)]
    if strangers:
        raise Unwritable(f"no entry stands for the {rule.refers} with the id {', '.join(map(str, strangers))}")
    wanted = [item.address.name if isinstance(item, Reference) else item for item in live]
    values = [evaluate(item, scope)[0] if isinstance(item, str) else item for item in written]
    gone = [item for item, value in zip(written, values, strict=True) if value not in wanted]
    if any(isinstance(item, str) and has_expression(item) for item in gone):
        raise Unwritable("an item to be taken out is an expression, and it is kept")
    stays = [item for item in written if item not in gone]
    return stays + [literal(item) if isinstance(item, str) else item for item in wanted if item not in values]


def _instant(live: str, written: str) -> str:
    """An instant in UTC, in the zone that the one before was written in."""
    zone = _ZONE.search(written)
    moment = datetime.fromisoformat(live).astimezone(UTC)
    if zone is None or zone["sign"] is None:
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    offset = timedelta(hours=int(zone["hours"]), minutes=int(zone["minutes"]))
    return moment.astimezone(timezone(offset if zone["sign"] == "+" else -offset)).isoformat()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Replace a file as a whole; a link stays one, and the file keeps its mode."""
    real = Path(os.path.realpath(path))
    real.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{real.name}.tmp-", dir=real.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        mode = real.stat().st_mode & 0o7777 if real.exists() else 0o666 & ~_umask()
        Path(temporary).chmod(mode)
        Path(temporary).replace(real)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _restore(path: Path, data: bytes | None) -> None:
    with suppress(OSError):
        if data is None:
            path.unlink(missing_ok=True)
        else:
            _write(path, data)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
