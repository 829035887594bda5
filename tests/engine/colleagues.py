"""A colleague who does something in the web interface between two calls of ours, and what must then not happen.

What a read has shown after the deed must not be written over, scheduled, taken back or made again by the same run. What
nobody could have seen, since it fell between our read and our write, is told, and a mail that was handed over is taken
back.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.engine.stories import Account
from tests.engine.test_schedule import DAY, instant
from tests.outside import colleague, operator
from tests.world import BASE, NOW

HERS = "HERS"
LATER = NOW + 9 * DAY  # when she has a mail go out
DEEDS = ("edit", "send", "cancel", "delete")
_STOPS = re.compile(r"cancel-sending|/uninitiate$")
_LAUNCHES = re.compile(r"send-newsletter|/initiate$")
_MAKES = re.compile(r"create-|POST .*/(campaign|group)$")


@dataclass(frozen=True)
class Target:
    """An object that she does something with, by what people call it."""

    provider: str
    kind: str
    name: str

    def ids(self, account: Account) -> list[str]:
        """The ids of the objects of this name, as they are now."""
        if self.provider == "gatormail":
            rows = account.gatormail_rows(f"{self.kind}/1/100")
            return [str(row["id"]) for row in rows if row["name"] == self.name]
        if self.kind == "list":
            return [str(row["id"]) for row in _lists(account) if row["name"] == self.name]
        return [str(row["mailid"]) for row in _mails(account) if row["subject"] == self.name]

    def going(self, account: Account, id_: str) -> bool:
        """Whether it is a mail that stands ready to go out."""
        if self.kind != "campaign":
            return False
        if self.provider == "gatormail":
            return str(account.person(f"api/campaign/{id_}", method="GET")["status"]) == "Queued"
        return any(row["mailid"] == int(id_) and row["published"] == 2 for row in _mails(account))

    def shows(self, account: Account, id_: str) -> str:
        """All that the web interface shows of it; "" once it is gone."""
        if self.provider == "gatormail":
            rows = account.gatormail_rows(f"{self.kind}/1/100")
            there = any(str(row["id"]) == id_ for row in rows)
            return json.dumps(account.person(f"api/{self.kind}/{id_}", method="GET")) if there else ""
        rows, member = (_lists(account), "id") if self.kind == "list" else (_mails(account), "mailid")
        return "".join(json.dumps(row) for row in rows if row[member] == int(id_))


def do(account: Account, deed: str, target: Target, id_: str, *, known: bool) -> bool:
    """What she does; False where there is nothing of the kind to be done.

    In what was just made she changes what we have declared: of the rest nobody can tell hers from the platform's own.
    """
    going = target.going(account, id_)
    if (deed == "send" and (going or target.kind != "campaign")) or (deed == "cancel" and not going):
        return False
    if target.provider == "gatormail":
        return _operates(account, deed, target, id_, known=known)
    somebody = colleague(account)
    match deed:
        case "edit":
            members = {"list": {"name": HERS}, "template": {"subject": HERS}, "campaign": {"subject": HERS}}
            if known:
                body = {"body": f"<p>{{{{x}}}} {HERS}</p>"}
                members = {"list": {"description": HERS}, "template": body, "campaign": body}
            somebody.edit(target.kind, id_, **members[target.kind])
        case "send":
            somebody.edit("campaign", id_, schedule=instant(LATER))
        case "cancel":
            somebody.edit("campaign", id_, schedule=None)
        case "delete":
            somebody.delete(target.kind, id_)
    return True


def _operates(account: Account, deed: str, target: Target, id_: str, *, known: bool) -> bool:
    person = operator(account)
    match deed:
        case "edit":
            others = {"group": "description", "campaign": "fromName"}
            declared = {"group": "name", "campaign": "subject"}
            person.edit(target.kind, id_, {(others if known else declared)[target.kind]: HERS})
        case "send" | "cancel":
            if deed == "send" and not person.campaign(id_).get("startDate"):
                return False
            person.edit("campaign", id_, {"initiate": deed == "send"})
        case "delete":
            if target.kind == "group" and any(row["group"] for row in person.campaigns()):
                return False  # nor does the web interface let her
            person.delete(target.kind, id_)
    return True


@dataclass
class Watch:
    """Lets calls through, has the deed done before the ``at``-th, and judges those that follow it.

    ``known``: the object was there when we began; ``shown``: we have read it since the deed; ``overtaken``: we had
    written it by then, so that nobody can tell; ``wrong`` are calls that undo the deed all the same.
    """

    account: Account
    deed: str
    target: Target
    at: int
    calls: int = 0
    id_: str | None = None
    known: bool = False
    shown: bool = False
    overtaken: bool = False
    wrong: list[str] = field(default_factory=list)
    launched: bool = False
    _stopped: bool = False
    _before: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._before = set(self.target.ids(self.account))

    def handle(self, request: httpx.Request) -> httpx.Response:
        """What our client gets."""
        self.calls += 1
        if self.calls == self.at:
            there = self.target.ids(self.account)
            self.known = bool(self._before & set(there))
            # What was to be stopped, and was, stays stopped: that she has it go out again just then is no other wish.
            again = self.deed == "send" and self._stopped
            if len(there) == 1 and not again and do(self.account, self.deed, self.target, there[0], known=self.known):
                self.id_ = there[0]
        answer = self.account.sandbox.handle(request)
        called = f"{request.method} {request.url.path}"
        self._stopped = self._stopped or (_writes(request) and _STOPS.search(called) is not None)
        if self.id_ is not None:
            self._note(request, answer, called)
        return answer

    def _note(self, request: httpx.Request, answer: httpx.Response, called: str) -> None:
        if not _writes(request):
            self.shown = self.shown or self._is_shown(request, answer)
            return
        if _MAKES.search(called):
            undoes = self.deed == "delete" and self._makes_it_again(request)
        elif _STOPS.search(called):
            undoes = self.deed == "send" and self._is_about(request)
        else:
            undoes = self._is_about(request) and not self._may_be(called)
        self.launched = self.launched or (_LAUNCHES.search(called) is not None and self._is_about(request))
        if undoes:
            self._judge(called)
        self.overtaken = self.overtaken or (self._is_about(request) and not self.shown and self.deed != "edit")

    def _may_be(self, called: str) -> bool:
        """What she has deleted can't be spoiled; what she has cancelled may be removed, as it goes to nobody."""
        return self.deed == "delete" or (self.deed == "cancel" and re.search(r"^DELETE|/delete-", called) is not None)

    def _judge(self, called: str) -> None:
        if self.shown and not self.overtaken:
            self.wrong.append(called)

    def _is_shown(self, request: httpx.Request, answer: httpx.Response) -> bool:
        """Whether a read shows the object, or that it is gone."""
        asked = f"{request.url} {request.read().decode()}"
        if not answer.is_success:
            return self.deed == "delete" and re.search(rf"/{self.target.kind}/{self.id_}\b", asked) is not None
        if self.deed == "delete":
            return re.search(rf"\b{self.id_}\b", asked) is not None and self._is_of_kind(request)
        if self.deed == "edit":
            return HERS in answer.text and self._is_of_kind(request)
        return self._is_of_kind(request) and any(str(row) == self.id_ for row in _ids(answer.json()))

    def _is_of_kind(self, request: httpx.Request) -> bool:
        path = request.url.path
        if self.target.provider == "gatormail":
            return re.search(rf"/{self.target.kind}/[0-9]+(/[0-9]+)?$", path) is not None
        if self.target.kind == "list":
            return "get-lists" in path
        return "get-data" in path and '"Mail"' in request.read().decode()

    def _is_about(self, request: httpx.Request) -> bool:
        path = request.url.path
        if self.target.provider == "gatormail":
            return re.search(rf"/{self.target.kind}/{self.id_}(/initiate|/uninitiate)?$", path) is not None
        about = "list" if self.target.kind == "list" else "newsletter"
        arguments = {**dict(request.url.params), **(json.loads(request.read() or b"{}"))}
        named = (arguments.get(name) for name in ("id", "listId", "mailId", "newsletterId"))
        return about in path.rpartition("/")[2] and str(self.id_) in map(str, named)

    def _makes_it_again(self, request: httpx.Request) -> bool:
        body = json.loads(request.read() or b"{}")
        return self.target.name in (body.get("name"), body.get("subject"))


def _lists(account: Account) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _asked(account, "get-lists-details", page=0, pageSize=100)["lists"]
    return found


def _mails(account: Account) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _asked(account, "get-data", entity="Mail")
    return found


def _asked(account: Account, function: str, **arguments: Any) -> Any:
    """What the platform shows to whoever asks past our client."""
    http = httpx.Client(transport=httpx.MockTransport(account.sandbox.handle))
    return http.post(f"{BASE}/squalomail/v1/{function}", json={"apiKey": "KEY", **arguments}).json()


def _writes(request: httpx.Request) -> bool:
    name = request.url.path.rpartition("/")[2]
    if "squalomail" in request.url.path:
        return not name.startswith("get-")
    return request.method != "GET" and "token" not in request.url.path


def _ids(content: Any) -> Iterator[Any]:
    """What rows of an answer are called by, those within another row apart."""
    if isinstance(content, list):
        for each in content:
            yield from _ids(each)
    elif isinstance(content, dict):
        named = next((content[name] for name in ("mailid", "listid", "id") if name in content), None)
        if named is not None:
            yield named
        else:
            for each in content.values():
                yield from _ids(each)
