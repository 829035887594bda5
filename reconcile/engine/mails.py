"""The mails of a project as they will be: what stands in their entries, and what is made of templates."""

from collections.abc import Mapping

from reconcile.model.address import Address
from reconcile.model.attributes import Attributes
from reconcile.model.built_mail import BuiltMail
from reconcile.model.registry import Registry
from reconcile.model.resource import Resource


def mail_addresses(resources: Mapping[Address, Resource], registry: Registry) -> list[Address]:
    """The entries that are mails."""
    return [
        address
        for address, resource in sorted(resources.items())
        if registry.kind(address).mail is not None and not resource.external
    ]


def built_mail(address: Address, resources: Mapping[Address, Resource], registry: Registry) -> BuiltMail:
    """The mail of an entry; one that is made from a template that no manifest declares has no content here."""
    parts = registry.kind(address).mail
    assert parts is not None  # noqa: S101  # only mails are asked for
    resource = resources[address]
    attributes = filled(address, resources, registry)
    template = parts.made_from(resource.attributes)
    sources = [source for built in resource.builds.values() for source in built.sources]
    sources += resource.files.values()
    if template is not None and template in resources:
        sources += built_mail(template, resources, registry).sources

    def text(name: str | None) -> str | None:
        value = attributes.get(name) if name is not None else None
        return value if isinstance(value, str) else None

    return BuiltMail(
        address,
        text(parts.html),
        text(parts.text),
        text(parts.subject),
        text(parts.sender),
        template,
        tuple(dict.fromkeys(sources)),
    )


def filled(address: Address, resources: Mapping[Address, Resource], registry: Registry) -> Attributes:
    """An entry's attributes, with what the platform will make of its template."""
    attributes, kind = resources[address].attributes, registry.kind(address)
    template = kind.mail.made_from(attributes) if kind.mail is not None else None
    if template is None or template not in resources:
        return attributes
    return {**attributes, **kind.filled(attributes, filled(template, resources, registry))}
