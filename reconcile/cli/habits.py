"""What people type from the habits of other tools, and what to type here."""

import re
from collections.abc import Sequence
from typing import Final

from reconcile.errors import Usage

# A command of another tool -> what to do here.
COMMANDS: Final = {
    "cancel": "reconcile apply",
    "check": "reconcile validate",
    "console": "reconcile api PROVIDER OPERATION",
    "create": "reconcile apply",
    "delete": "reconcile destroy",
    "deploy": "reconcile apply",
    "describe": "reconcile state show ADDR",
    "down": "reconcile destroy",
    "dump": "reconcile export DIR",
    "edit": "reconcile pull",
    "force-unlock": "reconcile state unlock",
    "format": "reconcile fmt",
    "get": "reconcile state list",
    "lint": "reconcile validate",
    "list": "reconcile state list",
    "log": "reconcile history",
    "logs": "reconcile history",
    "ls": "reconcile state list",
    "mv": "reconcile state mv ADDR NEW",
    "new": "reconcile init",
    "output": "reconcile state pull",
    "preview-plan": "reconcile plan",
    "providers": "reconcile api PROVIDER --help",
    "patch": "reconcile apply",
    "push": "reconcile apply",
    "refresh": "reconcile drift",
    "release": "reconcile apply",
    "replace": "reconcile apply --replace ADDR",
    "restore": "reconcile state rebuild",
    "rollout": "reconcile history",
    "rm": "reconcile state rm ADDR",
    "run": "reconcile apply",
    "serve": "reconcile sandbox",
    "status": "reconcile drift",
    "sync": "reconcile apply",
    "taint": "reconcile apply --replace ADDR",
    "unlock": "reconcile state unlock",
    "untaint": "reconcile plan",
    "undo": "reconcile history",
    "up": "reconcile apply",
    "validate-config": "reconcile validate",
    "verify": "reconcile validate",
    "watch": "reconcile preview",
    "version": "reconcile --version",
    "help": "reconcile --help",
    "workspace": "reconcile --env NAME plan",
    "test": "reconcile validate",
}

# An option of another tool, without its dashes and value -> the option here.
OPTIONS: Final = {
    "auto-approve": "--auto-approve",
    "cwd": "-C DIR",
    "chdir": "-C DIR",
    "config": "-C DIR",
    "config-file": "-C DIR",
    "context": "--env NAME",
    "destroy": "--destroy",
    "detailed-exitcode": "--detailed-exitcode",
    "directory": "-C DIR",
    "environment": "--env NAME",
    "input": "--no-input",
    "json": "--format json",
    "lock-timeout": "--lock-timeout S",
    "namespace": "--env NAME",
    "no-color": "--no-color",
    "out": "-o FILE",
    "only": "--target ADDR",
    "output": "--format json",
    "parallelism": "--parallelism N",
    "profile": "--env NAME",
    "refresh-only": "--refresh-only",
    "replace": "--replace ADDR",
    "stage": "--env NAME",
    "t": "--target ADDR",
    "target": "--target ADDR",
    "var": "--var NAME=VALUE",
    "workspace": "--env NAME",
    "y": "--auto-approve",
    "yes": "--auto-approve",
    "assume-yes": "--auto-approve",
    "force": "--auto-approve",
    "approve": "--auto-approve",
}

# An option that asks for another command, or for nothing that is here.
_OTHERWISE: Final = {
    "k": "All of `manifests/` is read; what differs by environment stands under `environments` in reconcile.yaml.",
    "kustomize": "What differs by environment stands under `environments` in reconcile.yaml; choose with --env NAME.",
    "reconfigure": "The state's place is `state` in reconcile.yaml; an environment can have its own.",
    "server-side": "Every apply compares with what is live; there is no other way.",
    "wait": "An apply ends when all is done, and was read back.",
    "rollback": "Go back in git and apply that; the plan shows what it undoes. A mail that was sent can't be undone.",
    "lenient": "What is wrong is told all in one run; nothing invalid is applied.",
    "generate-config-out": "`reconcile export DIR` writes manifests for what exists.",
    "all": "All of `manifests/` is applied; choose entries with --target ADDR.",
    "recursive": "All of `manifests/` is read, folders below it too.",
    "R": "All of `manifests/` is read, folders below it too.",
    "doit": "`reconcile apply` carries a plan out; `reconcile plan` only shows it.",
    "dry-run": "`reconcile plan` shows what apply would do, and changes nothing.",
    "whatif": "`reconcile plan` shows what apply would do, and changes nothing.",
    "f": "All of `manifests/` is read; choose entries with --target ADDR.",
    "filename": "All of `manifests/` is read; choose entries with --target ADDR.",
    "var-file": "Values that differ stand under `environments` in reconcile.yaml; choose one with --env NAME.",
    "lock": "The lock can't be left out; wait for it with --lock-timeout S.",
    "refresh": "What is live is read with every plan.",
    "prune": "What is taken out of the manifests is removed by every apply; `reconcile plan` shows it.",
    "upgrade": "There are no plug-ins to download: `reconcile validate` says whether the project is sound.",
    "backend-config": "The state's place is `state` in reconcile.yaml; an environment can have its own.",
    "migrate-state": "Move a state with `reconcile state pull` and `reconcile state push FILE`.",
}


_DIFF: Final = (
    "Two environments of the project are compared here, as in `reconcile diff staging production`; "
    "`reconcile plan` shows what an apply would change."
)
# A command, and an option that it has not -> what to do; without an option, whatever else is wrong with the line.
_FOR: Final = {
    ("destroy", "target"): "Take the entries out of the manifests and apply: `reconcile plan` shows what goes.",
    **dict.fromkeys((("diff", name) for name in ("", "f", "filename", "k")), _DIFF),
    ("show", ""): "`reconcile show FILE` renders a saved plan; `reconcile state show ADDR` what was applied.",
}
# What asks before it does something.
_ASKING: Final = frozenset(
    ("apply", "destroy", "adopt", "api", "audience", "ci", "doctor", "event", "import", "state", "datafeed", "fleet")
)
_GLOBAL: Final = ("-C", "--env", "--var", "--format", "--parallelism", "--lock-timeout")
_ADDRESS: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+$")
_FILE: Final = re.compile(r"(?:.*/)?(?:manifests/?|[^/]+\.ya?ml)$")


def hint_for(arguments: Sequence[str]) -> str | None:
    """What to type in place of the first argument that is another tool's; None if there is none."""
    arguments = _without_values(arguments)
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    for argument in arguments:
        if argument == "--":
            return None
        if not argument.startswith("-"):
            if command in ("plan", "apply", "destroy") and _ADDRESS.fullmatch(argument):
                return _FOR.get((command, "target"), "Choose entries with --target ADDR.")
            if command in ("plan", "apply", "validate") and argument != command and _FILE.fullmatch(argument):
                return _OTHERWISE["f"]
            continue
        name = argument.lstrip("-").partition("=")[0]
        if (command, name) in _FOR:
            return _FOR[command, name]
        if name in _OTHERWISE:
            return _OTHERWISE[name]
        known = OPTIONS.get(name)
        if known == "--auto-approve" and command not in _ASKING:
            return "Nothing is asked here; `reconcile apply --auto-approve` carries a plan out unasked."
        if known is not None and argument.partition("=")[0] != known.split()[0]:
            return f"Here it is {known}."
    return _FOR.get((command, ""))


def _without_values(arguments: Sequence[str]) -> list[str]:
    """The arguments but for the global options that take a value, and their values."""
    left: list[str] = []
    given = iter(arguments)
    for argument in given:
        if argument in _GLOBAL:
            next(given, None)
        else:
            left.append(argument)
    return left


def check(arguments: Sequence[str]) -> None:
    """Refuse another tool's long options behind a single dash: ``-out=x`` would be read as ``-o ut=x``.

    Raises:
        Usage: there is one.
    """
    for argument in arguments:
        if argument == "--":
            return
        name = argument.partition("=")[0]
        if len(name) > 2 and name[0] == "-" != name[1] and (name[1:] in OPTIONS or name[1:] in _OTHERWISE):
            raise Usage(f'There is no option "{name}".', hint=hint_for(_up_to(arguments, argument)))


def _up_to(arguments: Sequence[str], argument: str) -> list[str]:
    """The command and an argument of it."""
    command = [each for each in _without_values(arguments) if not each.startswith("-")][:1]
    return [*command, argument]


def hint_for_command(name: str) -> str | None:
    """What to type in place of another tool's command; None if it is not known."""
    known = COMMANDS.get(name)
    return None if known is None else f"Here it is `{known}`."
