"""The web page's requests: which platform's page, and from whom they may come."""

from urllib.parse import unquote

import httpx

from reconcile.sandbox.sandbox import Sandbox
from reconcile.sandbox.web import answers, pages
from reconcile.sandbox.web.accounts import Accounts
from reconcile.sandbox.web.answers import NoPageError
from reconcile.sandbox.web.gatormail import frame
from reconcile.sandbox.web.gatormail.instances import Instances
from reconcile.sandbox.web.html import Html, join, tag


class Web:
    """Answers browsers for one sandbox. Whether the Host header is ours has been checked by the server."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._parts: dict[str, Accounts | Instances] = {"web": Accounts(sandbox), "instance": Instances(sandbox)}

    def handle(self, request: httpx.Request) -> httpx.Response:
        """One page, or one deed and the way to the page that shows what came of it."""
        self._sandbox.settle()
        parts = [unquote(part) for part in request.url.raw_path.decode("ascii").partition("?")[0].split("/") if part]
        try:
            if request.method == "POST":
                return self._post(request, parts)
            if request.method in ("GET", "HEAD"):
                return self._get(request, parts)
        except NoPageError:
            return answers.refusal("There is no page at this address.", 404)
        return answers.refusal("The page takes no such request.", 405)

    def _get(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if parts == ["page.css"]:
            return answers.stylesheet()
        if not parts:
            return answers.page("Accounts", self._home())
        return self._of(parts).get(parts[1:], answers.query_of(request))

    def _post(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        if not answers.is_own(request):
            return answers.refusal("This form is not on a page of the sandbox.", 403)
        return self._of(parts).post(parts[1:], request.read())

    def _of(self, parts: list[str]) -> Accounts | Instances:
        found = self._parts.get(parts[0]) if parts else None
        if found is None:
            raise NoPageError
        return found

    def _home(self) -> Html:
        """The accounts and instances to choose from."""
        accounts = [
            tag("li", tag("a", f"Account {app_id}", href=pages.path(app_id)))
            for app_id in self._sandbox.squalomail.app_ids
        ]
        instances = [
            tag("li", tag("a", f"Instance {name}", href=frame.path(name))) for name in self._sandbox.gatormail.instances
        ]
        return join(
            [
                tag("h2", "SqualoMail"),
                tag("p", "Each API key opens one of these accounts."),
                tag("ul", accounts),
                tag("h2", "GatorMail"),
                tag("p", "A token opens the instances of whoever signed in."),
                tag("ul", instances),
            ]
        )
