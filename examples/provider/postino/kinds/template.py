"""A Postino template: the subject and HTML that letters begin with."""

from typing import Annotated, ClassVar

from pydantic import Field

from postino.rows import PostinoKind, Rows
from reconcile.model.attributes import Attributes
from reconcile.model.kind import ABSENT, Collection, Rule, Spec
from reconcile.providers.bodies import one_newline


class TemplateSpec(Spec):
    """What a manifest may declare about a template."""

    name: str = Field(min_length=1, max_length=100, description="The template's name.")
    subject: str = Field(ABSENT, max_length=200, description="Subject line.")
    html: Annotated[str, Rule(text=True, normalise=one_newline)] = Field(ABSENT, description="HTML content.")
    htmlFile: Annotated[str, Rule(file_of="html")] = Field(ABSENT, description="File with the HTML content.")


class PostinoTemplate(PostinoKind):
    """Templates are nobody's mail: what goes out is made from them by people."""

    kind = "template"
    plural = "templates"
    noun = "Template"
    spec = TemplateSpec
    collection: ClassVar[Collection] = Rows("templates", "getTemplates")
    defaults: ClassVar[Attributes] = {"subject": "", "html": ""}
