"""The codes that findings have, read from the sources -> their page in the docs."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "reconcile"
_CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")
# What makes a finding from a code and a summary: the class, and what files have to make it shorter.
_MAKERS = re.compile(r"_?(?:Diagnostic|Fault|find|warn|finding|found|warning|refusal|refused|blocked)", re.IGNORECASE)


def page() -> str:
    """Each code, and what it is about."""
    known: dict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCES.rglob("*.py")):
        if path.relative_to(SOURCES).parts[0] != "sandbox":
            for code, summary in _codes(ast.parse(path.read_text(encoding="utf-8"))):
                known[code].add(summary)
    rows = [f"| `{code}` | {'; '.join(sorted(filter(None, found)))} |" for code, found in sorted(known.items())]
    intro = "Written from the code; don't edit it here. Each finding shows its code in brackets."
    return "\n".join(["# Codes of findings", "", intro, "", "| code | about |", "| --- | --- |", *rows, ""])


def _codes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            code, summary = (_text(argument) for argument in node.args[:2])
            if _MAKERS.fullmatch(name) and code and summary and _CODE.fullmatch(code):
                yield code, summary
        elif isinstance(node, ast.ClassDef):
            for member in node.body:
                target = getattr(member, "target", None) or next(iter(getattr(member, "targets", [])), None)
                code = _text(getattr(member, "value", None))
                if getattr(target, "id", "") == "code" and code and _CODE.fullmatch(code):
                    yield code, (ast.get_docstring(node) or "").split("\n")[0].rstrip(".")


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
