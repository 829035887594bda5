"""Processes that use a store: one at a time to be killed or suspended, or sixteen that race."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

from tests.state.servers import environ

PRELUDE = """
import os, sys, time
from reconcile.errors import LockHeld, StateError
from reconcile.model.address import Address
from reconcile.model.resource import Applied
from reconcile.state.open import open_store

say = lambda text: os.write(1, f"{text}\\n".encode())
hear = lambda: sys.stdin.readline().strip()
address = lambda name: Address("squalomail", "list", name)
store = lambda url: open_store(url, environ=os.environ, who="anna")
"""

# Each round: a URL, how often, and when to begin. Holds the lock until told to go on, or counts.
RACING = """
say("ready")
while request := hear():
    url, begin, turns = request.split()
    racer = store(url)
    try:
        racer.read()  # the packages are loaded before the start
        time.sleep(max(0.0, float(begin) - time.time()))
        if turns == "0":
            with racer.lock("race"):
                say("won")
                hear()
            say("left")
        for _ in range(int(turns)):
            with racer.lock("count", timeout=60) as state:
                counted = state.state.resources.get(address("counter"))
                state.put(address("counter"), Applied(str(int(counted.id) + 1 if counted else 1), {}))
        if turns != "0":
            say("counted")
    except LockHeld:
        say("lost")
    except StateError as error:
        say(f"failed: {error}")
"""


@contextmanager
def process(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(script), *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ(), cwd=Path.cwd()
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def output(child: subprocess.Popen[str]) -> IO[str]:
    assert child.stdout is not None
    return child.stdout


def line(child: subprocess.Popen[str]) -> str:
    return output(child).readline().strip()


def tell(child: subprocess.Popen[str], text: str = "go") -> None:
    assert child.stdin is not None
    child.stdin.write(f"{text}\n")
    child.stdin.flush()


class Racers:
    """Processes that are started once and race in rounds."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._stack = ExitStack()
        self._children: Sequence[subprocess.Popen[str]] = ()

    def __enter__(self) -> Self:
        self._children = [self._stack.enter_context(process(RACING)) for _ in range(self._count)]
        assert [line(child) for child in self._children] == ["ready"] * self._count
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def race(self, url: str) -> list[str]:
        """What each says of one round: the winner has the lock until all others have said theirs."""
        self._start(url, 0)
        said = [line(child) for child in self._children]
        for child, word in zip(self._children, said, strict=True):
            if word == "won":
                tell(child)
                assert line(child) == "left"
        return said

    def count(self, url: str, turns: int) -> list[str]:
        """What each says after it has added to the counter so often."""
        self._start(url, turns)
        return [line(child) for child in self._children]

    def _start(self, url: str, turns: int) -> None:
        begin = time.time() + 0.3
        for child in self._children:
            tell(child, f"{url} {begin} {turns}")
