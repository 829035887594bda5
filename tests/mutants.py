"""Write down what `make mutants` found: for each file, how many of its mutants a test of the planner noticed.

A mutant is one small change to the code. One that survives is a line that may be broken without any test of the pure
core noticing; other tests, through the engine and the emulator, may notice all the same.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs" / "mutants.md"
_KILLED, _SURVIVED, _TIMEOUT = (1, 3), 0, (-24, 24, 36, 152, 255)
_HEAD = """# Mutants of the planner

`make mutants` changes `planner/` and `model/` in every small way that mutmut knows, one at a time, and runs
`tests/planner` and `tests/model` against each change. This page is its last result. "No case" are functions that none
of these tests comes to: those of values that the platforms, the manifests or the reports use, which have their tests
there. "Not tried" are those that the run did not get to before it was ended.

| file | mutants | noticed | survived | no case | not tried |
| --- | ---: | ---: | ---: | ---: | ---: |
"""


def main(mutants: Path) -> None:
    rows = list(_rows(mutants))
    total: Counter[str] = sum((counted for _, counted in rows), Counter())
    lines = [_row(f"`{name}`", counted) for name, counted in rows] + [_row("**all**", total)]
    RESULT.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


def _rows(mutants: Path) -> Iterator[tuple[str, Counter[str]]]:
    for meta in sorted((mutants / "reconcile").glob("*/*.py.meta")):
        codes = json.loads(meta.read_text())["exit_code_by_key"].values()
        if codes:
            yield str(meta.relative_to(mutants)).removesuffix(".meta"), Counter(map(_verdict, codes))


def _verdict(code: int | None) -> str:
    if code in _KILLED or code in _TIMEOUT:
        return "noticed"
    if code is None:
        return "not tried"
    return "survived" if code == _SURVIVED else "no case"


def _row(name: str, counted: Counter[str]) -> str:
    cells = (name, counted.total(), counted["noticed"], counted["survived"], counted["no case"], counted["not tried"])
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
