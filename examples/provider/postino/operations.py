"""What Postino's API can do: verb, path, and what may follow when a call's outcome is unknown."""

from reconcile.model.call import Operation, Retry

_KINDS = {"List": "lists", "Template": "templates"}


def _operations() -> dict[str, Operation]:
    found = [Operation("getAccount", "GET", ("GET",), Retry.SAFE, write=False, summary="Whose key it is.")]
    for noun in _KINDS:
        used_by = (noun.lower(), "api")
        found += [
            Operation(f"get{noun}s", "GET", ("GET",), Retry.SAFE, False, used_by=used_by, summary="A page of them."),
            # A second one would be a second object, so what came of the first is looked up.
            Operation(
                f"create{noun}",
                "POST",
                ("POST",),
                Retry.LOOKUP,
                True,
                returns="id",
                used_by=used_by,
                summary="Make one.",
            ),
            Operation(
                f"replace{noun}", "PUT", ("PUT",), Retry.IDEMPOTENT, True, used_by=used_by, summary="Overwrite it."
            ),
            Operation(
                f"delete{noun}", "DELETE", ("DELETE",), Retry.IDEMPOTENT, True, used_by=used_by, summary="Delete it."
            ),
        ]
    return {operation.name: operation for operation in found}


OPERATIONS = _operations()
# Where each stands below the API's address.
PATHS = {"getAccount": "/account"} | {
    name: f"/{plural}" if name.startswith(("get", "create")) else f"/{plural}/{{id}}"
    for noun, plural in _KINDS.items()
    for name in (f"get{noun}s", f"create{noun}", f"replace{noun}", f"delete{noun}")
}
