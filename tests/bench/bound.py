"""Lower bounds, each a program of its own that does what can't be left out, and nothing else.

``python -m tests.bench.bound plan ROOT URL CALLS``: the project's files parsed and hashed, the state decoded, the same
calls made with httpx alone, their answers decoded with orjson and hashed. ``calls URL CALLS THREADS``: the calls alone.
"""

import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import orjson
import yaml


def _files(root: Path) -> None:
    for path in [root / "reconcile.yaml", *sorted((root / "manifests").glob("*.yaml"))]:
        data = path.read_bytes()
        hashlib.sha256(data).digest()
        yaml.compose(data, Loader=yaml.CSafeLoader)
    for path in sorted((root / "emails").iterdir()):
        hashlib.sha256(path.read_bytes()).digest()
    state = root / ".reconcile" / "default" / "state.json"
    if state.exists():
        orjson.loads(state.read_bytes())


def _calls(url: str, calls: Path, threads: int) -> None:
    with httpx.Client(base_url=url, verify=False, limits=httpx.Limits(max_connections=threads)) as client:

        def call(one: tuple[str, str, str]) -> None:
            verb, target, body = one
            content = client.request(
                verb, target, content=body.encode() or None, headers={"Content-Type": "application/json"}, timeout=600
            ).content
            orjson.loads(content)
            hashlib.sha256(content).digest()

        made = orjson.loads(calls.read_bytes())
        if threads == 1:
            for one in made:
                call(one)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(call, made))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["plan", root, url, calls]:
            _files(Path(root))
            _calls(url, Path(calls), 1)
        case ["calls", url, calls, threads]:
            _calls(url, Path(calls), int(threads))
