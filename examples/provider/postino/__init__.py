"""Postino, whole: ``PROVIDER``. What is heavy is imported when it is asked for."""

from reconcile.model.provider import KindsIn, Later, MergeTag, Provider

PROVIDER = Provider(
    name="postino",
    settings=Later(f"{__name__}.client:PostinoSettings"),
    open=Later(f"{__name__}.client:open_client"),
    operations=Later(f"{__name__}.operations:OPERATIONS"),
    kinds=KindsIn(f"{__name__}.kinds"),
    emulator=Later(f"{__name__}.emulator:emulate"),
    merge_tags=(MergeTag(r"\[\[(?P<name>\w+)\]\]", "a value of the recipient", names="name"),),
)
