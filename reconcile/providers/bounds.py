"""The bounds of one call: how much may be received and unpacked, and how long it may take in all.

A server that sends a byte a second keeps every single read within its timeout, the headers too. So the exchange runs on
a thread of its own, and whoever waits for it stops waiting when the time is up; what the call did is unknown then.
"""

import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import httpx

RECEIVED = 32 * 2**20
UNPACKED = 64 * 2**20
_PIECE = 2**20  # bytes that are unpacked at a time
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


class TooMuch(OutOfBounds):
    """What came is larger than the bounds."""


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
        raise failed.pop()  # whoever keeps it, too, would be kept by its traceback, and the answer with them
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
            raise TooMuch(_too_large(limits.unpacked, "unpacked"))
        return answer.content
    unpacker = _unpacker(answer.headers.get("content-encoding", "").strip().lower())
    received, content = 0, bytearray()
    for chunk in answer.iter_raw():
        if over.is_set():
            raise OutOfBounds("did not answer in time")
        received += len(chunk)
        if received > limits.received:
            raise TooMuch(_too_large(limits.received, "received"))
        for piece in unpacker(chunk):
            content += piece
            if len(content) > limits.unpacked:
                raise TooMuch(_too_large(limits.unpacked, "unpacked"))
    return bytes(content)


_Unpacker = Callable[[bytes], Iterable[bytes]]


def _unpacker(encoding: str) -> _Unpacker:
    """What gives the content of each piece that was received, in small pieces: few bytes may unpack to gigabytes."""
    if encoding in ("", "identity"):
        return lambda chunk: (chunk,)
    if encoding in ("gzip", "x-gzip"):
        return _Inflating(zlib.MAX_WBITS | 16)
    if encoding == "deflate":
        return _Inflating(zlib.MAX_WBITS, -zlib.MAX_WBITS)
    raise OutOfBounds("sent an answer in an encoding that was not asked for")


class _Inflating:
    """Unpacks; "deflate" is sent with and without zlib's header, so there may be a second way."""

    def __init__(self, *ways: int) -> None:
        self._ways = list(ways)
        self._stream = zlib.decompressobj(self._ways.pop(0))

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            try:
                piece = self._stream.decompress(chunk, _PIECE)
            except zlib.error:
                if not self._ways:
                    raise OutOfBounds("sent an answer that can't be unpacked") from None
                self._stream = zlib.decompressobj(self._ways.pop(0))
                continue
            self._ways.clear()
            yield piece
            chunk = self._stream.unconsumed_tail


def _too_large(bound: int, what: str) -> str:
    return f"sent an answer of more than {bound // 2**20} MiB ({what})"
