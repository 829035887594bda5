"""The checks of ``reconcile.mail.checks`` over the entries that are mails: what stands against writing one, and why."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

from reconcile.engine.mails import mail_addresses
from reconcile.errors import Diagnostic, Location
from reconcile.errors import Severity as Loudness
from reconcile.mail.checks import Check, Found, Mail, PlatformTag, Severity, Text, checks, look, position
from reconcile.model.address import Address
from reconcile.model.attributes import Attributes
from reconcile.model.collector import collector_paused
from reconcile.model.mail_parts import MailParts
from reconcile.model.provider import MergeTag
from reconcile.model.registry import Registry, nearest
from reconcile.model.resource import Resource


@dataclass(frozen=True, slots=True)
class MailRules:
    """What a project says of the checks, and what they need to know beside the manifests.

    ``severities`` by the checks' ids; ``tags`` what each alias's platform fills; ``zones`` an alias's time zone;
    ``written`` gives a time of an entry as its manifest writes it; ``today`` is an ISO day.
    """

    severities: Mapping[str, Severity] = field(default_factory=dict)
    tags: Mapping[str, tuple[MergeTag, ...]] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    written: Callable[[Resource, str], str | None] = lambda resource, name: None
    today: str = "1970-01-01"


def faults(
    resources: Mapping[Address, Resource], registry: Registry, rules: MailRules
) -> Callable[[Address], Diagnostic | None]:
    """Gives the first error in an entry's mail, which stands against writing it; looked for when it is asked for."""
    mails = _Mails(resources, registry, rules)
    known = frozenset(mails.addresses)

    def fault(address: Address) -> Diagnostic | None:
        return next(mails.findings(address, frozenset([Severity.ERROR])), None) if address in known else None

    return fault


def findings(
    resources: Mapping[Address, Resource],
    registry: Registry,
    rules: MailRules,
    *,
    of: Collection[Address] | None = None,
    severities: Collection[Severity] = (Severity.ERROR, Severity.WARNING),
) -> list[Diagnostic]:
    """All that is found in the mails of these entries, in all where none are named; errors first."""
    if of is not None and not of:
        return []
    mails = _Mails(resources, registry, rules)
    addresses = [address for address in mails.addresses if of is None or address in of]
    with collector_paused():
        found = [one for address in addresses for one in mails.findings(address, frozenset(severities))]
    return sorted([*mails.waivers(addresses), *found], key=lambda one: one.severity is not Loudness.ERROR)


def new_first(found: Sequence[Diagnostic], before: Collection[Diagnostic]) -> list[Diagnostic]:
    """What a change brings, then what was found before it, too, which is marked as standing."""
    known = {(one.code, one.detail, one.address) for one in before}
    told = [replace(one, standing=(one.code, one.detail, one.address) in known) for one in found]
    return sorted(told, key=lambda one: one.standing)


class _Mails:
    """The mails of a project, each made when it is asked for."""

    def __init__(self, resources: Mapping[Address, Resource], registry: Registry, rules: MailRules) -> None:
        self._resources = resources
        self._registry = registry
        self._rules = rules
        self._made: dict[Address, Mail] = {}
        self._known: dict[str, frozenset[str] | None] = {}
        self.addresses = mail_addresses(resources, registry)

    @cached_property
    def _severities(self) -> Mapping[str, Severity]:
        # The checks are loaded once there is something to look at: most plans write no mail.
        return {check.id: self._rules.severities.get(check.id, check.severity) for check in checks()}

    def findings(self, address: Address, severities: frozenset[Severity]) -> Iterator[Diagnostic]:
        """What is found in one mail at these severities, but for what is waived."""
        resource = self._resources[address]
        waived = {one.check for one in resource.waived if one.until is None or one.until >= self._rules.today}
        chosen = {
            id_: severity if severity in severities and id_ not in waived else Severity.OFF
            for id_, severity in self._severities.items()
        }
        for check, severity, found in look(self._mail(address), chosen):
            yield _diagnostic(resource, check, severity, found)

    def waivers(self, addresses: Sequence[Address]) -> Iterator[Diagnostic]:
        """Waivers that name no check, or whose day is over."""
        for address in addresses:
            for waiver in self._resources[address].waived:
                if waiver.check not in self._severities:
                    close = nearest(waiver.check, self._severities)
                    detail = f'`waive` names "{waiver.check}", which is no check.'
                    hint = f'Did you mean "{close}"?' if close else None
                    yield Diagnostic(
                        "unknown-check",
                        "an unknown check",
                        detail,
                        str(address),
                        waiver.location,
                        hint,
                        Loudness.WARNING,
                    )
                elif waiver.until is not None and waiver.until < self._rules.today:
                    detail = f"The waiver of {waiver.check} held until {waiver.until}, so the check counts again."
                    yield Diagnostic(
                        "waiver-over",
                        "a waiver is over",
                        detail,
                        str(address),
                        waiver.location,
                        "Take it out, or renew it.",
                        Loudness.WARNING,
                    )

    def _parts(self, address: Address) -> MailParts | None:
        return self._registry.kind(address).mail

    def _mail(self, address: Address) -> Mail:
        if address in self._made:
            return self._made[address]
        made = self._make(address)
        if not made.goes_out:
            self._made[address] = made  # others are made from it; the rest would only fill the memory
        return made

    def _make(self, address: Address) -> Mail:
        resource, parts = self._resources[address], self._parts(address)
        assert parts is not None  # noqa: S101  # only mails are asked for
        attributes = resource.attributes
        template = self._template(parts.made_from(attributes))
        fills = attributes.get(parts.fills) if parts.fills else None
        return Mail(
            address=str(address),
            subject=_text(resource, parts.subject),
            html=_text(resource, parts.html),
            text=_text(resource, parts.text),
            sender=attributes.get(parts.sender) if parts.sender else None,
            language=attributes.get(parts.language) if parts.language else None,
            utm=attributes.get(parts.utm) if parts.utm else None,
            goes_out=parts.goes_out,
            due=attributes.get(parts.due) if parts.due else None,
            written=self._written(resource, parts.due) if parts.due else None,
            template=self._mail(template) if template is not None else None,
            fills=(fills or {}).get("texts") if fills is not None else None,
            images=(fills or {}).get("images") if fills is not None else None,
            undeclared=self._undeclared(attributes, parts, template),
            tags=_tags(self._rules.tags.get(address.provider, ())),
            fields=self._fields_of(address.provider),
            zone=self._rules.zones.get(address.provider),
            year=int(self._rules.today[:4]),
        )

    def _written(self, resource: Resource, name: str) -> Text | None:
        told = self._rules.written(resource, name)
        return Text(told, name) if told is not None else None

    def _template(self, address: Address | None) -> Address | None:
        found = self._resources.get(address) if address is not None else None
        return found.address if found is not None and not found.external else None

    def _undeclared(self, attributes: Attributes, parts: MailParts, template: Address | None) -> tuple[str, ...]:
        if template is None:
            return ()
        declared = self._resources[template].attributes
        return tuple(name for name in parts.own_defaults if name in declared and name not in attributes)

    def _fields_of(self, alias: str) -> frozenset[str] | None:
        if alias not in self._known:
            self._known[alias] = self._fields(alias)
        return self._known[alias]

    def _fields(self, alias: str) -> frozenset[str] | None:
        """The names that a tag may take: the platform's, and those of the manifests' own entries; None: unknown."""
        tags = [tag for tag in self._rules.tags.get(alias, ()) if tag.names is not None]
        kinds = [kind for kind in self._registry.providers[alias].kinds.values() if kind.spec.named is not None]
        declared = {
            address.name
            for address in self._resources
            for kind in kinds
            if (address.provider, address.kind) == (alias, kind.kind)
        }
        if not tags or not declared or any(tag.known is None for tag in tags):
            return None
        return frozenset(declared.union(*(tag.known or () for tag in tags)))


def _text(resource: Resource, name: str | None) -> Text | None:
    value = resource.attributes.get(name) if name is not None else None
    if name is None or not isinstance(value, str):
        return None
    made = resource.builds.get(name)
    if made is None:
        return Text(value, name, resource.files.get(name))
    sources = tuple(Text(text, name, file) for file, text in zip(made.sources, made.texts, strict=True))
    return Text(value, name, resource.files.get(name), sources)


@cache
def _tags(tags: tuple[MergeTag, ...]) -> tuple[PlatformTag, ...]:
    return tuple(PlatformTag(re.compile(tag.pattern), tag.names, tag.unsubscribes) for tag in tags)


def _diagnostic(resource: Resource, check: Check, severity: Severity, found: Found) -> Diagnostic:
    loudness = Loudness.ERROR if severity is Severity.ERROR else Loudness.WARNING
    return Diagnostic(
        check.id, check.summary, found.detail, str(resource.address), _place(resource, found), found.hint, loudness
    )


def _place(resource: Resource, found: Found) -> Location:
    """Where a finding is: in the text's own file, as far as that goes out as it stands, else where it is declared."""
    text = found.text
    if text is not None and text.file is not None:
        if found.at is not None and text.sources is None:
            return Location(text.file, *position(text.value, found.at))
        return Location(text.file)
    name = text.attribute if text is not None else found.attribute or ""
    while name and name not in resource.locations:
        name = name.rpartition(".")[0]
    return resource.locations.get(name, resource.location)
