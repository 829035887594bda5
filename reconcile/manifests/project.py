"""What the project file ``reconcile.yaml`` may declare: the Specs behind the settings and their JSON Schema."""

from typing import Annotated, Any, Literal

from pydantic import Field

from reconcile.model.kind import ABSENT, Rule, Spec

# Members whose expressions are evaluated only when a real provider is contacted.
CREDENTIALS = frozenset({"apiKey", "clientId", "clientSecret", "username", "password", "tokenUrl"})
# What can't be an alias, a variable or an environment.
ALIAS_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]*$"
VARIABLE_PATTERN = "^[A-Za-z_][A-Za-z0-9_-]*$"
DURATION_PATTERN = "^[0-9]{1,6}[smhd]$"
URL_PATTERN = (
    r"^(?:https://[^\s/?#@]+(?:/[^\s?#@]*)?|"
    r"http://(?:localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|\[::1\])(?::[0-9]+)?(?:/[^\s?#@]*)?|"
    r"sandbox:.*)$"
)
STATE_PATTERN = (
    r"^(?:file:[\s\S]*[^/]|"
    r"(?:s3|gs|az)://[^\s/?#@]+/[^\s?#]*[^\s/?#](?:\?[^\s#]*)?|"
    r"postgres(?:ql)?://[^\s#]+|"
    r"https://[^\s/?#]+/[^\s#]*[^\s/#]|"
    r"http://(?:[^\s/?#@]+@)?(?:localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|\[::1\])(?::[0-9]+)?/[^\s#]*[^\s/#])$"
)

_Duration = Annotated[str, Field(pattern=DURATION_PATTERN)]
_Alias = Annotated[str, Field(pattern=ALIAS_PATTERN)]
_Variable = Annotated[str, Field(pattern=VARIABLE_PATTERN)]


class LimitsSpec(Spec):
    """How hard a provider may be worked."""

    concurrency: int = Field(ABSENT, ge=1, le=16, description="Calls under way at once; 4 where absent.")
    requestsPerSecond: float = Field(ABSENT, gt=0, le=1000, description="Calls a second; 5 where absent.")


class SqualoMailSpec(Spec):
    """A SqualoMail account."""

    type: Literal["squalomail"] = Field(description="The platform.")
    url: Annotated[str, Rule()] = Field(
        pattern=URL_PATTERN,
        description='"sandbox:" for the embedded emulator, or the API: https://api.squalomail.com/v1.',
    )
    apiKey: str = Field(ABSENT, description="The API key, as ${env.NAME}; needed unless the URL is a sandbox.")
    account: str = Field(ABSENT, min_length=1, description="The app id that the key must belong to.")
    limits: LimitsSpec = Field(ABSENT, description="How hard the API may be worked.")


class GatorMailSpec(Spec):
    """A GatorMail instance."""

    type: Literal["gatormail"] = Field(description="The platform.")
    url: Annotated[str, Rule()] = Field(
        pattern=URL_PATTERN,
        description='"sandbox:" for the embedded emulator, or the API: https://api.communigator.co.uk/mail.',
    )
    tokenUrl: str = Field(
        ABSENT, description="The token service; https://oauth.communigator.co.uk/core/connect/token where absent."
    )
    instance: str = Field(pattern=ALIAS_PATTERN, description="The instance (landing zone), such as acme_lz.")
    timezone: str = Field(
        ABSENT, min_length=1, description="The instance's zone, such as Europe/London; needed to initiate campaigns."
    )
    clientId: str = Field(ABSENT, description="The API client's id, as ${env.NAME}; needed unless it is a sandbox.")
    clientSecret: str = Field(ABSENT, description="The API client's secret, as ${env.NAME}.")
    username: str = Field(ABSENT, description="The user, as ${env.NAME}.")
    password: str = Field(ABSENT, description="The user's password, as ${env.NAME}.")
    limits: LimitsSpec = Field(ABSENT, description="How hard the API may be worked.")
    contract: dict[str, str | bool | list[str]] = Field(
        ABSENT, description="Rows of the contract table that are otherwise for this account: routes, names, values."
    )


PROVIDERS: dict[str, type[Spec]] = {"squalomail": SqualoMailSpec, "gatormail": GatorMailSpec}


class TargetsSpec(Spec):
    """Whom campaigns and audiences may be for; what is for anybody else is refused."""

    lists: list[str] = Field(ABSENT, description="Only these entries of `lists`.")
    groups: list[str] = Field(ABSENT, description="Only these entries of `groups`.")
    maxAudience: int = Field(
        ABSENT, ge=0, le=1000000000, description="Only lists or groups with at most so many people in all."
    )


class PolicySpec(Spec):
    """What bounds a run, whatever the manifests say."""

    freeze: _Duration = Field(ABSENT, description="A campaign that goes out within it is not written; at least 30m.")
    maxDeletePercent: float = Field(ABSENT, ge=0, le=100, description="Deletes of a kind above it need --allow-delete.")
    maxDeleteCount: int = Field(ABSENT, ge=0, le=1000000, description="Deletes above it need --allow-delete.")
    sends: Literal["ask", "allow", "deny"] = Field(ABSENT, description="Whether runs may send mail.")
    planExpiry: _Duration = Field(ABSENT, description="For how long a saved plan can be applied.")
    importWait: _Duration = Field(ABSENT, description="For how long an import of recipients is waited for.")
    targets: TargetsSpec = Field(ABSENT, description="Whom campaigns and audiences may be for.")


class _Layer(Spec):
    """What the project and its environments have in common."""

    providers: dict[_Alias, Any] = Field(ABSENT, description="The accounts, by the aliases used in manifests.")
    state: str = Field(
        ABSENT,
        pattern=STATE_PATTERN,
        description="Where the state is kept: file:PATH, s3://BUCKET/KEY, gs://, az://, postgresql:// or https://. "
        "By default file:.reconcile/ENV/state.json.",
    )
    variables: dict[_Variable, str | bool | int | float | None] = Field(
        ABSENT, description="Values for ${var.name}; null: must be given with --var or RECONCILE_VAR_NAME."
    )
    defaults: dict[_Alias, Any] = Field(ABSENT, description="Values that count as declared, by alias and kind.")
    policy: PolicySpec = Field(ABSENT, description="What bounds a run.")


class EnvironmentSpec(_Layer):
    """An environment, chosen with --env: merged over the project, member by member."""


class ProjectSpec(_Layer):
    """The project file."""

    version: int = Field(ge=1, le=1, description="The format of this file: 1.")
    environments: dict[_Alias, Any] = Field(ABSENT, description="Environments, chosen with --env.")
