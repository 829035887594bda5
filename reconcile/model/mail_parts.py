"""Which attributes of a kind are a mail."""

from dataclasses import dataclass

from reconcile.model.address import Address
from reconcile.model.attributes import Attributes
from reconcile.model.reference import Reference


@dataclass(frozen=True, slots=True)
class MailParts:
    """Which attributes of a kind are a mail: what checks look at and reviews show. None: it has no such attribute.

    ``goes_out``: it is for people; else others are made from it. ``own_defaults`` are those that the platform fills
    from its own defaults where they are not declared, whatever the template says. ``due`` is when it goes out.
    """

    subject: str = "subject"
    html: str = "body"
    text: str | None = None
    sender: str | None = None
    language: str | None = None
    utm: str | None = None
    due: str | None = None
    template: str | None = None
    fills: str | None = None
    own_defaults: tuple[str, ...] = ()
    goes_out: bool = True

    def made_from(self, attributes: Attributes) -> Address | None:
        """The entry that a mail is made from."""
        value = attributes.get(self.template) if self.template is not None else None
        return value.address if isinstance(value, Reference) else None
