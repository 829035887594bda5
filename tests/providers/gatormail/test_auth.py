"""Signing in, over real HTTP: one login for all, one replay after a 401, no second try with a refused one."""

import base64
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from reconcile.errors import ApiError, StateError, Unauthorised, Unreachable
from reconcile.model.call import Call
from reconcile.providers.gatormail.auth import Identity, PasswordGrant
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.settings import _Kept
from reconcile.sandbox import Sandbox
from reconcile.sandbox.gatormail.service import GatorMailSetup
from reconcile.sandbox.gatormail.tokens import Login
from reconcile.sandbox.server import Server
from tests.providers.gatormail.wire import INSTANCE, NOW, PASSWORD, SECRET, client, identity
from tests.world import FREELY

THREADS = 8
SCHEMA = Call("gatormail_getSchema", {})


class Wall:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class Place:
    """The emulator with one login for one of two instances, and what it was asked."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.clock = Wall()
        self._control = httpx.Client(base_url=f"{server.url}/_sandbox/")
        self._made: list[GatorMail] = []

    def grant(self, **changed: str) -> PasswordGrant:
        return PasswordGrant(identity(self.server, **changed), clock=self.clock)

    def client(self, grant: PasswordGrant, instance: str = INSTANCE) -> GatorMail:
        self._made.append(client(self.server, grant, instance=instance))
        return self._made[-1]

    def control(self, path: str, body: object) -> None:
        self._control.post(path, json=body).raise_for_status()

    def asked(self, operation: str) -> list[int]:
        """The statuses that calls of an operation were answered with."""
        rows = self._control.get("requests").raise_for_status().json()
        return [row["status"] for row in rows if row["function"] == operation]

    @property
    def logins(self) -> list[int]:
        return self.asked("oauth_token")

    def close(self) -> None:
        for made in self._made:
            made.close()
        self._control.close()


@pytest.fixture
def place() -> Iterator[Place]:
    login = Login("client", SECRET, "user@example.com", PASSWORD, [INSTANCE])
    setup = GatorMailSetup((INSTANCE, "other_lz"), logins=[login])
    with Sandbox(now=lambda: NOW, gatormail=setup) as sandbox, Server(sandbox, port=0) as server:
        found = Place(server)
        yield found
        found.close()


def together(deed: Callable[[], object]) -> None:
    """Do it in several threads, which begin at one moment; what one of them raises is raised."""
    begin = threading.Barrier(THREADS)

    def one() -> None:
        begin.wait()
        deed()

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(one) for _ in range(THREADS)]:
            done.result()


def test_one_login_is_enough_for_all_calls_threads_and_clients(place: Place) -> None:
    grant = place.grant()
    clients = [place.client(grant), place.client(grant)]
    together(lambda: [each.send(SCHEMA) for each in clients])
    assert place.logins == [200]
    assert place.asked(SCHEMA.operation) == [200] * THREADS * 2


def test_a_token_is_renewed_a_minute_before_its_end(place: Place) -> None:
    api = place.client(place.grant())
    api.send(SCHEMA)
    for after, logins in ((3539, 1), (3540, 1), (3541, 2), (3541 + 3540, 2), (3541 + 3541, 3)):
        place.clock.now = NOW + after
        place.control("clock", {"now": NOW + after})
        api.send(SCHEMA)
        assert len(place.logins) == logins, after
    # Not once did the platform have to refuse a token.
    assert 401 not in place.asked(SCHEMA.operation)


def test_an_expired_token_is_replaced_by_one_login_that_all_threads_share(place: Place) -> None:
    api = place.client(place.grant())
    api.send(SCHEMA)
    place.control("gatormail/tokens/expire", {})
    together(lambda: api.send(SCHEMA))
    assert place.logins == [200, 200]
    statuses = place.asked(SCHEMA.operation)[1:]
    assert statuses.count(200) == THREADS
    assert 1 <= statuses.count(401) <= THREADS


@pytest.mark.parametrize("operation", ["gatormail_getSchema", "gatormail_addGroup", "gatormail_deleteSchema"])
def test_a_second_401_ends_it(place: Place, operation: str) -> None:
    """Whatever the retry class: safe, lookup, never."""
    api = place.client(place.grant())
    place.control("faults", {"faults": [f"401:{operation}"]})
    with pytest.raises(Unauthorised) as error:
        api.send(Call(operation, {"name": "A"} if operation.endswith("Group") else {}), FREELY)
    assert error.value.exit_code == 7
    assert place.asked(operation) == [401, 401]
    assert len(place.logins) == 2


def test_a_403_never_causes_a_login(place: Place) -> None:
    api = place.client(place.grant(), instance="other_lz")
    for _ in range(2):
        with pytest.raises(Unauthorised):
            api.send(SCHEMA)
    assert place.logins == [200]
    assert place.asked(SCHEMA.operation) == [403, 403]


@pytest.mark.parametrize("wrong", [{"client_secret": "not-the-clients-secret"}, {"password": "not-the-users-password"}])
@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_login_is_never_repeated(place: Place, wrong: dict[str, str], status: int) -> None:
    place.control("gatormail/switches", {"bad_client_status": status})
    api = place.client(place.grant(**wrong))

    def refused() -> None:
        with pytest.raises(Unauthorised, match="refuses the login") as error:
            api.send(SCHEMA)
        assert error.value.exit_code == 7
        told = f"{error.value} {error.value.diagnostics}"
        assert "IP authentication" in told
        for secret in (*wrong.values(), SECRET, PASSWORD):
            assert secret not in told

    together(refused)
    assert len(place.logins) == 1
    assert not place.asked(SCHEMA.operation)


def test_no_message_repeats_the_credentials_or_the_token(place: Place) -> None:
    grant = place.grant()
    api = place.client(grant)
    place.control("gatormail/switches", {"triggers": True})
    api.send(SCHEMA)
    (token,) = set(grant.secrets()) - set(identity(place.server).secrets)
    assert len(token) > 20
    for secret in (token, SECRET, PASSWORD):
        # The platform repeats what it does not know.
        with pytest.raises(ApiError) as error:
            api.send(Call("gatormail_getTrigger", {"triggerKey": secret}), FREELY)
        assert "There is no trigger ***." in str(error.value)
        assert secret not in f"{error.value!r} {error.value.diagnostics}"
    assert SECRET not in repr(identity(place.server))
    assert PASSWORD not in repr(identity(place.server))


@pytest.mark.parametrize(("kind", "words"), [("503", "503"), ("500", "500"), ("429", "429"), ("drop-before", "reach")])
def test_a_sign_on_without_time_is_tried_again_and_does_not_count_as_refused(
    place: Place, kind: str, words: str
) -> None:
    api = place.client(place.grant())
    place.control("faults", {"faults": [f"{kind}:oauth_token:n=1-2"]})
    api.send(SCHEMA)
    assert len(place.logins) == 3
    place.control("gatormail/tokens/expire", {})
    place.control("faults", {"faults": [f"{kind}:oauth_token"]})
    with pytest.raises(Unreachable, match="Signing in") as error:
        api.send(SCHEMA)
    assert error.value.exit_code == 1
    place.control("faults", {"faults": []})
    api.send(SCHEMA)


@pytest.mark.parametrize("kind", ["html", "null", "truncate", "empty"])
def test_a_token_address_that_gives_something_else_is_told(place: Place, kind: str) -> None:
    api = place.client(place.grant())
    place.control("faults", {"faults": [f"{kind}:oauth_token"]})
    with pytest.raises(ApiError, match="gave no JSON object") as error:
        api.send(SCHEMA)
    assert "tokenUrl" in (error.value.diagnostics[0].hint or "")
    assert len(place.logins) == 1


@pytest.mark.parametrize("status", [200, 404])
def test_an_address_without_tokens_gets_the_password_once(place: Place, status: int) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            body = b"<p>no</p>" if status == 404 else b'{"message": "hello"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        api = place.client(place.grant(url=f"http://127.0.0.1:{other.server_port}/token"))
        for _ in range(2):
            with pytest.raises(ApiError, match=r"gave no (access_)?token") as error:
                api.send(SCHEMA)
            assert "tokenUrl" in (error.value.diagnostics[0].hint or "")
        other.shutdown()
    assert asked == ["/token"]


def test_unusual_credentials_arrive_as_they_are() -> None:
    login = Login("cl+ient", "s3cr%t+:&=é€", "usér@example.com", "p@ss wörd%+&=;:/?€", [INSTANCE])
    setup = GatorMailSetup((INSTANCE,), logins=[login])
    with Sandbox(now=lambda: NOW, gatormail=setup) as sandbox, Server(sandbox, port=0) as server:
        changed = {
            "client_id": login.client_id,
            "client_secret": login.client_secret,
            "username": login.username,
            "password": login.password,
        }
        api = client(server, PasswordGrant(identity(server, **changed), clock=lambda: NOW))
        assert api.send(SCHEMA)["entities"] == []
        api.close()


ANSWER = {"access_token": "a-token", "expires_in": 3600, "token_type": "Bearer"}


class Service:
    """A token service that takes each refresh token once, and what it was asked."""

    def __init__(self, *, dies: bool = False) -> None:
        self.good = "first-refresh-token"
        self.forms: list[dict[str, str]] = []
        self.dies = dies

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/token"):
            return httpx.Response(200, json=[])
        form = dict(pair.split("=") for pair in request.content.decode().split("&"))
        self.forms.append(form)
        if form.get("refresh_token") != self.good:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.good = f"token-{len(self.forms)}"
        return httpx.Response(200, json={**ANSWER, "refresh_token": self.good})


def renewing(service: Service, folder: Path, given: str = "first-refresh-token") -> PasswordGrant:
    return PasswordGrant(
        Identity("https://oauth.example.test/token", "id", "secret", "", "", "openid", given),
        transport=httpx.MockTransport(service),
        store=_Kept(folder, "gatormail", given),
    )


def signed(grant: PasswordGrant) -> str:
    """The header that a request gets."""
    flow = grant.sync_auth_flow(httpx.Request("GET", "https://api.example.test/"))
    return str(next(flow).headers["authorization"])


def test_a_refresh_token_signs_in_and_its_successor_is_kept_before_use(tmp_path: Path) -> None:
    service, folder = Service(), tmp_path / "not" / "there"
    assert signed(renewing(service, folder)) == "Bearer a-token"
    assert service.forms[0]["grant_type"] == "refresh_token"
    assert "password" not in service.forms[0]
    kept = folder / "gatormail.refresh-token"
    assert kept.read_text().endswith("\ntoken-1")
    assert kept.stat().st_mode & 0o777 == 0o600
    # Another process goes on with the one that is kept.
    assert signed(renewing(service, folder)) == "Bearer a-token"
    assert [form["refresh_token"] for form in service.forms] == ["first-refresh-token", "token-1"]


def test_another_refresh_token_that_is_given_counts(tmp_path: Path) -> None:
    service = Service()
    signed(renewing(service, tmp_path))
    service.good = "another"
    assert signed(renewing(service, tmp_path, "another")) == "Bearer a-token"


def test_a_refresh_token_that_can_not_be_kept_is_not_used(tmp_path: Path) -> None:
    service = Service()
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError):
        signed(renewing(service, tmp_path / "file"))


def test_a_refused_refresh_token_ends_it_without_being_told(tmp_path: Path) -> None:
    service = Service()
    grant = renewing(service, tmp_path, "a-wrong-refresh-token")
    for _ in range(2):
        with pytest.raises(Unauthorised) as error:
            signed(grant)
        assert "a-wrong-refresh-token" not in str(error.value)
    assert len(service.forms) == 1
    assert "a-wrong-refresh-token" in grant.secrets()


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"9" * 5000, b"\xff", b'{"access_token": {"a": 1}}', b'{"access_token": "a\\nb"}', b"[]",
     b'{"access_token": "t", "expires_in": ' + b"9" * 400 + b"}"],
)  # fmt: skip
def test_whatever_the_token_service_answers_there_is_no_trace(content: bytes, tmp_path: Path) -> None:
    grant = PasswordGrant(
        Identity("https://oauth.example.test/token", "id", "secret", "u", "p", "openid"),
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=content)),
    )
    with suppress(ApiError):
        assert signed(grant) == "Bearer t"


def test_the_token_services_answer_has_a_largest_size() -> None:
    bomb = zlib.compress(b" " * (70 * 2**20))
    packed = httpx.Response(200, headers={"content-encoding": "deflate"}, stream=httpx.ByteStream(bomb))
    grant = PasswordGrant(
        Identity("https://oauth.example.test/token", "id", "secret", "u", "p", "openid"),
        transport=httpx.MockTransport(lambda _: packed),
    )
    with pytest.raises(Unreachable, match="64 MiB"):
        signed(grant)


def test_the_credentials_are_sent_in_utf_8() -> None:
    seen: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(base64.b64decode(request.headers["authorization"].split()[1]).decode())
        return httpx.Response(200, json=ANSWER)

    identity_ = Identity("https://oauth.example.test/token", "ïd", "sécret", "u", "p", "openid")
    signed(PasswordGrant(identity_, transport=httpx.MockTransport(handle)))
    assert seen == ["ïd:sécret"]
