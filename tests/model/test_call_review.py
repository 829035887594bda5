"""Single calls are judged as plans are: what was sent is left alone, and so is what goes out within the freeze."""

import pytest

from reconcile.errors import Diagnostic
from reconcile.model.call_review import Rules
from reconcile.model.kind import Action, Change, Circumstances
from reconcile.model.resource import RemoteObject
from reconcile.providers.gatormail.kinds.campaign import GatorMailCampaign

NOW = 1_800_000_000.0


class Lenient(GatorMailCampaign):
    """A kind that refuses nothing of its own, so that all that is refused is refused for every kind."""

    def refusal(self, change: Change, circumstances: Circumstances) -> Diagnostic | None:
        return None


@pytest.mark.parametrize(("status", "code"), [("Finished", "frozen"), ("Active", None), ("InSetup", None)])
@pytest.mark.parametrize("action", [Action.UPDATE, Action.DELETE])
def test_what_was_sent_is_not_written_by_hand_either(status: str, action: Action, code: str | None) -> None:
    rules = Rules("gatormail", {"campaign": Lenient()}, Circumstances(NOW, 3600))
    live = RemoteObject("14001", {"name": "Launch"}, {"status": status})
    found = rules.refusal("campaign", live, action, {"name": "Launch"})
    assert (found.code if found is not None else None) == code


@pytest.mark.parametrize(("later", "near"), [(-1, True), (0, True), (3600, True), (3600.5, False)])
def test_the_freeze_begins_with_its_first_instant(later: float, near: bool) -> None:
    assert Circumstances(NOW, 3600).too_near(NOW + later) is near
