"""A kind that SqualoMail does not have, as somebody would add it: one file, put into ``kinds`` by a scratch test.

It keeps segments as lists whose names begin with "Segment", so that the emulator needs no route of its own.
"""

from typing import Annotated

from pydantic import Field

from reconcile.model.kind import ABSENT, Row, Rule, Spec
from reconcile.providers.squalomail.kinds.campaign import CampaignSpec, SqualoMailCampaign
from reconcile.providers.squalomail.kinds.list import SqualoMailList

_lists = SqualoMailList.claims
SqualoMailList.claims = lambda self, row: _lists(self, row) and not _is_segment(row)  # type: ignore[method-assign]


def _is_segment(row: Row) -> bool:
    return str(row.data["name"]).startswith(("Segment", "Sample", "Another"))


class SegmentSpec(Spec):
    """What a manifest may declare about a segment."""

    name: str = Field(min_length=1, max_length=250, description="The segment's name.")
    description: str = Field(ABSENT, description="Whom it is about.")


class SqualoMailSegment(SqualoMailList):
    """People who have something in common."""

    kind = "segment"
    plural = "segments"
    spec = SegmentSpec

    def claims(self, row: Row) -> bool:
        """Whether an export takes it for a segment."""
        return _is_segment(row)


class LetterSpec(CampaignSpec):
    """A campaign that goes to segments."""

    segments: Annotated[list[str], Rule(unordered=True, readable=False, refers="segment")] = Field(
        ABSENT, description="The entries of `segments` who get it."
    )


class SqualoMailLetter(SqualoMailCampaign):
    """As a campaign."""

    kind = "letter"
    plural = "letters"
    spec = LetterSpec

    def claims(self, row: Row) -> bool:
        """An export takes it for a campaign."""
        return False
