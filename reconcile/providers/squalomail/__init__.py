"""SqualoMail, whole: ``PROVIDER``."""

from reconcile.model.provider import KindsIn, Later, Provider
from reconcile.providers.squalomail.commands import EVENT

PROVIDER = Provider(
    name="squalomail",
    hosts=("api.squalomail.com",),
    settings=Later(f"{__name__}.settings:SqualoMailSettings"),
    open=Later(f"{__name__}.settings:open_client"),
    operations=Later(f"{__name__}.operations:OPERATIONS"),
    kinds=KindsIn(f"{__name__}.kinds"),
    commands=(EVENT,),
    assumptions=Later(f"{__name__}.assumptions:ASSUMPTIONS"),
    merge_tags=Later(f"{__name__}.merge_tags:MERGE_TAGS"),
    emulator=Later(f"{__name__}.emulator:emulate"),
    usual=True,
    starter=Later(f"{__name__}.starter:STARTER"),
    hosting=Later(f"{__name__}.hosting:HOSTING"),
)
