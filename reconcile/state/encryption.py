"""States at rest, encrypted: a key seals bytes into an envelope of JSON, and any of several keys opens it.

The envelope's header is clear and authenticated with the content: the key's id, how it was made, the nonce, and which
state this is (lineage, serial, and the line in a journal), so that no part can be changed, or stand in another's place.
AES-256-GCM, with a new nonce of 96 random bits each time.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reconcile.disk import reason
from reconcile.errors import StateError
from reconcile.state.extras import needing

KEY_VARIABLE: Final = "RECONCILE_STATE_KEY"
KEY_FILE_VARIABLE: Final = "RECONCILE_STATE_KEY_FILE"
ENFORCED_VARIABLE: Final = "RECONCILE_STATE_KEY_ENFORCED"

FORMAT: Final = "reconcile-encrypted"
_VERSION: Final = 1
_LEAST_PASSPHRASE: Final = 12
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class Scrypt(BaseModel):
    """How a key is made from a passphrase. The bounds keep a forged header from costing gigabytes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    name: Literal["scrypt"] = "scrypt"
    salt: str = Field(pattern=r"^[0-9a-f]{32}$")
    n: int = Field(2**17, ge=2**10, le=2**20)
    r: int = Field(8, ge=1, le=16)
    p: int = Field(1, ge=1, le=4)


class Envelope(BaseModel):
    """What is kept: all but ``ciphertext`` is the associated data."""

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    format: Literal["reconcile-encrypted"] = FORMAT
    version: int = _VERSION
    kdf: Scrypt | None = None
    key_id: str
    nonce: str
    lineage: str
    serial: int
    line: int = 0
    ciphertext: str = ""

    def associated(self) -> bytes:
        """The header in the one form that is authenticated."""
        return orjson.dumps(self.model_dump(exclude={"ciphertext"}), option=orjson.OPT_SORT_KEYS)


@dataclass(slots=True)
class Secret:
    """A key, or a passphrase that keys are made from, one for each salt; it never prints itself."""

    key: bytes | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)
    _made: dict[Scrypt, bytes] = field(default_factory=dict, repr=False)

    def key_for(self, kdf: Scrypt | None) -> bytes | None:
        """The key for an envelope; None if this secret is not of its sort."""
        if kdf is None or self.passphrase is None:
            return self.key if kdf is None else None
        if kdf not in self._made:
            self._made[kdf] = _scrypt(kdf, self.passphrase)
        return self._made[kdf]

    def newest_kdf(self) -> Scrypt | None:
        """How this secret makes the key it writes with: as what it has read, so that it is made once a run."""
        if self.passphrase is None:
            return None
        return next(iter(self._made), None) or Scrypt(salt=os.urandom(16).hex())


class Keys:
    """Keys for states: the first one writes, any may read."""

    def __init__(self, secrets: Sequence[Secret], *, random: Callable[[int], bytes] = os.urandom) -> None:
        if not secrets:
            raise ValueError("no key")
        with needing("encryption", "An encrypted state"):
            import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401  # said now rather than after the first write
        self._secrets = tuple(secrets)
        self._random = random

    def seal(self, plain: bytes, *, lineage: str, serial: int, line: int = 0) -> bytes:
        """The envelope of these bytes, as one line of JSON with its end; ``line`` is 0 for a whole state."""
        secret = self._secrets[0]
        kdf = secret.newest_kdf()
        key = secret.key_for(kdf)
        assert key is not None  # noqa: S101  # its own way of making a key
        nonce = self._random(_NONCE_BYTES)
        envelope = Envelope(
            kdf=kdf, key_id=_key_id(key), nonce=_base64(nonce), lineage=lineage, serial=serial, line=line
        )
        envelope.ciphertext = _base64(_aead(key).encrypt(nonce, plain, envelope.associated()))
        return orjson.dumps(envelope.model_dump(exclude_none=True), option=orjson.OPT_APPEND_NEWLINE)

    def open(self, document: Mapping[str, Any], name: str, way_out: str) -> tuple[Envelope, bytes]:
        """The envelope that a document is, and the bytes that were sealed in it.

        Raises:
            StateError: it is damaged or tampered with, of a newer format, or none of the keys opens it.
        """
        from cryptography.exceptions import InvalidTag

        envelope = parse_envelope(document, name, way_out)
        keys = [key for secret in self._secrets if (key := secret.key_for(envelope.kdf)) is not None]
        fitting = [key for key in keys if hmac.compare_digest(_key_id(key), envelope.key_id)]
        if not fitting:
            raise StateError(
                f"{name} is encrypted with the key {envelope.key_id}, and that is none of the keys given.",
                hint=f"Give the key that it was written with in {KEY_VARIABLE} or {KEY_FILE_VARIABLE}, one a line: the"
                " first one writes, any may read.",
            )
        try:
            nonce, sealed = base64.b64decode(envelope.nonce), base64.b64decode(envelope.ciphertext)
            return envelope, _aead(fitting[0]).decrypt(nonce, sealed, envelope.associated())
        except (InvalidTag, ValueError) as error:
            raise StateError(
                f"{name} was changed by something else than reconcile: its content does not fit its seal.", hint=way_out
            ) from error


def parse_envelope(document: Mapping[str, Any], name: str, way_out: str) -> Envelope:
    """The envelope that a document is.

    Raises:
        StateError: it is damaged, or of a newer format.
    """
    version = document.get("version")
    if type(version) is int and version > _VERSION:
        raise StateError(
            f"{name} was written by a newer reconcile: its encryption has version {version}.",
            hint="Upgrade reconcile on this machine, and leave the state as it is.",
        )
    try:
        return Envelope.model_validate(document)
    except ValidationError as error:
        places = ", ".join(sorted({str(found["loc"][0]) for found in error.errors() if found["loc"]}))
        raise StateError(f"{name} is damaged: the encryption's header is wrong at {places}.", hint=way_out) from error


def is_envelope(document: object) -> bool:
    """Whether parsed JSON claims to be encrypted."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def keys_from(environ: Mapping[str, str]) -> Keys | None:
    """The keys that the environment names: those of the variable, then those of the file, one a line; None without any.

    Raises:
        StateError: a key is too short, the file can't be read, or it has none.
    """
    lines = environ.get(KEY_VARIABLE, "").splitlines()
    if path := environ.get(KEY_FILE_VARIABLE, ""):
        try:
            more = Path(path).read_text("utf-8").splitlines()
        except OSError as error:
            raise StateError(
                f"The key file {path} can't be read: {reason(error)}.",
                hint=f"Set {KEY_FILE_VARIABLE} to a file that you may read.",
            ) from error
        except UnicodeDecodeError:
            raise StateError(f"The key file {path} is no text in UTF-8.", hint=_HOW) from None
        if not any(line.strip() for line in more):
            raise StateError(f"The key file {path} is empty.", hint=_HOW)
        lines += more
    secrets = [parse_secret(line.strip()) for line in lines if line.strip()]
    return Keys(secrets) if secrets else None


def is_enforced(environ: Mapping[str, str]) -> bool:
    """Whether the environment wants a plain state refused."""
    return environ.get(ENFORCED_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")


_HOW: Final = (
    "A key is 32 random bytes in hexadecimal (`openssl rand -hex 32`) or base64, or a passphrase of at least"
    f" {_LEAST_PASSPHRASE} characters."
)


def parse_secret(text: str) -> Secret:
    """A key in hexadecimal or base64, or else a passphrase.

    Raises:
        StateError: it is too short for a passphrase.
    """
    for decode in (bytes.fromhex, _from_base64):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == _KEY_BYTES:
            return Secret(key=key)
    if len(text) < _LEAST_PASSPHRASE:
        raise StateError(f"A key of the state has only {len(text)} characters.", hint=_HOW)
    return Secret(passphrase=text)


def _from_base64(text: str) -> bytes:
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    return base64.b64decode(padded.replace("-", "+").replace("_", "/"), validate=True)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _key_id(key: bytes) -> str:
    return hmac.new(key, b"reconcile: the id of this key", hashlib.sha256).hexdigest()[:16]


def _scrypt(kdf: Scrypt, passphrase: str) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt as Derivation

    made = Derivation(salt=bytes.fromhex(kdf.salt), length=_KEY_BYTES, n=kdf.n, r=kdf.r, p=kdf.p)
    return made.derive(passphrase.encode())


def _aead(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
