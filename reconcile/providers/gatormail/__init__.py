"""GatorMail, whole: ``PROVIDER``."""

from reconcile.model.provider import KindsIn, Later, Provider

PROVIDER = Provider(
    name="gatormail",
    settings=Later(f"{__name__}.settings:GatorMailSettings"),
    open=Later(f"{__name__}.settings:open_client"),
    operations=Later(f"{__name__}.operations:OPERATIONS"),
    kinds=KindsIn(f"{__name__}.kinds"),
    emulator=Later(f"{__name__}.emulator:emulate"),
)
