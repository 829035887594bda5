"""Answers that have all their members and yet say two things: an error beside a result, rows and none of them.

What was done is not known then. A batch of activity like that may hold what nobody read, so it is never marked.
"""

from collections.abc import Mapping
from typing import Any, Final

from reconcile.providers.gatormail.contract import Contract, members
from reconcile.providers.gatormail.operations import GatorMailOperation
from reconcile.providers.shapes import described, misfit, says_error

_COUNTS: Final = ("total", "count", "record", "item", "rows")


def refuse_contradictions(
    contract: Contract, operation: GatorMailOperation, shape: str, answer: Mapping[str, Any]
) -> None:
    """Stop where an object contradicts itself.

    Raises:
        Misfit: it does.
    """
    known = members(shape)
    own = {contract.text(member.key).lower() for member in known.values()}
    # A thing with an id, such as an e-mail, may have a message of its own.
    said = says_error(answer, (contract.text("f.error.message"),), own | ({"message"} if "id" in known else set()))
    if said is not None:
        hint = "Run again later. If it stays, ask the platform's support what it means."
        raise misfit(operation.name, (), f" has an error beside other members ({said})", hint, answer)
    if operation.key == "op.datafeed.fetch" and contract.member("f.batch.records", answer) == []:
        _refuse_hidden_records(operation, {name: value for name, value in answer.items() if name.lower() not in own})


def _refuse_hidden_records(operation: GatorMailOperation, others: Mapping[str, Any]) -> None:
    """Stop where a batch without records tells of some."""
    for name, value in others.items():
        rows = isinstance(value, list) and value
        counted = type(value) in (int, float) and value > 0 and any(word in name.lower() for word in _COUNTS)
        if rows or counted:
            hint = "If records stand under another name, say so under the provider's contract: `f.batch.records`."
            fault = f" is {described(value)} while the batch has no records, so it is not marked as processed"
            raise misfit(operation.name, (name,), fault, hint)
