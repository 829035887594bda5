"""``init``: a project that applies to the sandbox as it stands."""

from pathlib import Path

import click

from reconcile.cli.key import key_file, make_key
from reconcile.cli.options import global_options, options
from reconcile.errors import InvalidInput

_FILES = {
    "reconcile.yaml": """\
version: 1

providers:
  squalomail:
    type: squalomail
    url: "sandbox:"  # the embedded emulator; the real one: https://api.squalomail.com/v1
    apiKey: "${env.SQUALOMAIL_API_KEY}"  # not needed in the sandbox
    # account: "4711"  # the app id that the key must belong to

variables:
  suffix: ""

environments:
  staging:
    variables: {suffix: " (test)"}

policy:
  freeze: 60m
  sends: ask
""",
    "manifests/newsletter.yaml": """\
squalomail:
  lists:
    news:
      name: News
      color: "#336699"
      published: true

  campaigns:
    hello:
      subject: "Hello${var.suffix}"
      bodyFile: emails/hello.html
      altBodyFile: emails/hello.txt
      fromEmail: news@example.com
      fromName: Example
      language: en
      lists: [news]
""",
    "emails/hello.html": """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Hello</title></head>
<body style="font-family: sans-serif">
  <h1>Hello {subtag:name}</h1>
  <p>This is the first mail that lives in git.</p>
  <p>{unsubscribe}Unsubscribe{/unsubscribe}</p>
</body>
</html>
""",
    "emails/hello.txt": """\
Hello {subtag:name}

This is the first mail that lives in git.
""",
    ".gitignore": """\
.reconcile/
*.plan
""",
}


@click.command(epilog="Example: reconcile init my-marketing && reconcile -C my-marketing apply")
@click.argument("folder", metavar="[DIRECTORY]", required=False, type=click.Path(file_okay=False, path_type=Path))
@global_options
def init(folder: Path | None) -> None:
    """Scaffold a project in DIRECTORY (default: here) that applies to the sandbox as it stands.

    In a project that is there already, it makes the project key, if that is missing.
    """
    root = folder or options().directory
    if (root / "reconcile.yaml").exists() and not key_file(root).exists():
        make_key(key_file(root))
        click.echo(
            f"Made the project key {key_file(root)}. Whoever runs the project needs the same one: see RECONCILE_KEY"
        )
        return
    there = [name for name in _FILES if (root / name).exists() and name != ".gitignore"]
    if there:
        raise InvalidInput(
            f"{root} already has {', '.join(there)}, and nothing is overwritten.", hint="Choose an empty folder."
        )
    try:
        for name, text in _FILES.items():
            path = root / name
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        make_key(key_file(root))
    except OSError as error:
        raise InvalidInput(f"The project can't be written to {root}: {error.strerror}.") from None
    where = "" if root == Path() else f"-C {root} "
    click.echo(f"Made a project in {root}. Next: reconcile {where}plan, then reconcile {where}apply")
