"""What GatorMail fills in a mail (reference: merge markers seen in sample HTML; contact fields by inference)."""

from reconcile.model.provider import MergeTag

MERGE_TAGS = (
    MergeTag(
        r"#\[(?:[Cc][Oo][Nn][Tt][Ee][Nn][Tt]/)?(?P<field>[A-Za-z0-9_ ]+)\]#",
        "the contact's value of an attribute, or a merge field of a trigger",
    ),
    MergeTag(r"\{Content/[A-Za-z]*[Uu]nsubscribe[A-Za-z]*\}", "the address to unsubscribe at", unsubscribes=True),
    MergeTag(r"\{Content/[A-Za-z]+\}", "a link or a value that the platform makes, such as {Content/EMailLink}"),
)
