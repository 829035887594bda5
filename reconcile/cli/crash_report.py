"""Errors that nobody foresaw, in words. Their texts may hold anything, so credentials and people are taken out."""

import traceback

from reconcile.cli.options import Options
from reconcile.providers.personal import without_people


def told(error: Exception, options: Options) -> str:
    """The message; under -vv with the places in the code that the error went through."""
    text = _from_outside(error) if isinstance(error, OSError) else _ours(error, options.verbose > 1)
    text = without_people(options.redacted(text))
    # Lines of code only, no values.
    return text + "\n" + "".join(traceback.format_tb(error.__traceback__)) if options.verbose > 1 else text


def _from_outside(error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    what = f"{error.filename} can't be used" if error.filename else "A file can't be used"
    return f"error[file] {what}: {reason}.\n  See that you may read and write there, and that the disk has room."


def _ours(error: Exception, located: bool) -> str:
    what = "Report it with the lines below" if located else "Run again with -vv to see where, and report it"
    return f"error[internal] {type(error).__name__}: {error}\n  This is a fault of reconcile, not yours. {what}."
