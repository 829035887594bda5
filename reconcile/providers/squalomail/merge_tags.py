"""What SqualoMail fills in a mail (reference: content tags of ``create-newsletter``; help page on custom fields)."""

from reconcile.model.provider import MergeTag

# What every recipient has beside the account's own fields.
_BUILT_IN = frozenset({"email", "name", "surname", "phone", "city", "country", "address", "zip", "gender", "company"})

MERGE_TAGS = (
    MergeTag(
        r"\{subtag:(?P<field>[A-Za-z0-9_.-]+)\}",
        "the recipient's value of a field, by its namekey",
        names="field",
        known=_BUILT_IN,
    ),
    MergeTag(r"\{unsubscribe\}", "opens a link to unsubscribe", closes=r"\{/unsubscribe\}", unsubscribes=True),
    MergeTag(r"\{/unsubscribe\}", "closes it"),
    MergeTag(r"\{modify\}", "opens a link to the recipient's own data", closes=r"\{/modify\}"),
    MergeTag(r"\{/modify\}", "closes it"),
    MergeTag(r"\{date:\d+\}", "the day's date, in one of the account's forms"),
)
