"""Requests for GatorMail's pages: which page of which instance, and which deed."""

from collections.abc import Mapping

import httpx

from reconcile.sandbox.gatormail.instance import Instance
from reconcile.sandbox.gatormail.reply import ApiError
from reconcile.sandbox.sandbox import Sandbox
from reconcile.sandbox.web import answers, forms
from reconcile.sandbox.web.answers import NoPageError, Query
from reconcile.sandbox.web.gatormail import campaigns, emails, feed, frame, groups, overview, schema
from reconcile.sandbox.web.gatormail.frame import Section, Values
from reconcile.sandbox.web.html import Child, Html

_SECTIONS: Mapping[str, Section] = {
    "campaigns": campaigns.SECTION,
    "groups": groups.SECTION,
    "emails": emails.SECTION,
    "schema": schema.SECTION,
    "feed": feed.SECTION,
}
_TITLES = dict(frame.KINDS)


class Instances:
    """The pages below ``/instance/{name}``; ``parts`` are what follows ``/instance/``."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def get(self, parts: list[str], query: Query) -> httpx.Response:
        """A page, or an e-mail for its frame."""
        self._check(parts)
        try:
            if len(parts) == 4 and parts[1] == "emails" and parts[3] == "preview":
                with self._sandbox.store.transaction(write=False) as db:
                    instance = self._sandbox.gatormail.instance(parts[0], db)
                    return answers.preview(emails.html_of(instance, answers.number(parts[2])))
            return self._show(parts, answers.notice_of(query))
        except ApiError as error:
            return answers.refusal(error.sentence, error.status)

    def post(self, parts: list[str], content: bytes) -> httpx.Response:
        """Carry out what a form asks for; what is wrong with it is said on the form's page."""
        self._check(parts)
        try:
            return self._do(parts[0], parts[1:], forms.parse(content))
        except ApiError as error:
            message, status = error.sentence, error.status
        except ValueError as error:
            message, status = f"{error}.", 400
        shown = parts[:3] if len(parts) > 2 and parts[2].isdecimal() else parts[:2]
        try:
            return self._show(parts[:1] if shown[1:] == ["clock"] else shown, answers.alert(message), status)
        except ApiError as error:
            return answers.refusal(error.sentence, error.status)

    def _check(self, parts: list[str]) -> None:
        if not parts or parts[0] not in self._sandbox.gatormail.instances:
            raise NoPageError

    def _show(self, parts: list[str], message: Child, status: int = 200) -> httpx.Response:
        kind = parts[1] if len(parts) > 1 else ""
        with self._sandbox.store.transaction(write=False) as db:
            title, body = _body(self._sandbox.gatormail.instance(parts[0], db), parts[1:])
        return answers.page(title, body, links=frame.links(parts[0], kind), message=message, status=status)

    def _do(self, name: str, parts: list[str], values: Values) -> httpx.Response:
        if parts == ["clock"]:
            self._sandbox.set_clock(values.get("now"))
            return answers.redirect(frame.path(name), "done")
        section = _SECTIONS.get(parts[0]) if parts else None
        if section is None:
            raise NoPageError
        deed = section.deed(parts[1:])
        if deed is None:
            raise ApiError(404, "There is no such thing to do.")
        with self._sandbox.store.transaction(write=True) as db:
            deed(self._sandbox.gatormail.instance(name, db), values)
        return _onward(name, parts)


def _onward(name: str, parts: list[str]) -> httpx.Response:
    """To the object that a form was about, or to the kind's page."""
    if parts[-1] == "delete":
        return answers.redirect(frame.path(name, parts[0]), "deleted")
    if len(parts) > 1 and parts[1].isdecimal():
        return answers.redirect(frame.path(name, *parts[:2]), "done" if len(parts) > 2 else "saved")
    return answers.redirect(frame.path(name, parts[0]), "done" if len(parts) > 1 else "added")


def _body(instance: Instance, parts: list[str]) -> tuple[str, Html]:
    """The title and content of an instance's page."""
    if not parts:
        return f"Instance {instance.name}", overview.page(instance)
    section = _SECTIONS.get(parts[0])
    if section is not None and len(parts) == 1:
        return _TITLES[parts[0]], section.page(instance)
    if section is not None and section.one is not None and len(parts) == 2:
        number = answers.number(parts[1])
        return f"{_TITLES[parts[0]]}: {number}", section.one(instance, number)
    raise NoPageError
