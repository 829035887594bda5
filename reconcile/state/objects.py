"""Objects in a bucket, each written only if nobody wrote it since it was read. All use of obstore is here.

Three sorts of server exist: those that honour the conditions, those that ignore them, and those that refuse even what
is right. ``Objects.test`` tells them apart, with seven requests on a scratch key.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from reconcile.errors import StateError
from reconcile.state.extras import needing

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ObjectStore

SCHEMES: Final = ("s3", "gs", "az")
_TRIES: Final = 3
_TIMEOUT: Final = timedelta(seconds=20)
_NO_BUCKET: Final = re.compile("<Code>(NoSuchBucket|ContainerNotFound)</Code>")
_ANSWER: Final = re.compile(r"<Code>([^<]+)</Code>\s*<Message>([^<\n]+)")
_CREDENTIALS: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_STORAGE_SAS_TOKEN)",
}


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read."""

    data: bytes
    version: "UpdateVersion"


class Conflict(Exception):
    """Somebody else wrote the object; ``found`` is what it is now, None if it is gone."""

    def __init__(self, found: Found | None) -> None:
        super().__init__("somebody else wrote the object")
        self.found = found


def open_bucket(scheme: str, bucket: str, options: Mapping[str, str]) -> "ObjectStore":
    """A bucket of Amazon S3 and its like (``s3``) or Google (``gs``), or a container of Azure (``az``).

    ``options`` may have an ``endpoint`` and, for S3, a ``region``; all else, such as credentials, comes from
    environment variables (AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_NAME and their like), or
    from the machine's role. Azure's endpoint has the account in its path where the account has no host of its own.

    Raises:
        StateError: the package is missing, or an option is wrong.
    """
    with needing("s3", "State in object storage"):
        from obstore.exceptions import BaseError
        from obstore.store import AzureStore, GCSStore, S3Store
    classes: dict[str, Any] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
    config: dict[str, Any] = {
        "base_url" if scheme == "gs" and name == "endpoint" else name: value for name, value in options.items()
    }
    if scheme == "s3":
        config["disable_bulk_delete"] = True  # one request fewer that a server has to know
    client: dict[str, Any] = {"timeout": _TIMEOUT}
    if options.get("endpoint", "").startswith("http:"):
        client["allow_http"] = True
    try:
        opened: ObjectStore = classes[scheme](
            bucket, config=config, client_options=client, retry_config={"max_retries": 4, "retry_timeout": _TIMEOUT}
        )
    except (BaseError, ValueError) as error:
        raise StateError(
            f"{scheme}://{bucket} can't be used for the state: {_said(error)}.",
            hint=f"The account and its credentials come from the environment: {_CREDENTIALS[scheme]}.",
        ) from error
    return opened


class Objects:
    """The objects of a bucket, by their keys; ``name`` is the bucket in messages."""

    def __init__(self, bucket: "ObjectStore", name: str, endpoint: str = "") -> None:
        self._bucket = bucket
        self.name = name
        self._endpoint = endpoint.rstrip("/")

    def read(self, key: str) -> Found | None:
        """The object; None if there is none.

        Raises:
            StateError: it can't be read, or there is no such bucket.
        """
        from obstore.exceptions import NotFoundError

        self._refuse_redirects(key)
        with self._failing(key, "read"):
            try:
                got = self._bucket.get(key)
                return Found(bytes(got.bytes()), _version(got.meta))
            except (NotFoundError, FileNotFoundError) as error:
                if _NO_BUCKET.search(str(error)):
                    raise  # or a mistyped name would look like a project that has no state yet
                return None

    def _refuse_redirects(self, key: str) -> None:
        """Ask a server of the project's choice once, unsigned, whether it leads elsewhere: the library would follow."""
        if not self._endpoint.startswith("http"):
            return
        import httpx

        from reconcile.network import Network

        url = f"{self._endpoint}/{self.name.partition('://')[2]}/{key}"
        with suppress(httpx.HTTPError), httpx.Client(transport=Network(), timeout=_TIMEOUT.total_seconds()) as client:
            answer = client.head(url)
            if answer.has_redirect_location:
                raise StateError(
                    f"The server of {self.name} leads elsewhere (HTTP {answer.status_code}), and that is not followed.",
                    hint="Name the server that has the bucket as the endpoint.",
                )
            self._endpoint = ""

    def write(self, key: str, data: bytes, former: "UpdateVersion | None") -> "UpdateVersion":
        """Write the object if it is still that version (None: if there is none); gives its new version.

        The data must be unlike any other writer's: then a write whose answer was lost is told from somebody else's.

        Raises:
            Conflict: it is another version.
            StateError: it can't be written, or nobody knows whether it was.
        """
        from obstore.exceptions import BaseError

        for last in range(1, _TRIES + 1):
            try:
                return self.put(key, data, former)
            except (BaseError, OSError, ValueError):
                # Nobody knows whether it was written, so this looks. What was refused although nobody wrote meanwhile
                # is no conflict: another tool's hold on the object, say, or a racing write that came to nothing.
                found = self.read(key)
                if found is not None and found.data == data:
                    return found.version
                if (found.version if found else None) != former:
                    raise Conflict(found) from None
                if last == _TRIES:
                    with self._failing(key, "written"):
                        raise
        raise AssertionError("unreachable")

    def put(self, key: str, data: bytes, former: "UpdateVersion | None") -> "UpdateVersion":
        """As ``write``, one request without a second look; raises what obstore raises."""
        self._refuse_redirects(key)
        return _version(self._bucket.put(key, data, mode=former if former is not None else "create"))

    def written_at(self, key: str) -> float:
        """When the object was written, by the storage's clock (UNIX seconds, perhaps whole ones).

        Raises:
            StateError: there is none, or it can't be read.
        """
        self._refuse_redirects(key)
        with self._failing(key, "read"):
            return self._bucket.head(key)["last_modified"].timestamp()

    def delete(self, key: str) -> None:
        """Delete the object, whatever it is.

        Raises:
            StateError: it can't be deleted.
        """
        from obstore.exceptions import NotFoundError

        with self._failing(key, "deleted"), suppress(NotFoundError, FileNotFoundError):
            self._bucket.delete(key)

    def test(self, key: str) -> None:
        """See on a scratch key beside this one whether the server keeps its word on conditional writes.

        Raises:
            StateError: it doesn't, or can't be reached.
        """
        scratch = f"{key}.selftest-{uuid.uuid4().hex}"
        try:
            first = self._expected(scratch, b"1", None, "creating an object")
            self._refused(scratch, b"2", None, "creating an object that is there already")
            self._expected(scratch, b"3", first, "replacing an object that nobody else has written")
            self._refused(scratch, b"4", first, "replacing an object that somebody else has written since")
            found = self.read(scratch)
            if found is None or found.data != b"3":
                raise self._unfit("does not give back what was written last")
        finally:
            with suppress(StateError):
                self.delete(scratch)

    def _expected(self, key: str, data: bytes, former: "UpdateVersion | None", what: str) -> "UpdateVersion":
        from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError

        with self._failing(key, "written"):
            try:
                return self.put(key, data, former)
            except (AlreadyExistsError, PreconditionError, NotSupportedError):
                found = self.read(key)
                if found is not None and found.data == data:  # sent twice, since the first answer was lost
                    return found.version
        raise self._unfit(f"refuses {what}, which is right")

    def _refused(self, key: str, data: bytes, former: "UpdateVersion | None", what: str) -> None:
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._failing(key, "written"):
            try:
                self.put(key, data, former)
            except (AlreadyExistsError, PreconditionError):
                return
        raise self._unfit(f"ignores conditions: {what} was not refused")

    def _unfit(self, why: str) -> StateError:
        return StateError(
            f"The object storage behind {self.name} {why}. Two runs at once could destroy each other's state there, so"
            " it is not used.",
            hint="Keep the state in a storage with conditional writes (If-Match, If-None-Match), such as Amazon S3,"
            " Azure Blob Storage or SeaweedFS, or in PostgreSQL.",
        )

    @contextmanager
    def _failing(self, key: str, done: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise StateError(
                f"{self.name}/{key} can't be {done}: {_said(error)}.",
                hint="See that the bucket or container exists, that the endpoint and region are right, and that the"
                " credentials of the environment may read, write and delete below this key.",
            ) from error


def _version(meta: Mapping[str, Any]) -> "UpdateVersion":
    version: UpdateVersion = {"e_tag": meta["e_tag"]}
    if meta.get("version") is not None:
        version["version"] = meta["version"]
    return version


def _said(error: Exception) -> str:
    """What the server answered, else the first line of what the library says: the rest is its debugging output."""
    if answer := _ANSWER.search(str(error)):
        return f"{answer[1]}: {answer[2].strip().rstrip('.')}"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip().rstrip(".") if lines else type(error).__name__
