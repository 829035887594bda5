"""What the project file ``reconcile.yaml`` may declare: the Specs behind the settings and their JSON Schema."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model

from reconcile.model.kind import ABSENT, Spec
from reconcile.model.settings import NAME_PATTERN

if TYPE_CHECKING:
    from reconcile.manifests.nodes import MappingNode

# What can't be an alias, a variable or an environment.
ALIAS_PATTERN = NAME_PATTERN
VARIABLE_PATTERN = "^[A-Za-z_][A-Za-z0-9_-]*$"
DURATION_PATTERN = "^[0-9]{1,6}[smhd]$"
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


class TargetsSpec(Spec):
    """Whom campaigns and audiences may be for; what is for anybody else is refused."""

    maxAudience: int = Field(ABSENT, ge=0, le=1000000000, description="Only those with at most so many people in all.")


class PolicySpec(Spec):
    """What bounds a run, whatever the manifests say."""

    freeze: _Duration = Field(ABSENT, description="A campaign that goes out within it is not written; at least 30m.")
    maxDeletePercent: float = Field(ABSENT, ge=0, le=100, description="Deletes of a kind above it need --allow-delete.")
    maxDeleteCount: int = Field(
        ABSENT,
        ge=0,
        le=1000000,
        description="Deletes above it need --allow-delete; with --target those of the last 24 hours count, too.",
    )
    maxReplaceCount: int = Field(ABSENT, ge=0, le=1000000, description="Drafts made anew above it need --allow-delete.")
    sends: Literal["ask", "allow", "deny"] = Field(ABSENT, description="Whether runs may send mail.")
    renderedSends: Literal["allow", "review"] = Field(
        ABSENT,
        description="Mail made from a template: scheduled with its first apply, or, with review, by a second plan and "
        "approval, which show what the platform made of the template.",
    )
    planExpiry: _Duration = Field(ABSENT, description="For how long a saved plan can be applied.")
    importWait: _Duration = Field(ABSENT, description="For how long an import of recipients is waited for.")
    reachGrowth: float = Field(
        ABSENT, ge=0, le=1000, description="By how many percent the people of an approved send may have grown."
    )
    targets: TargetsSpec = Field(ABSENT, description="Whom campaigns and audiences may be for.")


class CiSpec(Spec):
    """What ``reconcile ci`` does; it is taken from the protected branch."""

    pullRequests: Literal["snapshot", "credentials"] = Field(
        ABSENT,
        description="What plans on changes are made with: the last snapshot (the default), which needs no credentials, "
        "or the credentials that the job has. Changes from forks always get the snapshot.",
    )
    offerPull: bool = Field(ABSENT, description="Whether drift is offered as a change of the manifests.")


class _Layer(Spec):
    """What the project and its environments have in common."""

    providers: dict[_Alias, Any] = Field(ABSENT, description="The accounts, by the aliases used in manifests.")
    state: str = Field(
        ABSENT,
        pattern=STATE_PATTERN,
        description="Where the state is kept: file:PATH, s3://BUCKET/KEY, gs://, az://, postgresql:// or https://. "
        "By default file:.reconcile/ENV/state.json.",
    )
    variables: dict[_Variable, str | bool | int | float | list[Any] | dict[str, Any] | None] = Field(
        ABSENT,
        description="Values of any shape for ${var.name}; null: must be given with --var or RECONCILE_VAR_NAME.",
    )
    defaults: dict[_Alias, Any] = Field(ABSENT, description="Values that count as declared, by alias and kind.")
    policy: PolicySpec = Field(ABSENT, description="What bounds a run.")
    checks: dict[str, Literal["error", "warning", "off"]] = Field(
        ABSENT, description="How bad each check's findings are, by the check's id."
    )


class EnvironmentSpec(_Layer):
    """An environment, chosen with --env: merged over the project, member by member."""


def types_in(folder: Path) -> tuple[str, ...]:
    """The types of provider that a project's file names, as far as it can be read; nothing is checked."""
    from reconcile.manifests.load import PROJECT_FILE
    from reconcile.manifests.parse import parse_yaml

    try:
        root = parse_yaml((folder / PROJECT_FILE).read_bytes(), PROJECT_FILE, []).root
    except OSError:
        return ()
    return types_named(root) if root is not None else ()


def types_named(root: "MappingNode") -> tuple[str, ...]:
    """The types of the accounts of a project and its environments."""
    environments = getattr(root.members.get("environments"), "members", {})
    found: dict[str, None] = {}
    for layer in (root, *environments.values()):
        accounts = getattr(getattr(layer, "members", {}).get("providers"), "members", {})
        for account in accounts.values():
            type_ = getattr(getattr(account, "members", {}).get("type"), "value", None)
            if isinstance(type_, str):
                found[type_] = None
    return tuple(found)


class ProjectSpec(_Layer):
    """The project file."""

    version: int = Field(ge=1, le=1, description="The format of this file: 1.")
    environments: dict[_Alias, Any] = Field(ABSENT, description="Environments, chosen with --env.")
    ci: CiSpec = Field(ABSENT, description="What reconcile ci does.")
    samples: list[dict[str, str]] = Field(
        ABSENT,
        max_length=5,
        description="Invented people whom a review page fills merge tags with, the first one in the mails: "
        "[{name: Anna, city: Gorizia}]. By default two that are made up.",
    )


@cache
def project_specs(targets: tuple[str, ...]) -> tuple[type[ProjectSpec], type[EnvironmentSpec]]:
    """The Specs of the project file and of an environment, where these kinds (plurals) may be targets."""
    entries: dict[str, Any] = {
        plural: (list[str], Field(ABSENT, description=f"Only these entries of `{plural}`.")) for plural in targets
    }
    bounds = create_model("TargetsSpec", __base__=TargetsSpec, __doc__=TargetsSpec.__doc__, **entries)
    about: Any = PolicySpec.model_fields["targets"]
    policy = create_model("PolicySpec", __base__=PolicySpec, __doc__=PolicySpec.__doc__, targets=(bounds, about))
    of: Any = (policy, _Layer.model_fields["policy"])
    return (
        create_model("ProjectSpec", __base__=ProjectSpec, __doc__=ProjectSpec.__doc__, policy=of),
        create_model("EnvironmentSpec", __base__=EnvironmentSpec, __doc__=EnvironmentSpec.__doc__, policy=of),
    )
