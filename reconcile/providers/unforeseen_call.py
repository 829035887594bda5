"""Single calls of a platform that says nothing of them: its operation table alone judges, unless mail could go out."""

from reconcile.errors import Diagnostic
from reconcile.model.call import Call
from reconcile.model.call_review import CallReview, Rules
from reconcile.model.kind import Client, rules
from reconcile.providers import provider_named


def review(client: Client, call: Call, judged_by: Rules) -> CallReview:
    """Where campaigns go out by a date, nobody can tell here whether one is about to: nothing is written then."""
    provider = provider_named(client.account().type)
    if not any(rule.launches for kind in provider.kinds for rule in rules(kind.spec).values()):
        return CallReview()
    return CallReview(
        refusal=Diagnostic(
            "unforeseen-call",
            "nobody can tell what a call would do",
            f"{call.operation} is not made by hand: {provider.name} does not say which campaigns are about to go out.",
            hint="Declare what is to change, and use plan and apply.",
        )
    )


def aftermath(client: Client, call: Call, judged_by: Rules) -> Diagnostic | None:
    """Nothing is read back."""
    return None
