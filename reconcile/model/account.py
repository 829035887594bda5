"""Whose account a provider's key opens."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """The identity that state and plan record: platform, host, and the account's id (app id, instance)."""

    type: str
    host: str
    id: str

    def __str__(self) -> str:
        return f"{self.type} account {self.id} at {self.host}"
