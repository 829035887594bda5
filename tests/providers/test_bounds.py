"""The bounds of one call, over real connections: a byte at a time, without end, a bomb, deep, with huge numbers.

Whatever a server does, a call ends within its bound, takes little memory, and is told as what it is.
"""

import json
import re
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import pytest

from reconcile.errors import ApiError, UnknownOutcome
from reconcile.model.call import Call
from reconcile.model.right_to_send import RightToSend
from reconcile.providers.bounds import RECEIVED, SECONDS, UNPACKED, Bounds
from reconcile.providers.gatormail.client import GatorMail
from reconcile.providers.gatormail.contract import Contract
from reconcile.providers.shapes import DEPTH
from reconcile.providers.squalomail.client import SqualoMail
from reconcile.providers.transport import Pace, Transport
from tests.providers.test_shapes import MAIL
from tests.world import FREELY

MEGABYTES = 300
QUICK = 0.6  # seconds that a call may take here
SLACK = 1.5  # seconds more until it must have ended, on a busy machine
Serve = Callable[[socket.socket], None]


@contextmanager
def server(serve: Serve) -> Iterator[tuple[str, list[int]]]:
    """Answers every connection in its own thread; gives the URL, and a count of connections."""
    listening = socket.create_server(("127.0.0.1", 0))
    over, seen = threading.Event(), [0]

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                _take(connection)
                serve(connection)
            except OSError:
                pass  # the client has gone

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            seen[0] += 1
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", seen
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def _take(connection: socket.socket) -> None:
    """The whole request: a connection that is closed over half of one is reset."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    top, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", top)
    while length and len(body) < int(length[1]):
        body += connection.recv(65_536)


def head(*headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", ""]).encode()


def slowly(content: bytes, pause: float = 0.05) -> Serve:
    def serve(connection: socket.socket) -> None:
        for byte in content:
            connection.sendall(bytes([byte]))
            time.sleep(pause)

    return serve


def at_once(content: bytes, *headers: str) -> Serve:
    return lambda connection: connection.sendall(head(f"Content-Length: {len(content)}", *headers) + content)


def endless(piece: bytes, *headers: str) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.sendall(head("Transfer-Encoding: chunked", *headers))
        chunk = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        while True:
            connection.sendall(chunk)

    return serve


def silent(connection: socket.socket) -> None:
    time.sleep(30)


def endless_packed(connection: socket.socket) -> None:
    connection.sendall(head("Transfer-Encoding: chunked", "Content-Encoding: gzip"))
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    while True:
        piece = packer.compress(b" " * 100_000) + packer.flush(zlib.Z_SYNC_FLUSH)
        connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")


@cache
def bomb(encoding: str) -> Serve:
    """A small answer that unpacks to a hundred megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS)
    zeros = b"[" + b"0," * 500_000
    content = b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()
    assert len(content) < RECEIVED / 10
    return at_once(content, f"Content-Encoding: {encoding}")


@cache
def mail(*body: tuple[str, int]) -> Serve:
    """A small answer that unpacks to a newsletter with a large body: texts, each so many megabytes."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    start, _, end = json.dumps([MAIL | {"body": "@@"}]).encode().partition(b"@@")
    content = packer.compress(start)
    for text, megabytes in body:
        piece = text.encode() * (2**20 // len(text.encode()))
        content += b"".join(packer.compress(piece) for _ in range(megabytes))
    return at_once(content + packer.compress(end) + packer.flush(), "Content-Encoding: gzip")


CASES: dict[str, tuple[Callable[[], Serve], str]] = {
    "a byte at a time": (lambda: slowly(head("Content-Length: 1000") + b"[" + b" " * 999), "within 0.6 seconds"),
    "headers a byte at a time": (lambda: slowly(head("X-A: " + "a" * 1000)), "within 0.6 seconds"),
    "nothing": (lambda: silent, "within 0.6 seconds"),
    "without end": (lambda: endless(b"[" + b"0," * 50_000), "more than 32 MiB"),
    "without end, packed": (lambda: endless_packed, "more than 64 MiB"),
    "a gzip bomb": (lambda: bomb("gzip"), "more than 64 MiB"),
    "a deflate bomb": (lambda: bomb("deflate"), "more than 64 MiB"),
    "an encoding nobody asked for": (lambda: at_once(b"[]", "Content-Encoding: br"), "not asked for"),
    "no gzip at all": (lambda: at_once(b"[]", "Content-Encoding: gzip"), "can't be unpacked"),
    "a million levels": (lambda: at_once(b"[" * 1_000_000 + b"]" * 1_000_000), "no JSON"),
    "a level too many": (lambda: at_once(b"[" * (DEPTH + 2) + b"]" * (DEPTH + 2)), "deeper than 64 levels"),
    "millions of members": (lambda: at_once(b"[" + b"{}," * 5_000_000 + b"{}]"), "more than 1,000,000 members"),
    "millions of values": (lambda: at_once(b"[" + b"0," * 15_000_000 + b"0]"), "more than 1,000,000 members or 4"),
    "a million wrong rows": (lambda: at_once(b"[" + b"0," * 1_000_000 + b"0]"), "can't be understood"),
    "a number of 4,300 digits": (lambda: at_once(b"9" * 4300), "no JSON"),
    "a member of 4,301 digits": (lambda: at_once(b'{"errorCode": ' + b"9" * 4301 + b"}"), "no JSON"),
    "many members": (lambda: at_once(json.dumps({str(n): n for n in range(100_000)}).encode()), "can't be understood"),
}


def client(platform: str, url: str, seconds: float) -> Any:
    pace = Pace(attempts=1)
    transport = Transport(pace=pace, right=RightToSend(), bounds=Bounds(seconds=seconds))
    return (
        SqualoMail(url, "KEY", transport) if platform == "squalomail" else GatorMail(url, "lz", Contract(), transport)
    )


@pytest.mark.parametrize("platform", ["squalomail", "gatormail"])
@pytest.mark.parametrize("name", CASES)
def test_a_call_ends_within_its_bound_and_says_why(name: str, platform: str) -> None:
    make, words = CASES[name]
    timed = "within" in words
    call = Call("get-data", {"entity": "List"}) if platform == "squalomail" else Call("gatormail_getSchema", {})
    with server(make()) as (url, seen):
        asking = client(platform, url, QUICK if timed else 20.0)
        began = time.monotonic()
        with pytest.raises(ApiError, match=words):
            asking.send(call)
        took = time.monotonic() - began
        asking.close()
    assert took < (QUICK + SLACK if timed else 20.0), took
    assert seen[0] == 1


@pytest.mark.parametrize("platform", ["squalomail", "gatormail"])
def test_what_a_stalled_write_came_to_is_not_known(platform: str) -> None:
    call = Call("create-list", {"name": "A"}) if platform == "squalomail" else Call("gatormail_addGroup", {"name": "A"})
    with server(slowly(head("Content-Length: 1000"))) as (url, seen):
        asking = client(platform, url, QUICK)
        with pytest.raises(UnknownOutcome, match="did not answer in whole"):
            asking.send(call, FREELY)
        asking.close()
    assert seen[0] == 1  # it is never repeated here


_ALONE = """
import sys
from tests.providers.test_bounds import Call, ApiError, client
for url in sys.argv[1:]:
    try:
        client("squalomail", url, 60.0).send(Call("get-data", {"entity": "Mail"}))
        print("read")
    except ApiError as error:
        print(error)
# The most that this program took: ru_maxrss would count what the process had before it became this program.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def alone(*serves: Serve) -> tuple[list[str], int]:
    """What a process of its own says of these answers, and the megabytes that it took."""
    with ExitStack() as stack:
        urls = [stack.enter_context(server(serve))[0] for serve in serves]
        done = subprocess.run([sys.executable, "-c", _ALONE, *urls], capture_output=True, text=True, check=True)
    *told, megabytes = done.stdout.splitlines()
    assert len(told) == len(serves), done.stdout
    return told, int(megabytes)


def test_a_process_takes_less_than_300_megabytes_for_any_of_them() -> None:
    large = ("without end", "without end, packed", "a gzip bomb", "a deflate bomb", "a million levels",
             "millions of members", "millions of values", "a million wrong rows")  # fmt: skip
    told, megabytes = alone(*(CASES[name][0]() for name in large), mail(("a", 60), ("😀", 1)))
    assert "texts would take more than 64 MiB" in told[-1]
    assert megabytes < MEGABYTES


@pytest.mark.parametrize("text", ["a", "ž", "😀", "\\n"])
def test_the_largest_answer_that_is_read_takes_less_than_300_megabytes(text: str) -> None:
    told, megabytes = alone(mail((text, 62)))
    assert told == ["read"]
    assert megabytes < MEGABYTES


def test_the_bounds_are_those_that_are_promised() -> None:
    assert (RECEIVED, UNPACKED, SECONDS, DEPTH) == (32 * 2**20, 64 * 2**20, 120.0, 64)
    assert Bounds() == Bounds(RECEIVED, UNPACKED, SECONDS)


def test_a_run_does_not_wait_for_a_server_that_never_ends() -> None:
    """What was left behind keeps neither the client nor the process."""
    with server(endless(b" " * 10)) as (url, _):
        asking = client("squalomail", url, 0.2)
        for _ in range(3):
            with pytest.raises(ApiError, match=r"within|more than"):
                asking.send(Call("get-data", {"entity": "List"}))
        asking.close()
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "call")
