"""Change the pure core in every small way, and see whether a test of the planner notices: ``make mutants``.

mutmut makes the mutants: copies of the sources in which each function can be switched to one of its changed forms.
Trying them is done here, since a pytest run each would take hours: the tests are collected once, and each mutant is
tried in a fork, by those tests alone that come to its function, until one of them fails.

A mutant that survives is a line that may be broken without any test of the pure core noticing; other tests, through the
engine and the emulator, may notice all the same.
"""

import ast
import difflib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs" / "mutants.md"
MUTATED = ("planner", "model")
TESTS = ("tests/planner", "tests/model")
LONGEST = 20  # seconds of CPU that a mutant may take; one that hangs is noticed
EVERY = int(os.environ.get("EVERY", "1"))  # 10: one mutant in ten, for an answer in minutes
FIRST = int(os.environ.get("FIRST", "0"))  # 1: the second mutant of every ten, so that samples add up
LIMIT = float(os.environ.get("LIMIT", "inf"))  # seconds after which no other mutant is tried
_HEAD = """# Mutants of the planner

`make mutants` changes `planner/` and `model/` in every small way that mutmut knows, one at a time, and runs
`tests/planner` and `tests/model` against each change. This page is its last result. "No case" are functions that none
of these tests comes to: those of values that the platforms, the manifests or the reports use, which have their tests
there. "Not tried" are those that the run did not get to in the time that it was given.

| file | mutants | noticed | survived | no case | not tried |
| --- | ---: | ---: | ---: | ---: | ---: |
"""


def main() -> None:
    home = ROOT / "mutants"
    names = make(home)
    (home / "names.json").write_text(json.dumps(names))
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.mutants", "try"]
    subprocess.run(command, cwd=home, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    found: dict[str, str] = json.loads((home / "found.json").read_text())
    (home / "survivors.diff").write_text("\n".join(_differences(home, found)), encoding="utf-8")
    RESULT.write_text(_table(names, found), encoding="utf-8")
    print(f"{RESULT.read_text(encoding='utf-8')}\n{time.monotonic() - began:.0f} seconds; see mutants/survivors.diff")


def make(home: Path) -> dict[str, list[str]]:
    """A copy of the project with all mutants in it; their names by file."""
    from mutmut.mutation.file_mutation import mutate_file_contents  # type: ignore[import-not-found]

    shutil.rmtree(home, ignore_errors=True)
    for folder in ("reconcile", "tests", "schemas", "examples", "docs"):
        shutil.copytree(ROOT / folder, home / folder, ignore=shutil.ignore_patterns("__pycache__", ".reconcile"))
    shutil.copyfile(ROOT / "pyproject.toml", home / "pyproject.toml")
    names: dict[str, list[str]] = {}
    for package in MUTATED:
        for path in sorted((home / "reconcile" / package).glob("*.py")):
            relative = path.relative_to(home)
            mutated = mutate_file_contents(str(relative), path.read_text(encoding="utf-8"), None, set())
            path.write_text(mutated.code, encoding="utf-8")
            module = ".".join(relative.with_suffix("").parts)
            names[str(relative)] = [f"{module}.{name}" for name in mutated.mutant_names]
    chosen = set([name for found in names.values() for name in found][FIRST::EVERY])
    names = {file: [name for name in found if name in chosen] for file, found in names.items()}
    return {file: found for file, found in names.items() if found}


class Trials:
    """A pytest plugin that runs the collected tests once as they are, and then once for each mutant, in forks."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._current = "stats"
        self.found: dict[str, str] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        from mutmut.utils.format_utils import mangled_name_from_mutant_name  # type: ignore[import-not-found]

        by_function = self._undisturbed(session.items)
        running: dict[int, str] = {}
        end = time.monotonic() + LIMIT
        for name in self._names:
            if time.monotonic() > end:
                break
            items = by_function.get(mangled_name_from_mutant_name(name))
            if not items:
                self.found[name] = "no case"
                continue
            while len(running) >= (os.cpu_count() or 2):
                self._take_result(running)
            child = os.fork()
            if child == 0:
                self._current = name
                os._exit(_try(items))
            running[child] = name
        while running:
            self._take_result(running)
        return True

    def _undisturbed(self, items: Sequence[pytest.Item]) -> Mapping[str, list[pytest.Item]]:
        """The tests that come to each function, the quickest first."""
        from mutmut.mutation import trampoline  # type: ignore[import-not-found]

        reached: set[str] = set()
        trampoline.record_trampoline_hit = lambda name, caller=None: reached.add(name)
        # Asked at every call of every function, so it must be quick.
        trampoline.get_mutant_under_test = lambda: self._current
        taken: dict[pytest.Item, float] = {}
        functions: dict[str, list[pytest.Item]] = defaultdict(list)
        for number, item in enumerate(items):
            reached.clear()
            began = time.process_time()
            following = items[number + 1] if number + 1 < len(items) else None
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                raise pytest.UsageError(f"{item.nodeid} fails without any mutant")
            taken[item] = time.process_time() - began
            for name in reached:
                functions[name].append(item)
        return {name: sorted(found, key=taken.__getitem__) for name, found in functions.items()}

    def _take_result(self, running: dict[int, str]) -> None:
        child, status = os.wait()
        survived = os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0
        self.found[running.pop(child)] = "survived" if survived else "noticed"
        if len(self.found) % 25 == 0:
            Path("found.json").write_text(json.dumps(self.found))  # whatever ends the run, this is known
            print(len(self.found), dict(Counter(self.found.values())), flush=True)


def _try(items: Sequence[pytest.Item]) -> int:
    """Whether one of the tests fails with the mutant that is switched on: 1, else 0."""
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
    try:
        for number, item in enumerate(items):
            following = items[number + 1] if number + 1 < len(items) else None
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                return 1
    except BaseException:  # whatever ends the tests has noticed it
        return 1
    return 0


def trial() -> None:
    """In the copy: try all mutants."""
    names = json.loads(Path("names.json").read_text())
    chosen = [name for found in names.values() for name in found]
    random.Random(0).shuffle(chosen)  # a run that is cut short has looked at every file
    trials = Trials(chosen)
    options = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:randomly")
    code = pytest.main([*options, *TESTS], plugins=[trials])
    Path("found.json").write_text(json.dumps(trials.found))
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED, pytest.ExitCode.INTERRUPTED):
        raise SystemExit(int(code))


def _table(names: Mapping[str, Sequence[str]], found: Mapping[str, str]) -> str:
    rows = {f"`{file}`": Counter(found.get(name, "not tried") for name in mutants) for file, mutants in names.items()}
    rows["**all**"] = sum(rows.values(), Counter())
    columns = ("noticed", "survived", "no case", "not tried")
    lines = [
        "| " + " | ".join([file, *(f"{count:,}" for count in (row.total(), *(row[each] for each in columns)))]) + " |"
        for file, row in rows.items()
    ]
    sample = f"\nThis was a sample: one mutant in {EVERY} (`make mutants EVERY={EVERY}`).\n" if EVERY > 1 else ""
    return _HEAD + "\n".join(lines) + f"\n{sample}"


def _differences(home: Path, found: Mapping[str, str]) -> Iterator[str]:
    """What each survivor changes."""
    known: dict[str, dict[str, Any]] = {}
    for name in (name for name, verdict in found.items() if verdict == "survived"):
        module, _, function = name.rpartition(".")
        if module not in known:
            tree = ast.parse((home / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
            known[module] = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        original = f"{function.rpartition('_')[0]}_orig"
        texts = [ast.unparse(known[module][each]).split("\n")[1:] for each in (original, function)]
        yield f"# {name}"
        yield from (line for line in difflib.unified_diff(*texts, lineterm="", n=0) if line[:3] not in ("---", "+++"))


if __name__ == "__main__":
    (trial if sys.argv[1:] == ["try"] else main)()
