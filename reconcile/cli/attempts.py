"""Calls that are tried again, told in words as progress."""

import logging

import click

from reconcile.cli.options import Options


class _Told(logging.Handler):
    """Shows a line of the log as progress, unless the run is quiet."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self._options = options

    def emit(self, record: logging.LogRecord) -> None:
        from reconcile.report.text import inert

        if not self._options.quiet:
            click.echo(inert(record.getMessage()), err=True)


def tell_of_attempts(options: Options) -> None:
    """Have calls that are tried again told from now on."""
    log = logging.getLogger("reconcile.calls")
    log.handlers = [_Told(options)]
    log.setLevel(logging.INFO)
    log.propagate = False
