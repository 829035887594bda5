"""What people type from the habits of other tools, and what to type here."""

from collections.abc import Sequence
from typing import Final

from reconcile.errors import Usage

# A command of another tool -> what to do here.
COMMANDS: Final = {
    "check": "reconcile validate",
    "console": "reconcile api PROVIDER OPERATION",
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
    "ls": "reconcile state list",
    "mv": "reconcile state mv ADDR NEW",
    "output": "reconcile state pull",
    "refresh": "reconcile drift",
    "restore": "reconcile state rebuild",
    "rm": "reconcile state rm ADDR",
    "run": "reconcile apply",
    "serve": "reconcile sandbox",
    "status": "reconcile drift",
    "sync": "reconcile apply",
    "taint": "reconcile apply --replace ADDR",
    "unlock": "reconcile state unlock",
    "untaint": "reconcile plan",
    "up": "reconcile apply",
    "verify": "reconcile validate",
    "version": "reconcile --version",
    "help": "reconcile --help",
    "workspace": "reconcile --env NAME plan",
    "test": "reconcile validate",
}

# An option of another tool, without its dashes and value -> the option here.
OPTIONS: Final = {
    "auto-approve": "--auto-approve",
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
    "output": "--format json",
    "parallelism": "--parallelism N",
    "profile": "--env NAME",
    "refresh-only": "--refresh-only",
    "replace": "--replace ADDR",
    "stage": "--env NAME",
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


def hint_for(arguments: Sequence[str]) -> str | None:
    """What to type in place of the first argument that is another tool's; None if there is none."""
    for argument in arguments:
        if argument == "--":
            return None
        if not argument.startswith("-"):
            continue
        name = argument.lstrip("-").partition("=")[0]
        if name in _OTHERWISE:
            return _OTHERWISE[name]
        known = OPTIONS.get(name)
        if known is not None and argument.partition("=")[0] != known.split()[0]:
            return f"Here it is {known}."
    return None


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
            raise Usage(f'There is no option "{name}".', hint=hint_for([argument]))


def hint_for_command(name: str) -> str | None:
    """What to type in place of another tool's command; None if it is not known."""
    known = COMMANDS.get(name)
    return None if known is None else f"Here it is `{known}`."
