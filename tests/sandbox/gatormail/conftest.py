"""What GatorMail's tests share: a signed-in client whose every answer is held against the OpenAPI document."""

import copy
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator

from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup

START = 1_800_000_000  # 2027-01-15T08:00:00 GMT
INSTANCE = "example_testlz"
DOCUMENT = Path(__file__).parents[3] / "schemas" / "gatormail.openapi.yaml"
SIGN_IN = {"grant_type": "password", "username": "u", "password": "p", "scope": "openid GatorMailApi"}


@functools.cache
def document() -> dict[str, Any]:
    found = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


@functools.cache
def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Operation id -> verb, path, operation."""
    verbs = ("get", "post", "put", "delete")
    return {
        value["operationId"]: (verb.upper(), path, value)
        for path, item in document()["paths"].items()
        for verb, value in item.items()
        if verb in verbs
    }


@functools.cache
def _validator(name: str, status: int) -> Draft202012Validator | None:
    """The schema of an operation's answer, ``None`` when the document has no content there."""
    responses = operations()[name][2]["responses"]
    response = responses.get(str(status), responses.get("default"))
    if response is None:
        response = {"$ref": "#/components/responses/Failure"}
    if "$ref" in response:
        response = document()["components"]["responses"][response["$ref"].split("/")[-1]]
    if "content" not in response:
        return None
    schema = copy.deepcopy(response["content"]["application/json"]["schema"])
    return Draft202012Validator({**schema, "components": document()["components"]})


def check(name: str, response: httpx.Response) -> None:
    """Hold an answer against the document."""
    validator = _validator(name, response.status_code)
    if validator is None:
        assert response.content == b""
    else:
        validator.validate(response.json())


class Gator:
    """Calls the API in-process, signed in, and keeps the last response."""

    def __init__(self, sandbox: Sandbox, *, checked: bool = True) -> None:
        self.sandbox = sandbox
        self.checked = checked
        self.client = httpx.Client(transport=httpx.MockTransport(sandbox.handle), base_url="http://sandbox")
        self.last = httpx.Response(200)
        self.token = self.sign_in().json()["access_token"]
        self.seen: set[tuple[str, int]] = set()

    def sign_in(self, auth: tuple[str, str] = ("client", "secret"), **form: str) -> httpx.Response:
        self.last = self.client.post("/oauth/core/connect/token", data={**SIGN_IN, **form}, auth=auth)
        if self.last.status_code != 401:
            check("oauth_token", self.last)
        return self.last

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        instance: str = INSTANCE,
        status: int | None = None,
        **more: Any,
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        more |= {} if body is None else {"json": body}
        self.last = self.client.request(method, f"/gatormail/{instance}{path}", headers=headers, **more)
        name = self.sandbox.requests()[-1]["function"]
        if self.checked and name != "unknown":
            check(name, self.last)
        if status is not None:
            assert self.last.status_code == status, self.last.text
        return self.last.json() if self.last.content else None

    def person(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """What a person does in the web interface."""
        self.last = self.client.request(method, f"/_sandbox/gatormail/{INSTANCE}/{path}", json=body or {})
        assert self.last.status_code == status, self.last.text
        return self.last.json()

    def clock(self, after: int) -> None:
        self.sandbox.set_clock(START + after)

    def sends(self) -> list[tuple[int, str, int]]:
        return [(row["mailid"], row["state"], row["sendDate"] - START) for row in self.sandbox.sends()]

    def group(self, *emails: str, name: str = "Readers") -> int:
        number = int(self("POST", "/group", {"name": name}, status=201)["id"])
        self("POST", f"/group/{number}/included/contact", [{"emailLogin": each} for each in emails], status=200)
        return number

    def campaign(self, group: int | None = None, **values: Any) -> int:
        body = {
            "id": "",
            "name": "Spring",
            "type": "Static",
            "fromAddress": "news@example.test",
            "subject": "Spring",
            "group": None if group is None else {"id": group, "name": "", "description": "", "created": ""},
            "email": {"id": "", "name": "Spring", "html": "<p>Hello</p>", "text": "Hello", "autoTrackLinks": True},
            **values,
        }
        return int(self("POST", "/campaign", body, status=201)["id"])

    def initiate(self, number: int) -> Any:
        return self("POST", f"/campaign/{number}/initiate", status=200)

    def status(self, number: int) -> str:
        return str(self("GET", f"/campaign/{number}", status=200)["status"])


@pytest.fixture
def gators() -> Iterator[Callable[..., Gator]]:
    """Makes signed-in clients, each of a sandbox of its own; options are those of the set-up."""
    made: list[Gator] = []

    def _make(*, faults: Any = (), data: Any = ":memory:", checked: bool = True, **setup: Any) -> Gator:
        sandbox = Sandbox(data, now=lambda: START, faults=faults, gatormail=GatorMailSetup(**setup))
        made.append(Gator(sandbox, checked=checked))
        return made[-1]

    yield _make
    for each in made:
        each.client.close()
        each.sandbox.close()


@pytest.fixture
def gator(gators: Callable[..., Gator]) -> Gator:
    return gators()
