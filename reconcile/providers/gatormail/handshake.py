"""GatorMail's handshake over mappings: people publish them, the integration fetches them and says that it has.

The light that asks for it is one for all clicks. Who publishes again between our reading and our saying "satisfied"
would have the newer request put out with the older one, so the schema is read once more afterwards, until two readings
agree. A run that dies over it is noted, and the next one begins anew.
"""

from collections.abc import Callable, Mapping
from typing import Any

from reconcile.model.call import Call
from reconcile.model.kind import Client

SCHEMA, MAPPINGS = "FieldMappingSchema", "FieldMappingUpdates"


def requests(client: Client) -> dict[str, Mapping[str, Any]]:
    """What people are waiting for, by type of request, with since when; one read."""
    lights = client.send(Call("gatormail_getIntegrationRequests", {}))
    return {str(light["type"]): light for light in lights if light.get("requested")}


def satisfy(client: Client, request: str) -> None:
    """Tell people that it is done."""
    client.send(Call("gatormail_getIntegrationRequestSatisfied", {"requestType": request}))


def fetch_mappings(
    client: Client,
    render: Callable[[Mapping[str, Any]], bytes],
    write: Callable[[bytes], None],
    note: Callable[[bool], None],
) -> bytes:
    """Write what is published, and tell people; gives what was written last.

    ``render`` gives a schema's published mappings as they are written; ``note`` takes whether a fetch is under way, and
    is back when that is on disk.
    """
    content = render(client.send(Call("gatormail_getSchema", {})))
    write(content)
    note(True)
    while True:
        satisfy(client, MAPPINGS)
        again = render(client.send(Call("gatormail_getSchema", {})))
        if again == content:
            break
        content = again
        write(content)
    note(False)
    return content
