"""A list that comes back empty although we know objects of it: most likely no list of all, but an answer gone wrong.

Believed, it would have everything made a second time. So one object that is known is read by itself.
"""

from collections.abc import Iterable

from reconcile.model.call import Call
from reconcile.model.kind import Client
from reconcile.providers.gatormail.operations import OPERATIONS
from reconcile.providers.shapes import misfit
from reconcile.providers.transport import Rejected


def refuse_emptied(api: Client, listing: str, reading: str, member: str, ids: Iterable[str]) -> None:
    """Stop where the platform lists nothing and still has one of these objects.

    Raises:
        Misfit: it does.
    """
    for id_ in sorted(ids):
        try:
            api.send(Call(reading, {member: id_}))
        except Rejected:
            continue  # gone, as the list says
        raise misfit(
            listing,
            (),
            f" is an empty list, and {reading} still gives the object {id_}, so that nobody knows what is there",
            f"Run again later. If it stays, see the provider's contract: `{OPERATIONS[listing].key}`.",
        )
