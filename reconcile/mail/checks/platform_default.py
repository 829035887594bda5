"""What a create takes from the platform's defaults although the template says something else."""

from collections.abc import Iterator

from reconcile.mail.checks.check import Check, Found, Mail, Severity, listed


def _look(mail: Mail) -> Iterator[Found]:
    if mail.goes_out and mail.template is not None and mail.undeclared:
        names = listed([f"`{name}`" for name in mail.undeclared])
        one = len(mail.undeclared) == 1
        yield Found(
            f"The template {mail.template.address} declares {names} and this entry does not: the platform takes its own"
            f" {'default' if one else 'defaults'}, not the template's.",
            hint=f"Declare {'it' if one else 'them'} here, too, or under `defaults` in reconcile.yaml.",
        )


CHECK = Check(
    "platform-default",
    Severity.WARNING,
    "a value that does not come along from the template",
    "The mail goes out in the account's language, from the account's sender.",
    _look,
    bad={"subject": "x", "template": "<p>x</p>", "undeclared": ("language",)},
    good={"subject": "x", "template": "<p>x</p>"},
)
