"""The bounds of one call: how much may be received and unpacked, and how long it may take in all.

A server that sends a byte a second keeps every single read within its timeout, the headers too. So the exchange runs on
a thread of its own, and whoever waits for it stops waiting when the time is up; what the call did is unknown then.
"""

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import httpx

RECEIVED = 32 * 2**20
UNPACKED = 64 * 2**20
SECONDS = 120.0
# What we can unpack under a bound; nothing else is asked for.
ENCODINGS = "gzip, deflate"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes on the wire, bytes unpacked, seconds."""

    received: int = RECEIVED
    unpacked: int = UNPACKED
    seconds: float = SECONDS


class OutOfBounds(Exception):
    """A call went beyond a bound; the text says which, in words that follow the host's name."""


def exchange(http: httpx.Client, request: httpx.Request, bounds: Bounds | None = None) -> httpx.Response:
    """Send the request and give the answer with its whole content.

    Raises:
        OutOfBounds: it is too large, or takes too long. httpx.HTTPError: as ``httpx.Client.send``.
    """
    limits = bounds or Bounds()
    over = threading.Event()
    return _within(limits.seconds, over, lambda: _read(http, request, limits, over))


def _within(seconds: float, over: threading.Event, work: Callable[[], httpx.Response]) -> httpx.Response:
    """What the work gives, on a thread that is left behind when the time is up; ``over`` tells it then."""
    done: list[httpx.Response] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # whatever it is, it is for the caller
            failed.append(error)

    # A daemon: a server that never ends its answer must not keep the process.
    thread = threading.Thread(target=run, name="call", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:
        over.set()
    if failed:
        raise failed[0]
    if not done:
        raise OutOfBounds(f"did not answer in whole within {seconds:g} seconds")
    return done[0]


def _read(http: httpx.Client, request: httpx.Request, limits: Bounds, over: threading.Event) -> httpx.Response:
    answer = http.send(request, stream=True)
    try:
        content = _content(answer, limits, over)
    finally:
        answer.close()
    headers = [(name, value) for name, value in answer.headers.multi_items() if name.lower() != "content-encoding"]
    return httpx.Response(answer.status_code, headers=headers, content=content, request=request)


def _content(answer: httpx.Response, limits: Bounds, over: threading.Event) -> bytes:
    if answer.is_stream_consumed:  # an answer made in this process
        if len(answer.content) > limits.unpacked:
            raise OutOfBounds(_too_large(limits.unpacked, "unpacked"))
        return answer.content
    unpack = _unpacker(answer.headers.get("content-encoding", "").strip().lower())
    received, content = 0, bytearray()
    for chunk in answer.iter_raw():
        if over.is_set():
            raise OutOfBounds("did not answer in time")
        received += len(chunk)
        if received > limits.received:
            raise OutOfBounds(_too_large(limits.received, "received"))
        try:
            content += unpack(chunk, limits.unpacked + 1 - len(content))
        except zlib.error:
            raise OutOfBounds("sent an answer that can't be unpacked") from None
        if len(content) > limits.unpacked:
            raise OutOfBounds(_too_large(limits.unpacked, "unpacked"))
    return bytes(content)


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    if encoding in ("", "identity"):
        return lambda chunk, _: chunk
    if encoding in ("gzip", "x-gzip"):
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
    if encoding == "deflate":
        return _deflated()
    raise OutOfBounds("sent an answer in an encoding that was not asked for")


def _deflated() -> Callable[[bytes, int], bytes]:
    """Unpack "deflate", which servers send with and without zlib's header."""
    stream: list[zlib._Decompress] = []

    def unpack(chunk: bytes, largest: int) -> bytes:
        if stream:
            return stream[0].decompress(chunk, largest)
        stream.append(zlib.decompressobj())
        try:
            return stream[0].decompress(chunk, largest)
        except zlib.error:
            stream[0] = zlib.decompressobj(-zlib.MAX_WBITS)
            return stream[0].decompress(chunk, largest)

    return unpack


def _too_large(bound: int, what: str) -> str:
    return f"sent an answer of more than {bound // 2**20} MiB ({what})"
