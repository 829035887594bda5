"""What a command says of one project, told to people who have many."""

import re
from functools import cache

from reconcile.cli.main import COMMANDS
from reconcile.providers import built_in

# Which commands of a project the fleet has of its own.
_OF_FLEETS = {
    "plan": "reconcile fleet run plan --account {key}",
    "plan -o FILE": "reconcile fleet run plan --account {key}",
    "drift": "reconcile fleet run drift --account {key}",
}
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def for_account(said: str, key: str) -> str:
    """A message in which each command to run names the fleet's account, and where flags go is said."""
    told = _command().sub(lambda match: _of_fleet(match[1], key), said)
    if _FLAG.search(_command().sub("", said)) and "reconcile fleet" not in told:
        told += f"\n  Flags are given by hand: reconcile fleet exec {key} apply"
    return told


def _of_fleet(command: str, key: str) -> str:
    return _OF_FLEETS.get(command, f"reconcile fleet exec {{key}} {command}").format(key=key)


@cache
def _command() -> re.Pattern[str]:
    of_providers = (command.name.partition(" ")[0] for provider in built_in().values() for command in provider.commands)
    names = "|".join(sorted({*COMMANDS, *of_providers} - {"fleet"}, key=len, reverse=True))
    return re.compile(rf"\breconcile ((?:{names})\b(?! (?:there|on this))(?: -o FILE)?)")
