"""SqualoMail, whole: ``PROVIDER``."""

from reconcile.model.provider import KindsIn, Later, Provider

PROVIDER = Provider(
    name="squalomail",
    settings=Later(f"{__name__}.settings:SqualoMailSettings"),
    open=Later(f"{__name__}.settings:open_client"),
    operations=Later(f"{__name__}.operations:OPERATIONS"),
    kinds=KindsIn(f"{__name__}.kinds"),
    emulator=Later(f"{__name__}.emulator:emulate"),
)
