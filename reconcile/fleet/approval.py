"""Approvals of a fleet: who approves of which record for which account until when, signed with Ed25519.

Whoever carries out a record checks the signature against the public keys of the fleet's own file. So neither Temporal,
nor a database, nor a folder of results has a say in what may be done.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconcile.errors import InvalidInput, Refused
from reconcile.fleet.settings import FLEET_FILE, Account, Approver

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# What is signed begins with it, so that the key's signature of something else is none of an approval.
_PREFIX = b"reconcile approval 1\n"
PASSWORD = "RECONCILE_APPROVER_PASSWORD"  # noqa: S105  # a variable's name


class NotApproved(Refused):
    """No approval that counts."""

    code = "not-approved"


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval: of the record with this digest, for an account in an environment, until then (UNIX seconds)."""

    approver: str
    account: str
    environment: str
    digest: str
    until: int
    sends: bool
    signature: str = ""

    def signed(self) -> bytes:
        """What the signature is of: every member but itself."""
        members = asdict(self)
        del members["signature"]
        return _PREFIX + json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def sign(approval: Approval, key: "Ed25519PrivateKey") -> Approval:
    """The approval with its signature."""
    members = asdict(approval) | {"signature": base64.b64encode(key.sign(approval.signed())).decode()}
    return Approval(**members)


def check(approval: Approval, approvers: Mapping[str, Approver], account: Account, digest: str, now: float) -> Approver:
    """Who approved; whoever carries the record out asks it right before.

    Raises:
        NotApproved: it is not signed by somebody who may, is of something else, or is over.
    """
    approver = approvers.get(approval.approver)
    if approver is None:
        raise NotApproved(
            f'"{approval.approver}" is no approver of this fleet.',
            hint=f"Those who are stand in {FLEET_FILE}, `approvers`.",
        )
    _check_signature(approval, approver)
    if (approval.account, approval.environment) != (account.name, account.environment):
        raise NotApproved(f"The approval is for {approval.account}@{approval.environment}, and this is {account.key}.")
    if approval.digest != digest:
        raise NotApproved(
            f"The approval is of another plan ({approval.digest[:12]}) than the one that waits ({digest[:12]}).",
            hint=f"Look at what waits now, and approve of that: reconcile fleet approve {account.key} --key FILE",
        )
    if now >= approval.until:
        raise NotApproved(
            "The approval is over.", hint=f"Approve anew: reconcile fleet approve {account.key} --key FILE"
        )
    if "apply" not in approver.may or not approver.is_for(account.name, account.environment):
        raise NotApproved(f"{approver.name} may not approve of changes to {account.key}, says {FLEET_FILE}.")
    if approval.sends and "send" not in approver.may:
        raise NotApproved(f"{approver.name} may not approve of sends, says {FLEET_FILE}.")
    return approver


def _check_signature(approval: Approval, approver: Approver) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(approver.key, validate=True))
        key.verify(base64.b64decode(approval.signature, validate=True), approval.signed())
    except (InvalidSignature, ValueError):
        raise NotApproved(f"The approval is not signed with the key of {approver.name}.") from None


def new_key() -> "Ed25519PrivateKey":
    """A new key to approve with."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def private_bytes(key: "Ed25519PrivateKey", password: str | None = None) -> bytes:
    """A key as PEM, encrypted where a password is given."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def public_text(key: "Ed25519PrivateKey") -> str:
    """The public half as fleet.yaml takes it."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def read_key(path: Path, password: str | None = None) -> "Ed25519PrivateKey":
    """The private key in a file.

    Raises:
        InvalidInput: it is none, can't be read, or needs another password.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = load_pem_private_key(path.read_bytes(), password.encode() if password else None)
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.") from None
    except TypeError:
        raise InvalidInput(
            f"{path} is encrypted." if not password else f"{path} is not encrypted, and a password was given.",
            hint=f"Set {PASSWORD} to its password, or leave it unset where there is none.",
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput(
            f"{path} is no private key in PEM, or its password is another.", hint="Make one: reconcile fleet key FILE"
        ) from None
    if not isinstance(found, Ed25519PrivateKey):
        raise InvalidInput(f"{path} is a key of another kind than Ed25519.", hint="Make one: reconcile fleet key FILE")
    return found


def approval_from(content: Any) -> Approval:
    """The approval that was kept or sent as JSON.

    Raises:
        NotApproved: it is none.
    """
    types = {"approver": str, "account": str, "environment": str, "digest": str, "until": int, "sends": bool}
    try:
        members = {name: content[name] for name in (*types, "signature")}
        sound = all(type(members[name]) is type_ for name, type_ in types.items()) and type(members["signature"]) is str
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise NotApproved("This is no approval.", hint="Make one with: reconcile fleet approve")
    return Approval(**members)
