"""The operation table of SqualoMail: its 35 functions (System API page), in the page's order.

The verbs are the page's; where it names several, or working clients use another one, ``verb`` is what we send: POST
wherever it is known to work, since a GET carries the key in its address and can't carry arrays. Retry classes follow
from what each call does; the page is silent about them.
"""

from reconcile.model.call import Operation, Retry

_GET = ("GET",)
_POST = ("POST",)
_BOTH = ("GET", "POST")

_ROWS = (
    Operation(
        "create-list",
        "POST",
        _POST,
        Retry.LOOKUP,
        write=True,
        returns="list.id",
        used_by=("list",),
    ),
    Operation("update-list", "POST", _POST, Retry.IDEMPOTENT, write=True, used_by=("list",)),
    Operation("get-lists", "POST", _POST, Retry.SAFE, write=False),
    Operation("get-lists-details", "POST", _POST, Retry.SAFE, write=False, used_by=("list",)),
    Operation(
        "create-newsletter",
        "POST",
        _POST,
        Retry.LOOKUP,
        write=True,
        returns="newsletter.id",
        used_by=("template", "campaign"),
    ),
    Operation(
        "create-newsletter-from-template",
        "POST",
        _POST,
        Retry.LOOKUP,
        write=True,
        returns="newsletter.id",
        used_by=("template", "campaign"),
    ),
    # A list may have a welcome mail or an automation behind it, so whoever puts people on lists may send.
    Operation("create-recipient", "POST", _POST, Retry.LOOKUP, write=True, sends=True, returns="recipient.id"),
    Operation("delete-newsletter", "GET", _GET, Retry.IDEMPOTENT, write=True, used_by=("template", "campaign")),
    Operation("delete-recipient", "POST", _POST, Retry.IDEMPOTENT, write=True),
    Operation("delete-recipient-by-email", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("delete-recipients-by-list", "POST", _BOTH, Retry.NEVER, write=True),
    Operation("delete-list", "GET", _GET, Retry.IDEMPOTENT, write=True, used_by=("list",)),
    Operation("get-app-id", "GET", _GET, Retry.SAFE, write=False, used_by=("account",)),
    Operation("get-data", "POST", _BOTH, Retry.SAFE, write=False, used_by=("list", "template", "campaign")),
    Operation("get-recipients-with-custom-fields", "POST", _POST, Retry.SAFE, write=False),
    Operation("get-recipients-with-tags", "POST", _BOTH, Retry.SAFE, write=False),
    Operation("get-invalid-recipients", "GET", _GET, Retry.SAFE, write=False),
    Operation("get-subscribed-recipients", "GET", _GET, Retry.SAFE, write=False),
    Operation("get-unsubscribed-recipients", "GET", _GET, Retry.SAFE, write=False),
    Operation("subscribe-recipient", "POST", _BOTH, Retry.IDEMPOTENT, write=True, sends=True),
    Operation("subscribe-recipient-by-email", "POST", _BOTH, Retry.IDEMPOTENT, write=True, sends=True),
    Operation("unsubscribe-recipient", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("unsubscribe-recipient-by-email", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("send-newsletter", "GET", _GET, Retry.NEVER, write=True, sends=True),
    Operation("update-newsletter", "POST", _POST, Retry.IDEMPOTENT, write=True, used_by=("template", "campaign")),
    Operation("update-recipient", "POST", _POST, Retry.IDEMPOTENT, write=True, sends=True),
    Operation("import-recipients-async", "POST", _POST, Retry.NEVER, write=True, sends=True),
    Operation("grant-gdpr-consent", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("grant-gdpr-consent-by-email", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("revoke-gdpr-consent", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("revoke-gdpr-consent-by-email", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("cancel-sending-newsletter", "POST", _BOTH, Retry.IDEMPOTENT, write=True),
    Operation("custom-event", "POST", _POST, Retry.NEVER, write=True, sends=True),
    Operation("custom-event/order", "POST", _POST, Retry.NEVER, write=True, sends=True),
    Operation("custom-event/abandoned-checkout", "POST", _POST, Retry.NEVER, write=True, sends=True),
)

OPERATIONS = {operation.name: operation for operation in _ROWS}
