"""Every message that names a command: the command is run in the situation that printed it, and does what was said."""

import shutil
import time
from pathlib import Path

import pytest

from reconcile.planner.planfile import loads, plan_digest
from tests.cli.conftest import Project
from tests.cli.hints import ELSEWHERE, Situation, commands_in, flags_in, gathered, pattern_of, whole
from tests.cli.situations import ME, SETTINGS, SITUATIONS, number


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    made.write("reconcile.yaml", SETTINGS)
    (made.root / "manifests").mkdir()
    made.write(".reconcile/key", "cd" * 32)
    return made


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.hint[:60])
def test_what_a_message_tells_to_run_works(
    situation: Situation, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    situation.arrange(project)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + situation.later)
    said = printed(project, situation)
    assert said is not None, "it is not printed"
    told = [*commands_in(said), *([flag] for flag in flags_in(said) if flag.split()[0] not in situation.not_meant)]
    assert told, "it names no command"
    for index, chain in enumerate(told):
        copy = Project(tmp_path / f"copy{index}")
        shutil.copytree(project.root, copy.root)
        monkeypatch.chdir(copy.root)
        for command in chain:
            words = command.replace("=VALUE", f"={situation.fill.get('VALUE', '')}").split()
            arguments = filled(copy, situation, *(situation.trigger if words[0].startswith("--") else ()), *words)
            result = copy.run(*arguments)
            code = situation.codes.get(command.split()[0], 0)
            assert result.code == code, (arguments, result.out, result.err)
        if chain[0].startswith("--"):
            stays = situation.stays or not pattern_of(whole(situation.hint)).search(result.out + result.err)
        else:
            stays = situation.stays
        if not stays:
            assert printed(copy, situation) is None, f"{chain} did not settle it"


def printed(project: Project, situation: Situation) -> str | None:
    """The lines in which the message stands."""
    result = project.run(*filled(project, situation, *situation.trigger))
    text = result.out + result.err
    found = pattern_of(whole(situation.hint)).search(text)
    return text[found.start() : (text + "\n").index("\n", found.end())] if found else None


def filled(project: Project, situation: Situation, *words: str) -> list[str]:
    """The command as a person would give it."""
    name = " ".join(words[:2]) if words[0] == "state" else words[0]
    known = {"FILE": "new.plan", **situation.fill}
    return [_filled(project, known.get(word, word)) for word in [*words, *situation.beside.get(name, ())]]


def _filled(project: Project, word: str) -> str:
    if word == "DIGEST":
        return digest_of(project)
    return word.format(me=number(project, ME)) if "{me}" in word else word


def digest_of(project: Project) -> str:
    """The digest of the plan that was saved last."""
    path = max(project.root.glob("*.plan"), key=lambda file: (file.stat().st_mtime, file.name))
    return plan_digest(loads(path.read_bytes(), path.name))


def test_every_message_that_names_a_command_has_a_situation_or_a_reason_why_not() -> None:
    """A new one needs a Situation, in which its commands are run, or a word in ``ELSEWHERE`` on where they are."""
    known = {whole(part) for part in (*(situation.hint for situation in SITUATIONS), *ELSEWHERE)}
    missing = {hint: place for hint, place in gathered().items() if hint not in known}
    assert not missing
