"""The embedded sandbox: the providers' APIs emulated from their documentation, with data in SQLite.

It imports nothing of ours from elsewhere, so that a misreading of the API in the client is not repeated here.
"""

from reconcile.sandbox.sandbox import Sandbox
from reconcile.sandbox.store import DataError

__all__ = ["DataError", "Sandbox"]
