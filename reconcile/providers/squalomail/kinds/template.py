"""A SqualoMail template: a newsletter without lists, from which campaigns are made."""

from reconcile.model.kind import Row
from reconcile.providers.squalomail.newsletters import Newsletter, NewsletterSpec, is_draft_without_lists


class TemplateSpec(NewsletterSpec):
    """What a manifest may declare about a template."""


class SqualoMailTemplate(Newsletter):
    """Any newsletter can be one; what makes it a template is that others are made from it."""

    kind = "template"
    plural = "templates"
    spec = TemplateSpec
    exported = (
        "System mails are not exported. A newsletter that goes to no list and never went out is exported as a template."
    )

    def claims(self, row: Row) -> bool:
        return is_draft_without_lists(row)
