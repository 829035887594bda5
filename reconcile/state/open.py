"""A URL -> the store behind it; the only place that knows which schemes there are."""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from reconcile.errors import InvalidInput
from reconcile.state.codec import Codec
from reconcile.state.store import StateStore

DEFAULT_STATE: Final = "default"
_LOOPBACK: Final = re.compile(r"localhost|127(\.[0-9]+){3}|::1")
_POSTGRESQL: Final = ("postgresql", "postgres")
_OBJECT_OPTIONS: Final = ("endpoint", "region", "lease")
_ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}


def open_store(
    where: str | Path,
    *,
    environ: Mapping[str, str],
    root: Path = Path(),
    clock: Callable[[], float] = time.time,
    who: str | None = None,
) -> StateStore:
    """The store of a state at a path or a URL; nothing is contacted yet.

    ``file:PATH`` (relative to ``root``); ``s3://BUCKET/KEY``, ``gs://BUCKET/KEY`` and ``az://CONTAINER/KEY`` with the
    options ``endpoint``, ``region`` and ``lease`` (seconds) as a query; ``postgresql://...?state=NAME``; ``https://...``
    and, on this machine, ``http://...``. ``environ`` has the key of an encrypted state, credentials for HTTP, and
    the endpoint of object storage where the URL has none.

    Raises:
        InvalidInput: the URL is of no known form.
        StateError: a package is missing, or the key can't be used.
    """
    url = where if isinstance(where, str) else f"file:{where}"
    parts = _split(url)
    codec = Codec.of(environ)
    match parts.scheme:
        case "file":
            from reconcile.state.local import LocalStore

            return LocalStore(root / local_path(url), clock=clock, who=who, codec=codec)
        case "s3" | "gs" | "az":
            return _object_store(parts, environ, codec, clock, who)
        case "postgresql" | "postgres":
            from reconcile.state.postgresql import PostgresqlStore

            conninfo, state = without_state(url)
            return PostgresqlStore(conninfo, state, clock=clock, who=who, codec=codec)
        case "https" | "http":
            from reconcile.state.http import HttpStore

            if parts.scheme == "http" and not _LOOPBACK.fullmatch(parts.hostname or ""):
                raise InvalidInput(
                    "The state would be sent over plain http, which only stays on this machine.",
                    hint="Use https://, or an address such as http://localhost.",
                )
            return HttpStore(url, environ=environ, clock=clock, who=who, codec=codec)
    raise InvalidInput(
        f'A state can\'t be kept at "{parts.scheme}:".',
        hint="Use file:PATH, s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY, postgresql://HOST/DATABASE or"
        " https://HOST/PATH.",
    )


def local_path(url: str) -> Path:
    """The path in a URL such as ``file:state.json`` or ``file:///srv/state.json``."""
    return Path(re.sub("^//(?=/)", "", url.removeprefix("file:")))


def in_environment(url: str, environment: str) -> str:
    """The URL with the environment's name before the extension, or for PostgreSQL in the name of the state.

    A local state below ``.reconcile/default`` moves to the environment's own folder instead.
    """
    if url.startswith("file:"):
        return f"file:{path_in_environment(str(local_path(url)), environment)}"
    parts = _split(url)
    if parts.scheme in _POSTGRESQL:
        conninfo, state = without_state(url)
        name = environment if state == DEFAULT_STATE else f"{state}.{environment}"
        return f"{conninfo}{'&' if '?' in conninfo else '?'}state={quote(name, safe='')}"
    return urlunsplit(parts._replace(path=_before_extension(parts.path, environment)))


def path_in_environment(path: str, environment: str) -> str:
    """A path as the environment has it, so that environments never share a file by accident."""
    parts = PurePosixPath(path).parts
    if parts[:2] == (".reconcile", "default"):
        return str(PurePosixPath(".reconcile", environment, *parts[2:]))
    return _before_extension(path, environment)


def _before_extension(path: str, environment: str) -> str:
    pure = PurePosixPath(path)
    return str(pure.with_name(f"{pure.stem}.{environment}{pure.suffix}"))


def _object_store(
    parts: SplitResult, environ: Mapping[str, str], codec: Codec, clock: Callable[[], float], who: str | None
) -> StateStore:
    from reconcile.state.lease import MARGIN, Terms
    from reconcile.state.objects import Objects, open_bucket
    from reconcile.state.objectstore import ObjectStore

    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - set(_OBJECT_OPTIONS):
        raise InvalidInput(
            f"The URL of the state has an unknown option: {sorted(unknown)[0]}.",
            hint=f"It takes {', '.join(_OBJECT_OPTIONS)}; credentials come from the environment.",
        )
    key = parts.path.lstrip("/")
    if not parts.netloc or not key:
        raise InvalidInput(f'The URL of the state needs a bucket and a key: "{parts.scheme}://BUCKET/KEY".')
    for name in _ENDPOINTS.get(parts.scheme, ()):
        if "endpoint" not in options and environ.get(name):
            options["endpoint"] = environ[name]
    endpoint = urlsplit(options.get("endpoint", ""))
    if endpoint.scheme == "http" and not _LOOPBACK.fullmatch(endpoint.hostname or ""):
        raise InvalidInput(
            "The state would be sent over plain http, which only stays on this machine.",
            hint="Use an endpoint with https://, or one such as http://localhost:8333.",
        )
    lease = _seconds(options.pop("lease", None))
    leads = options.get("endpoint", "")
    bucket = open_bucket(parts.scheme, parts.netloc, options)
    terms = Terms() if lease is None else Terms(lease, min(MARGIN, lease / 2))
    objects = Objects(bucket, f"{parts.scheme}://{parts.netloc}", leads)
    return ObjectStore(objects, key, codec=codec, terms=terms, clock=clock, who=who)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds <= 3600.0:
        raise InvalidInput(f'The option lease of the state takes seconds, 1 to 3600, not "{text}".')
    return seconds


def without_state(url: str) -> tuple[str, str]:
    """The URL that the database's library takes, and the name of the state."""
    base, _, query = url.partition("?")
    options = parse_qsl(query, keep_blank_values=True)
    names = [value for name, value in options if name == "state"]
    rest = urlencode([(name, value) for name, value in options if name != "state"], quote_via=quote)
    return f"{base}?{rest}" if rest else base, (names[-1] if names else "") or DEFAULT_STATE


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise InvalidInput("The URL of the state can't be read.", hint="See that it has no stray brackets.") from None
