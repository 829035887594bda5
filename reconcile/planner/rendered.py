"""Mail that the platform makes from a template, where what came of it is looked at before it is scheduled.

The first plan makes the draft and schedules nothing. The next one shows what the platform made of the template, and
schedules it by an approval of its own (``policy.renderedSends: review``).
"""

from dataclasses import replace

from reconcile.model.kind import Kind
from reconcile.model.policy import Policy, RenderedSends
from reconcile.model.resource import RemoteObject, Resource
from reconcile.planner.plan import SendChange, Step
from reconcile.planner.requirements import review_requirements
from reconcile.planner.steps import launching

_LATER = (
    "It is made without a time to go out: the next plan shows what the platform made of the template and schedules it, "
    "with an approval of its own (policy.renderedSends: review)."
)


def is_looked_at(resource: Resource, kind: Kind, policy: Policy) -> bool:
    """Whether the entry's mail is made from a template and to go out, and somebody is to look at it before."""
    return (
        policy.rendered_sends is RenderedSends.REVIEW
        and not resource.external
        and bool(kind.computed(resource.attributes))
        and kind.due(resource.attributes) is not None
    )


def unscheduled(resource: Resource, kind: Kind) -> Resource:
    """The entry without what has its mail go out."""
    return replace(resource, attributes={**resource.attributes, **launching(kind)})


def to_be_scheduled(step: Step) -> Step:
    """A step that makes the mail and leaves it unscheduled, with a word on that."""
    return replace(step, note=" ".join(filter(None, (step.note, _LATER))))


def with_look(step: Step, resource: Resource, kind: Kind, live: RemoteObject | None) -> Step:
    """The step, where it schedules mail that has not been scheduled: with the mail, and needing somebody's word."""
    if live is None or step.send is None or SendChange.NEW not in step.send.changes:
        return step
    texts = {name: live.attributes.get(name) for name in kind.computed(resource.attributes)}
    made = {name: text for name, text in texts.items() if isinstance(text, str) and text}
    return replace(step, rendered=made, requires=(*step.requires, *review_requirements(step.address)))
