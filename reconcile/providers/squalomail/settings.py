"""What reconcile.yaml says of a SqualoMail account, and the client for it."""

from typing import Annotated, Literal

from pydantic import Field

from reconcile.model.kind import ABSENT
from reconcile.model.provider import Connection
from reconcile.model.settings import URL_PATTERN, AccountSpec, Credential, ProviderSettings
from reconcile.providers.squalomail.client import SqualoMail


class SqualoMailSettings(AccountSpec):
    """A SqualoMail account."""

    type: Literal["squalomail"] = Field(description="The platform.")
    url: str = Field(
        pattern=URL_PATTERN,
        description='"sandbox:" for the embedded emulator, or the API: https://api.squalomail.com/v1.',
    )
    apiKey: Annotated[str, Credential()] = Field(
        ABSENT, description="The API key, as ${env.NAME}; needed unless the URL is a sandbox."
    )
    account: str = Field(ABSENT, min_length=1, description="The app id that the key must belong to.")


def open_client(settings: ProviderSettings, connection: Connection) -> SqualoMail:
    """The client of an account; in a sandbox the key of an account is its alias."""
    if settings.is_sandbox:
        return SqualoMail(f"{connection.url}/v1", settings.alias, connection.transport())
    return SqualoMail(settings.url, settings.credentials["apiKey"].reveal(), connection.transport())
