"""What the sandbox's tests share: a sandbox, and a short way to call its functions."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from reconcile.sandbox import Sandbox

START = 1_800_000_000


class Api:
    """Calls functions in-process with the key ``K`` and keeps the last response."""

    def __init__(self, sandbox: Sandbox, key: str = "K") -> None:
        self.sandbox = sandbox
        self.key = key
        self.client = httpx.Client(transport=httpx.MockTransport(sandbox.handle), base_url="http://sandbox")
        self.last = httpx.Response(200)

    def __call__(self, function: str, /, **arguments: Any) -> Any:
        return self.post(function, {"apiKey": self.key, **arguments})

    def post(self, function: str, body: Any, **options: Any) -> Any:
        self.last = self.client.post(f"/squalomail/v1/{function}", json=body, **options)
        return self.last.json()

    def get(self, function: str, /, **arguments: Any) -> Any:
        self.last = self.client.get(f"/squalomail/v1/{function}", params={"apiKey": self.key, **arguments})
        return self.last.json()

    def ok(self, function: str, /, **arguments: Any) -> Any:
        answer = self(function, **arguments)
        assert answer["errorCode"] == 0, answer
        return answer

    def fails(self, function: str, status: int, /, **arguments: Any) -> str:
        """The message of a call that must fail with this status in its envelope."""
        answer = self(function, **arguments)
        assert (answer["errorCode"] != 0, answer["httpStatusCode"]) == (True, status), answer
        return str(answer["errorMessage"])

    def data(self, entity: str, source: str = "") -> list[dict[str, Any]]:
        rows = self("get-data", entity=entity, filter=source)
        assert isinstance(rows, list), rows
        return rows

    def person(self, path: str, /, method: str = "POST", **body: Any) -> Any:
        """What a person does in the web interface of the account 1000."""
        self.last = self.client.request(method, f"/_sandbox/squalomail/1000/{path}", json=body)
        return self.last.json()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        self.last = self.client.request(method, f"/_sandbox/{path}", json=body)
        return self.last.json()

    def list(self, name: str = "News", **values: Any) -> int:
        return int(self.ok("create-list", name=name, **values)["list"]["id"])

    def newsletter(self, subject: str = "Hello", body: str = "<p>Hi</p>", **values: Any) -> int:
        return int(self.ok("create-newsletter", subject=subject, body=body, **values)["newsletter"]["id"])

    def recipient(self, email: str = "a@e.test", **values: Any) -> int:
        return int(self.ok("create-recipient", email=email, **values)["recipient"]["id"])


@pytest.fixture
def make() -> Iterator[Callable[..., Api]]:
    """Makes sandboxes whose clock stands at START, closed after the test."""
    made: list[Api] = []

    def _make(**options: Any) -> Api:
        api = Api(Sandbox(**{"now": lambda: START, **options}))
        made.append(api)
        return api

    yield _make
    for api in made:
        api.client.close()
        api.sandbox.close()


@pytest.fixture
def api(make: Callable[..., Api]) -> Api:
    return make()
