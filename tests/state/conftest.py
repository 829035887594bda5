"""The stores of the contract: each with a fresh state, and a server that is started once."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconcile.state.objects import Objects, open_bucket
from reconcile.state.open import open_store
from reconcile.state.store import StateStore
from tests.state import servers
from tests.state.racers import Racers

LEASE = 1.5


@dataclass(frozen=True)
class Backend:
    """A state of its own on one kind of store. ``ends``: its lock ends with its holder."""

    kind: str
    url: str
    ends: bool
    raw: Callable[[], bytes]

    @property
    def lease(self) -> bool:
        return self.kind in ("s3", "seaweed", "azure")

    def store(self, who: str = "berta", **environ: str) -> StateStore:
        return open_store(self.url, environ=environ, who=who)


@dataclass
class Servers:
    """The servers of a test session, started when first asked for."""

    stack: ExitStack
    folder: Path

    def __post_init__(self) -> None:
        self._started: dict[str, str | None] = {}
        self.http: servers.StateServer | None = None

    def url(self, kind: str) -> str | None:
        if kind not in self._started:
            folder = self.folder / kind
            folder.mkdir()
            if kind == "s3":
                self._started[kind] = self.stack.enter_context(servers.moto(folder))
            elif kind == "seaweed":
                self._started[kind] = self.stack.enter_context(servers.seaweed(folder))
            elif kind == "azure":
                self._started[kind] = self.stack.enter_context(servers.azurite(folder))
            elif kind == "postgresql":
                self._started[kind] = self.stack.enter_context(servers.postgresql())
            elif kind == "http":
                self.http = self.stack.enter_context(servers.StateServer())
                self._started[kind] = self.http.url
        return self._started[kind]


@pytest.fixture(scope="session")
def all_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name, value in {**servers.S3_ENVIRON, **servers.AZURE_ENVIRON}.items():
            patch.setenv(name, value)
        yield Servers(stack, tmp_path_factory.mktemp("servers"))


@pytest.fixture(params=["local", "s3", "seaweed", "azure", "postgresql", "http"])
def backend(request: pytest.FixtureRequest, all_servers: Servers, tmp_path: Path) -> Backend:
    return make_backend(request.param, all_servers, tmp_path)


@pytest.fixture
def s3(all_servers: Servers, tmp_path: Path) -> Backend:
    return make_backend("s3", all_servers, tmp_path)


@pytest.fixture
def azure(all_servers: Servers, tmp_path: Path) -> Backend:
    return make_backend("azure", all_servers, tmp_path)


@pytest.fixture
def postgresql(all_servers: Servers, tmp_path: Path) -> Backend:
    return make_backend("postgresql", all_servers, tmp_path)


@pytest.fixture(scope="session")
def racers(all_servers: Servers) -> Iterator[Racers]:
    """Sixteen processes that wait to race for a lock."""
    with Racers(16) as started:
        yield started


def make_backend(kind: str, all_servers: Servers, folder: Path) -> Backend:
    if kind == "local":
        return Backend(kind, f"file:{folder}/state.json", True, lambda: _files(folder))
    server = all_servers.url(kind)
    if server is None:
        pytest.skip(f"{kind}: its server is not installed, or did not start")
    name = os.urandom(6).hex()
    if kind == "postgresql":
        url = f"{server}&state={name}"
        return Backend(kind, url, True, lambda: _rows(server, name))
    if kind == "http":
        http = all_servers.http
        assert http is not None
        path = f"/{name}"
        return Backend(kind, f"{server}{path}", False, lambda: http.states[path])
    scheme, options = ("az", "") if kind == "azure" else ("s3", "&region=us-east-1")
    url = f"{scheme}://states/{name}/state.json?endpoint={server}{options}&lease={LEASE}"
    return Backend(kind, url, True, lambda: _objects(scheme, server, name))


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("state.json*")))


def _rows(server: str, name: str) -> bytes:
    import psycopg

    with psycopg.connect(server) as connection:
        rows = connection.execute(
            "select data from reconcile_state where name = %(name)s union all"
            " select entry from reconcile_journal where name = %(name)s",
            {"name": name},
        )
        return "".join(row[0] for row in rows).encode()


def _objects(scheme: str, server: str, name: str) -> bytes:
    options = {"endpoint": server} if scheme == "az" else {"endpoint": server, "region": "us-east-1"}
    bucket = Objects(open_bucket(scheme, "states", options), "states")
    found = (bucket.read(f"{name}/state.json{suffix}") for suffix in ("", ".journal"))
    return b"".join(each.data for each in found if each is not None)
