"""``graph``: what refers to what."""

import click

from reconcile.cli.options import global_options
from reconcile.cli.workspace import project
from reconcile.model.attributes import references


@click.command(epilog="Example: reconcile graph --as svg > graph.svg")
@click.option("--as", "language", type=click.Choice(["mermaid", "dot", "svg"]), default="mermaid", show_default=True)
@global_options
def graph(language: str) -> None:
    """The entries and what they refer to, as Mermaid, DOT or a drawing."""
    from reconcile.report import graph as drawn

    resources = project().manifests().resources
    edges = [
        (str(address), str(on))
        for address, resource in sorted(resources.items())
        for on in sorted(set(references(resource.attributes)))
    ]
    draw = {"mermaid": drawn.mermaid, "dot": drawn.dot, "svg": drawn.svg}[language]
    click.echo(draw([str(address) for address in sorted(resources)], edges))
