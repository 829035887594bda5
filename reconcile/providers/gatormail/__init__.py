"""GatorMail, whole: ``PROVIDER``."""

from reconcile.model.provider import KindsIn, Later, Provider
from reconcile.providers.gatormail.commands import DATAFEED_PULL, SCHEMA_REQUESTS

PROVIDER = Provider(
    name="gatormail",
    hosts=("api.communigator.co.uk", "oauth.communigator.co.uk"),
    settings=Later(f"{__name__}.settings:GatorMailSettings"),
    open=Later(f"{__name__}.settings:open_client"),
    operations=Later(f"{__name__}.operations:OPERATIONS"),
    encoder=Later(f"{__name__}.settings:encoder"),
    kinds=KindsIn(f"{__name__}.kinds"),
    commands=(SCHEMA_REQUESTS, DATAFEED_PULL),
    starter=Later(f"{__name__}.starter:STARTER"),
    assumptions=Later(f"{__name__}.assumptions:ASSUMPTIONS"),
    merge_tags=Later(f"{__name__}.merge_tags:MERGE_TAGS"),
    emulator=Later(f"{__name__}.emulator:emulate"),
    hosting=Later(f"{__name__}.hosting:HOSTING"),
)
