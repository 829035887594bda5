"""``render``: a built mail on stdout."""

from typing import TYPE_CHECKING

import click

from reconcile.cli.options import global_options
from reconcile.cli.output import print_json, text_or_json
from reconcile.cli.workspace import Project, project
from reconcile.errors import InvalidInput
from reconcile.model.address import Address, parse_address

if TYPE_CHECKING:
    from reconcile.manifests.load import Manifests
    from reconcile.model.built_mail import BuiltMail


@click.command(epilog="Example: reconcile render shop.campaign.spring > spring.html")
@click.argument("address", metavar="ADDR")
@click.option("--text", "plain", is_flag=True, help="The plain text in place of the HTML.")
@click.option("--person", type=click.IntRange(1), metavar="N", help="Fill merge tags for the sample person N, from 1.")
@global_options
def render(address: str, plain: bool, person: int | None) -> None:
    """Print a mail as it goes out: parts in place, MJML rendered, styles inlined, a template filled in.

    Sample people are those of `samples` in reconcile.yaml, else invented ones.
    """
    from reconcile.engine.mails import built_mail, mail_addresses

    as_json = text_or_json() == "json"
    here = project()
    manifests = here.manifests()
    known = mail_addresses(manifests.resources, here.registry)
    mail = built_mail(mail_named(address, manifests, known), manifests.resources, here.registry)
    chosen = mail.text if plain else mail.html
    if as_json:
        print_json(_as_json(mail, manifests))
        return
    if chosen is None:
        raise InvalidInput(_without(mail, plain=plain), hint=_way_out(mail, plain=plain))
    if person is not None:
        chosen = _filled(here, chosen, person)
    click.echo(chosen, nl=not chosen.endswith("\n"))


def mail_named(text: str, manifests: "Manifests", known: list[Address]) -> Address:
    """The address of a mail.

    Raises:
        InvalidInput: no entry has it, or the entry is no mail.
    """
    from reconcile.model.registry import nearest

    try:
        address = parse_address(text)
    except ValueError as error:
        raise InvalidInput(f"{error}.") from None
    if address in known:
        return address
    near = nearest(text, map(str, known))
    hint = f'Did you mean "{near}"?' if near else "reconcile preview lists all mails."
    if address in manifests.resources:
        raise InvalidInput(f"{address} is no mail of this project's own, so there is nothing to show.", hint=hint)
    raise InvalidInput(f"The manifests have no {text}.", hint=hint)


def _filled(here: Project, text: str, number: int) -> str:
    from reconcile.review.samples import INVENTED, filled

    people = tuple(here.settings.samples) or INVENTED
    if number > len(people):
        raise InvalidInput(f"There are {len(people)} sample people.", hint="Declare more under `samples`.")
    return filled(text, people[number - 1])


def _without(mail: "BuiltMail", *, plain: bool) -> str:
    what = "plain text" if plain else "HTML"
    made = f" The platform makes it of {mail.template}." if mail.template is not None else ""
    return f"{mail.address} declares no {what}.{made}"


def _way_out(mail: "BuiltMail", *, plain: bool) -> str | None:
    if plain and mail.html is not None:
        return "Leave out --text for its HTML."
    return "Give --text for its plain text." if not plain and mail.text is not None else None


def _as_json(mail: "BuiltMail", manifests: "Manifests") -> dict[str, object]:
    resource = manifests.resources[mail.address]
    return {
        "address": str(mail.address),
        "subject": mail.subject,
        "html": mail.html,
        "text": mail.text,
        "template": str(mail.template) if mail.template is not None else None,
        "sources": list(mail.sources),
        "builders": {name: built.builder for name, built in sorted(resource.builds.items())},
    }
