"""The table of functions: under which verbs each is documented and answered, and whether it writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from reconcile.sandbox.squalomail import (
    consents,
    data,
    events,
    imports,
    lists,
    newsletters,
    recipients,
    searches,
    subscriptions,
)
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import Answer, Bare

Handler = Callable[[Account, Arguments], Answer]

_GET = frozenset({"GET"})
_POST = frozenset({"POST"})
_BOTH = frozenset({"GET", "POST"})


@dataclass(frozen=True, slots=True)
class Function:
    """One function of the page. ``documented`` verbs are those printed there, ``accepted`` those that work."""

    handler: Handler
    documented: frozenset[str]
    accepted: frozenset[str]
    write: bool


def _read(handler: Handler, documented: frozenset[str]) -> Function:
    return Function(handler, documented, _BOTH, write=False)


def _deed(handler: Handler, documented: frozenset[str]) -> Function:
    """A write that clients were seen to call under the other verb as well, or that is like those."""
    return Function(handler, documented, _BOTH, write=True)


def _post(handler: Handler) -> Function:
    """A write whose body can't be put into a query string."""
    return Function(handler, _POST, _POST, write=True)


def _by_id(handler: Callable[[Account, Arguments, recipients.Named], Answer]) -> Handler:
    return lambda account, arguments: handler(account, arguments, recipients.named_by_id)


def _by_email(handler: Callable[[Account, Arguments, recipients.Named], Answer]) -> Handler:
    return lambda account, arguments: handler(account, arguments, recipients.named_by_email)


def get_app_id(account: Account, arguments: Arguments) -> Answer:
    """Function 13: the application's number; the page does not name the member it comes in."""
    app_id: int | str = int(account.app_id) if account.app_id.isdecimal() else account.app_id
    member = account.switches.text("app_id_member")
    return Bare(app_id) if member == "bare" else {member: app_id}


FUNCTIONS: Mapping[str, Function] = {
    "create-list": _post(lists.create_list),
    "update-list": _post(lists.update_list),
    "get-lists": _read(lists.get_lists, _POST),
    "get-lists-details": _read(lists.get_lists_details, _POST),
    "create-newsletter": _post(newsletters.create_newsletter),
    "create-newsletter-from-template": _post(newsletters.create_newsletter_from_template),
    "create-recipient": _post(recipients.create_recipient),
    "delete-newsletter": _deed(newsletters.delete_newsletter, _GET),
    "delete-recipient": _deed(_by_id(recipients.delete_recipient), _POST),
    "delete-recipient-by-email": _deed(_by_email(recipients.delete_recipient), _BOTH),
    "delete-recipients-by-list": _deed(recipients.delete_recipients_by_list, _BOTH),
    "delete-list": _deed(lists.delete_list, _GET),
    "get-app-id": _read(get_app_id, _GET),
    "get-data": _read(data.get_data, _BOTH),
    "get-recipients-with-custom-fields": _read(searches.get_recipients_with_custom_fields, _POST),
    "get-recipients-with-tags": _read(searches.get_recipients_with_tags, _BOTH),
    "get-invalid-recipients": _read(recipients.get_invalid_recipients, _GET),
    "get-subscribed-recipients": _read(subscriptions.get_subscribed_recipients, _GET),
    "get-unsubscribed-recipients": _read(subscriptions.get_unsubscribed_recipients, _GET),
    "subscribe-recipient": _deed(_by_id(subscriptions.subscribe_recipient), _BOTH),
    "subscribe-recipient-by-email": _deed(_by_email(subscriptions.subscribe_recipient), _BOTH),
    "unsubscribe-recipient": _deed(_by_id(subscriptions.unsubscribe_recipient), _BOTH),
    "unsubscribe-recipient-by-email": _deed(_by_email(subscriptions.unsubscribe_recipient), _BOTH),
    "send-newsletter": _deed(newsletters.send_newsletter, _GET),
    "update-newsletter": _post(newsletters.update_newsletter),
    "update-recipient": _post(recipients.update_recipient),
    "import-recipients-async": _post(imports.import_recipients_async),
    "grant-gdpr-consent": _deed(_by_id(consents.grant_gdpr_consent), _BOTH),
    "grant-gdpr-consent-by-email": _deed(_by_email(consents.grant_gdpr_consent), _BOTH),
    "revoke-gdpr-consent": _deed(_by_id(consents.revoke_gdpr_consent), _BOTH),
    "revoke-gdpr-consent-by-email": _deed(_by_email(consents.revoke_gdpr_consent), _BOTH),
    "cancel-sending-newsletter": _deed(newsletters.cancel_sending_newsletter, _BOTH),
    "custom-event": _post(partial(events.record, "event")),
    "custom-event/order": _post(partial(events.record, "order")),
    "custom-event/abandoned-checkout": _post(partial(events.record, "abandoned-checkout")),
}
