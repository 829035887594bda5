"""A state and the journal that goes on from it, wherever the two are kept: what they come to together."""

from dataclasses import dataclass

from reconcile.errors import StateError
from reconcile.state.codec import Codec
from reconcile.state.journal import replay
from reconcile.state.state import State
from reconcile.state.statefile import REBUILD, JournalHeader


@dataclass(frozen=True, slots=True)
class Names:
    """How messages call a state and its journal; ``apart`` is how to get the journal out of the way."""

    state: str
    journal: str
    apart: str
    way_out: str = REBUILD

    @property
    def way_out_of_line(self) -> str:
        """What to do about a damaged line of the journal."""
        return (
            f"Keep a copy of {self.journal} and mend it. Or {self.apart}, which loses what the last run recorded, and"
            f" then: {REBUILD}"
        )


def continued(names: Names, codec: Codec, state: State, header: JournalHeader, lines: bytes) -> State:
    """The state with its journal over it; the very same state if all of the journal is a part of it already.

    Raises:
        StateError: the journal is damaged, or is not this state's.
    """
    if not _goes_on_from(names, header, state):
        return state
    way_out = names.way_out_of_line
    try:
        return replay(state, codec.parse_entries(lines, header, names.journal, way_out))
    except ValueError as error:
        raise StateError(f"{names.journal} does not fit {names.state}: {error}.", hint=way_out) from error


def _goes_on_from(names: Names, journal: JournalHeader, state: State) -> bool:
    """Whether the journal goes on from this state; False if it is a part of it already."""
    if journal.lineage != state.lineage:
        raise StateError(
            f"{names.journal} belongs to another state than {names.state}: it has the lineage {journal.lineage}, and"
            f" the state {state.lineage}.",
            hint="Put back the state file that the journal was written for. Or, if the state file is the right"
            f" one, {names.apart}.",
        )
    if journal.serial > state.serial:
        raise StateError(
            f"{names.state} is older than its journal: it has the serial {state.serial}, and {names.journal} goes on"
            f" from serial {journal.serial}.",
            hint=f"Put back the state file with serial {journal.serial}. Or {names.apart},"
            f" which loses what it records, and then: {REBUILD}",
        )
    return journal.serial == state.serial
