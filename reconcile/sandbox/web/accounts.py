"""Requests for SqualoMail's pages: which page of which account, and which deed."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from reconcile.sandbox.sandbox import Sandbox
from reconcile.sandbox.squalomail import backoffice, lists, newsletters, recipients
from reconcile.sandbox.squalomail.account import Account
from reconcile.sandbox.squalomail.arguments import Arguments
from reconcile.sandbox.squalomail.reply import ApiError
from reconcile.sandbox.web import answers, forms, pages
from reconcile.sandbox.web.answers import NoPageError, Query
from reconcile.sandbox.web.html import Child, Html

_TITLES = {"lists": "Lists", "newsletters": "Newsletters", "fields": "Custom fields", "recipients": "Recipients"}
_TABLES: Mapping[str, Callable[[Account], Html]] = {
    "lists": pages.lists_page,
    "newsletters": pages.newsletters_page,
    "fields": pages.fields_page,
}
_OBJECTS: Mapping[str, Callable[[Account, int], Html]] = {
    "lists": pages.list_page,
    "newsletters": pages.newsletter_page,
    "fields": pages.field_page,
    "recipients": pages.recipient_page,
}


class Accounts:
    """The pages below ``/web/{app id}``; ``parts`` are what follows ``/web/``."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def get(self, parts: list[str], query: Query) -> httpx.Response:
        """A page, or a newsletter for its frame."""
        self._check(parts)
        try:
            if len(parts) == 4 and parts[1] == "newsletters" and parts[3] == "preview":
                return self._preview(parts)
            return self._show(parts, query, answers.notice_of(query))
        except ApiError as error:
            return answers.refusal(error.message, error.status)

    def post(self, parts: list[str], content: bytes) -> httpx.Response:
        """Carry out what a form asks for; what is wrong with it is said on the form's page."""
        self._check(parts)
        try:
            return self._do(parts[0], parts[1:], forms.parse(content))
        except ApiError as error:
            message, status = error.message, error.status
        except ValueError as error:
            message, status = f"{error}.", 400
        shown = parts[:3] if len(parts) > 2 and parts[2].isdecimal() else parts[:2]
        try:
            return self._show(parts[:1] if shown[1:] == ["clock"] else shown, {}, answers.alert(message), status)
        except ApiError as error:
            return answers.refusal(error.message, error.status)

    def _check(self, parts: list[str]) -> None:
        if not parts or parts[0] not in self._sandbox.squalomail.app_ids:
            raise NoPageError

    def _show(self, parts: list[str], query: Query, message: Child, status: int = 200) -> httpx.Response:
        kind = parts[1] if len(parts) > 1 else ""
        with self._sandbox.store.transaction(write=False) as db:
            account = self._sandbox.squalomail.account(parts[0], db)
            title, body = _body(account, parts[1:], query)
        return answers.page(title, body, links=pages.links(parts[0], kind), message=message, status=status)

    def _preview(self, parts: list[str]) -> httpx.Response:
        with self._sandbox.store.transaction(write=False) as db:
            row = newsletters.find(self._sandbox.squalomail.account(parts[0], db), answers.number(parts[2]))
        return answers.preview(row["body"])

    def _do(self, app_id: str, parts: list[str], values: dict[str, Any]) -> httpx.Response:
        """As the matching control call would."""
        if parts == ["clock"]:
            self._sandbox.set_clock(values.get("now"))
            return answers.redirect(pages.path(app_id), "done")
        deed = parts[2] if len(parts) == 3 else ""
        with self._sandbox.store.transaction(write=True) as db:
            account = self._sandbox.squalomail.account(app_id, db)
            if len(parts) == 2:
                _drop_untouched(account, parts[0], answers.number(parts[1]), values)
            arguments = Arguments(values, self._sandbox.switches)
            if deed == "delete":
                backoffice.control(account, "DELETE", parts[:2], arguments)
            else:
                backoffice.control(account, "POST", parts, arguments)
        if deed == "delete" or len(parts) == 1:
            return answers.redirect(pages.path(app_id, parts[0]), "deleted" if deed else "added")
        return answers.redirect(pages.path(app_id, *parts[:2]), "done" if deed else "saved")


def _body(account: Account, parts: list[str], query: Query) -> tuple[str, Html]:
    """The title and content of an account's page."""
    match parts:
        case []:
            return f"Account {account.app_id}", pages.overview(account)
        case ["recipients"]:
            page = query.get("page", ["0"])[-1]
            number = int(page) if page.isdecimal() and len(page) < 9 else 0
            return "Recipients", pages.recipients_page(account, query.get("q", [""])[-1], number)
        case [kind] if kind in _TABLES:
            return _TITLES[kind], _TABLES[kind](account)
        case [kind, text] if kind in _OBJECTS:
            number = answers.number(text)
            return f"{_TITLES[kind]}: {number}", _OBJECTS[kind](account, number)
    raise NoPageError


def _drop_untouched(account: Account, kind: str, number: int, values: dict[str, Any]) -> None:
    """Leave alone what a form can't carry unchanged: other line ends than LF, and the difference of null and empty."""
    finders = {"lists": lists.find, "newsletters": newsletters.find, "recipients": recipients.find}
    if kind not in finders:
        return
    row = finders[kind](account, number)
    for name in ("body", "altBody", "description", "phone"):
        if name in values and values[name] == (row[name.lower()] or "").replace("\r\n", "\n"):
            del values[name]
