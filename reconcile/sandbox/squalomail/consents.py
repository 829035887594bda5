"""GDPR consents: functions 28 to 31."""

import json
import sqlite3

from reconcile.sandbox.squalomail import recipients
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.newsletters import checked_language
from reconcile.sandbox.squalomail.reply import Answer, invalid

_TITLES = ("gdpr_can_send", "gdpr_can_track")


def grant_gdpr_consent(account: Account, arguments: Arguments, named: recipients.Named) -> Answer:
    """Functions 28 and 29: the flag is set, and the decision recorded with its language."""
    return _decide(account, arguments, named(account, arguments), granted=True)


def revoke_gdpr_consent(account: Account, arguments: Arguments, named: recipients.Named) -> Answer:
    """Functions 30 and 31: the flag is cleared, and the decision recorded."""
    return _decide(account, arguments, named(account, arguments), granted=False)


def _decide(account: Account, arguments: Arguments, recipient: sqlite3.Row, *, granted: bool) -> Answer:
    title = arguments.required_text("consentTitle").strip().lower()
    language = checked_language(arguments.required_text("language"))
    if title not in _TITLES and account.switches.text("consent_titles") == "known":
        raise invalid(f"consentTitle should be one of {', '.join(_TITLES)}.")
    decided = sorted({*json.loads(recipient["decided"]), title})
    needed = int(recipient["needs_gdpr_consent"] and not _is_settled(account, decided))
    flag = {title: granted} if title in _TITLES else {}
    account.update("recipient", recipient["subid"], decided=json.dumps(decided), needs_gdpr_consent=needed, **flag)
    values = {"subid": recipient["subid"], "title": title, "granted": granted, "language": language}
    account.insert("consent", **values, date=account.now)
    return {}


def _is_settled(account: Account, decided: list[str]) -> bool:
    policy = account.switches.text("needs_gdpr_consent")
    return policy == "first" or (policy == "both" and all(title in decided for title in _TITLES))
