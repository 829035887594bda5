"""Buckets of real servers: conditions, what is not there or not allowed, and what another tool has leased; kills."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
import pytest

from reconcile.errors import StateError
from reconcile.model.address import Address, parse_address
from reconcile.model.resource import Applied
from reconcile.state.objects import Conflict, Objects, open_bucket
from tests.state.conftest import Backend, Servers, make_backend
from tests.state.racers import line, output, process
from tests.state.servers import azure_request
from tests.state.test_commands import reconcile

ONE, TWO = (Address("squalomail", "list", name) for name in ("one", "two"))
APPLIED = Applied("5", {"name": "Italia"})
CODES = {
    "bucket": {"seaweed": "NoSuchBucket", "azure": "ContainerNotFound"},
    "key": {"seaweed": "SignatureDoesNotMatch", "azure": "AuthorizationFailure"},
}
SECRETS = {"seaweed": "AWS_SECRET_ACCESS_KEY", "azure": "AZURE_STORAGE_ACCOUNT_KEY"}


@pytest.fixture(params=["seaweed", "azure"])
def bucket(request: pytest.FixtureRequest, all_servers: Servers, tmp_path: Path) -> Backend:
    return make_backend(request.param, all_servers, tmp_path)


def opened(backend: Backend) -> Any:
    parts = urlsplit(backend.url)
    options = dict(option.split("=", 1) for option in parts.query.split("&") if not option.startswith("lease="))
    return open_bucket(parts.scheme, "states", options)


def key(backend: Backend, suffix: str = "") -> str:
    return urlsplit(backend.url).path.lstrip("/") + suffix


def uses(backend: Backend) -> list[Callable[[], object]]:
    store = backend.store()
    return [store.read, store.holder, lambda: store.unlock("any"), lambda: store.lock("apply").__enter__()]


def project(root: Path, url: str) -> Path:
    (root / "reconcile.yaml").write_text(
        f'version: 1\nstate: "{url}"\nproviders: {{squalomail: {{type: squalomail, url: "sandbox:"}}}}\n'
    )
    return root


# Conditions.


def test_a_write_needs_the_version_that_was_read(bucket: Backend) -> None:
    found, name = Objects(opened(bucket), "states"), key(bucket)
    large = os.urandom(12_000_000)  # more than the library sends in one part where there are no conditions
    first = found.write(name, large, None)
    with pytest.raises(Conflict) as caught:
        found.write(name, b"2", None)
    assert caught.value.found is not None
    assert (caught.value.found.data, caught.value.found.version) == (large, first)
    second = found.write(name, large[1:], first)
    with pytest.raises(Conflict):
        found.write(name, b"4", first)
    read = found.read(name)
    assert read is not None
    assert (read.data, read.version) == (large[1:], second)
    found.delete(name)
    found.delete(name)
    with pytest.raises(Conflict) as caught:
        found.write(name, b"5", second)
    assert caught.value.found is None


def test_the_self_test_is_passed_and_leaves_nothing(bucket: Backend) -> None:
    with bucket.store().lock("apply"):
        pass
    pages = obstore.list(opened(bucket), str(Path(key(bucket)).parent))
    names = {each["path"] for page in pages for each in page}
    assert names == {key(bucket, ".journal"), key(bucket, ".lock")}


# What is not there, or not allowed: one clear line, and no state is not the same as no bucket.


def test_a_bucket_that_is_not_there_is_no_new_project(bucket: Backend, tmp_path: Path) -> None:
    missing = Backend(bucket.kind, bucket.url.replace("//states/", "//elsewhere/"), True, bytes)
    for use in uses(missing):
        with pytest.raises(StateError, match=f"can't be read: {CODES['bucket'][bucket.kind]}: The specified") as caught:
            use()
        assert "\n" not in str(caught.value)
        assert "See that the bucket or container exists" in str(caught.value.diagnostics[0].hint)
    result = reconcile(project(tmp_path, missing.url), "state", "pull")
    assert result.code == 1
    assert CODES["bucket"][bucket.kind] in result.err
    assert result.out == ""


def test_a_wrong_key_is_refused(bucket: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRETS[bucket.kind], "d3Jvbmc=")
    for use in uses(bucket):
        with pytest.raises(StateError, match=f"can't be read: {CODES['key'][bucket.kind]}: ") as caught:
            use()
        assert "\n" not in str(caught.value)
        assert "credentials of the environment" in str(caught.value.diagnostics[0].hint)
    result = reconcile(project(tmp_path, bucket.url), "state", "pull")
    assert result.code == 1
    assert CODES["key"][bucket.kind] in result.err


def test_a_key_that_is_none_is_refused(azure: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRETS["azure"], "%%")
    with pytest.raises(StateError, match="Invalid Access Key") as caught:
        azure.store().read()
    assert "\n" not in str(caught.value)


def test_an_account_that_is_not_given_is_named(azure: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME")
    with pytest.raises(StateError, match=r"az://states can't be used .*: Account must be specified\.") as caught:
        azure.store()
    assert "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY" in str(caught.value.diagnostics[0].hint)


def test_the_endpoint_may_come_from_the_environment(bucket: Backend) -> None:
    parts = urlsplit(bucket.url)
    endpoint = parts.query.removeprefix("endpoint=").split("&")[0]
    rest = "&".join(option for option in parts.query.split("&") if not option.startswith("endpoint="))
    name = {"seaweed": "AWS_ENDPOINT_URL", "azure": "AZURE_STORAGE_ENDPOINT"}[bucket.kind]
    elsewhere = Backend(bucket.kind, parts._replace(query=rest).geturl(), True, bytes)
    with elsewhere.store(**{name: endpoint}).lock("apply") as state:
        state.put(ONE, APPLIED)
    found = bucket.store().read()
    assert found is not None
    assert found.resources == {ONE: APPLIED}


# Azure's own leases, such as other tools take to lock a blob: a refusal that is no conflict.


@pytest.fixture
def leased(azure: Backend) -> Iterator[Callable[[str, str], None]]:
    """Lease a blob of the state, or break the lease."""

    def lease(suffix: str, action: str) -> None:
        endpoint = urlsplit(azure.url).query.removeprefix("endpoint=").split("&")[0]
        more = {"x_ms_lease_duration": "-1"} if action == "acquire" else {"x_ms_lease_break_period": "0"}
        url = f"{endpoint}/states/{key(azure, suffix)}?comp=lease"
        assert azure_request("PUT", url, x_ms_lease_action=action, **more).is_success

    return lease


def test_a_lock_that_another_tool_has_leased_is_an_error(azure: Backend, leased: Callable[[str, str], None]) -> None:
    store = azure.store()
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
    for suffix in (".lock", ".journal"):
        leased(suffix, "acquire")
        with pytest.raises(StateError, match=rf"{suffix} can't be written: LeaseIdMissing: "), store.lock("apply"):
            pass
        leased(suffix, "break")
        with store.lock("apply"):
            pass


def test_a_state_that_another_tool_has_leased_loses_nothing(azure: Backend, leased: Callable[[str, str], None]) -> None:
    store = azure.store()
    with store.lock("apply") as state:
        state.put(ONE, APPLIED)
    leased("", "acquire")
    with ExitStack() as stack:
        stack.enter_context(store.lock("apply")).put(TWO, APPLIED)
        with pytest.raises(StateError, match=r"state\.json can't be written: LeaseIdMissing: "):
            stack.close()
    found = store.read()
    assert found is not None
    assert found.resources == {ONE: APPLIED, TWO: APPLIED}
    leased("", "break")
    with store.lock("apply") as state:
        assert state.state.resources == {ONE: APPLIED, TWO: APPLIED}


# Kills.


RECORDING = """
number = 0
while True:
    with store(sys.argv[1]).lock("apply") as state:
        for _ in range(int(sys.argv[2])):
            name = address(f"n{sys.argv[3]}-{number}")
            state.put(name, Applied(str(number), {"name": "Italia" * 50}))
            say(name)
            number += 1
"""


@pytest.mark.parametrize("length", [1_000_000, 2])
def test_what_was_acknowledged_survives_every_kill(azure: Backend, length: int) -> None:
    acknowledged: set[Address] = set()
    moment = random.Random(length)
    store = azure.store()
    for generation in range(5):
        with process(RECORDING, azure.url, length, generation) as child:
            said = [line(child) for _ in range(moment.randint(1, 30))]
            child.send_signal(signal.SIGKILL)
            said += [each.strip() for each in output(child) if each.endswith("\n")]
            child.wait()
        assert all(said)
        acknowledged |= {parse_address(name) for name in said}
        found = store.read()
        assert found is not None
        # At most one more: it was stored when its process died, before it could say so.
        assert found.resources.keys() >= acknowledged
        assert len(found.resources) <= len(acknowledged) + 1
        acknowledged |= found.resources.keys()
        if (holder := store.holder()) is not None:
            store.unlock(holder.id)
    with store.lock("apply") as state:
        assert state.state.resources.keys() == acknowledged
