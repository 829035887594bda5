"""GatorMail, whole: ``PROVIDER``."""

from reconcile.model.provider import KindsIn, Later, Provider
from reconcile.providers.gatormail.commands import DATAFEED_PULL, SCHEMA_REQUESTS

PROVIDER = Provider(
    name="gatormail",
    settings=Later(f"{__name__}.settings:GatorMailSettings"),
    open=Later(f"{__name__}.settings:open_client"),
    operations=Later(f"{__name__}.operations:OPERATIONS"),
    kinds=KindsIn(f"{__name__}.kinds"),
    commands=(SCHEMA_REQUESTS, DATAFEED_PULL),
    emulator=Later(f"{__name__}.emulator:emulate"),
)
