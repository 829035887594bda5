"""A mail as it will be: what stands in its entry, or what the platform makes of a template."""

from dataclasses import dataclass

from reconcile.model.address import Address


@dataclass(frozen=True, slots=True)
class BuiltMail:
    """One mail: its HTML, its plain text, its subject and its sender, as far as they are declared.

    ``template``: the platform makes it of that entry, and this is what it should come to. ``sources`` are the files
    that it is made from.
    """

    address: Address
    html: str | None
    text: str | None
    subject: str | None
    sender: str | None = None
    template: Address | None = None
    sources: tuple[str, ...] = ()
