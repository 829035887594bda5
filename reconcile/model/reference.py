"""A value that is another resource's: known when that one exists."""

from dataclasses import dataclass

from reconcile.model.address import Address


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """The id of the object at ``address``; "known after apply" while there is none."""

    address: Address

    def __str__(self) -> str:
        return str(self.address)
