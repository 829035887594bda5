"""``graph``: what refers to what."""

import click

from reconcile.cli.options import global_options
from reconcile.cli.workspace import project
from reconcile.model.attributes import references


@click.command(epilog="Example: reconcile graph --as dot | dot -Tsvg > graph.svg")
@click.option("--as", "language", type=click.Choice(["mermaid", "dot"]), default="mermaid", show_default=True)
@global_options
def graph(language: str) -> None:
    """The entries and what they refer to, as Mermaid or DOT."""
    resources = project().manifests().resources
    edges = [
        (address, on)
        for address, resource in sorted(resources.items())
        for on in sorted(set(references(resource.attributes)))
    ]
    if language == "dot":
        click.echo("digraph reconcile {")
        for address in sorted(resources):
            click.echo(f'  "{address}";')
        for address, on in edges:
            click.echo(f'  "{address}" -> "{on}";')
        click.echo("}")
        return
    numbers = {address: f"n{number}" for number, address in enumerate(sorted(resources))}
    click.echo("graph LR")
    for address, node in numbers.items():
        click.echo(f'  {node}["{address}"]')
    for address, on in edges:
        click.echo(f"  {numbers[address]} --> {numbers[on]}")
