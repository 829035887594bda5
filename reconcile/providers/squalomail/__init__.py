"""SqualoMail, whole: ``PROVIDER``."""

from reconcile.model.provider import KindsIn, Later, Provider
from reconcile.providers.squalomail.commands import EVENT

PROVIDER = Provider(
    name="squalomail",
    settings=Later(f"{__name__}.settings:SqualoMailSettings"),
    open=Later(f"{__name__}.settings:open_client"),
    operations=Later(f"{__name__}.operations:OPERATIONS"),
    kinds=KindsIn(f"{__name__}.kinds"),
    commands=(EVENT,),
    emulator=Later(f"{__name__}.emulator:emulate"),
)
