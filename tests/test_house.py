"""The house stays one that a newcomer can walk through: imports point one way, docs are true, schemas are current."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from reconcile.cli import commands
from reconcile.cli.main import cli
from reconcile.manifests.load import PROJECT_FILE
from reconcile.manifests.schema import render_schemas
from reconcile.providers import built_in, provider_type
from tests.cli.conftest import COMMANDS, Project

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "reconcile").rglob("*.py"))

# Which way imports point: package -> what it may import of ours, itself aside.
ALLOWED = {
    "errors": set(),
    "disk": {"errors"},
    "masks": set(),
    "network": {"errors"},
    "hosts": {"network", "errors"},
    "sandbox": set(),
    "model": {"errors"},
    "mail": {"errors"},
    "manifests": {"mail", "model", "errors"},
    "planner": {"model", "errors"},
    "state": {"model", "network", "hosts", "disk", "errors"},
    "providers": {"model", "network", "hosts", "masks", "disk", "errors"},
    "report": {"planner", "mail", "model", "errors"},
    "review": {"report", "planner", "mail", "model", "errors"},
    "engine": {"mail", "manifests", "planner", "state", "model", "errors"},
    "doctor": {"model", "disk", "errors"},
    "cli": {
        "doctor",
        "disk",
        "engine",
        "errors",
        "hosts",
        "mail",
        "manifests",
        "masks",
        "model",
        "network",
        "planner",
        "providers",
        "report",
        "review",
        "sandbox",
        "state",
    },
    "fleet": {"cli", "disk", "errors", "manifests", "model", "planner", "providers", "report", "review", "state"},
    "ci": {"cli", "errors", "manifests", "network", "planner", "report", "state"},
    "testing": {"engine", "errors", "manifests", "model", "planner", "providers", "state"},
    "__main__": {"cli"},
    "__init__": set(),
}
OPERATIONS = {name for provider in built_in().values() for name in provider.operations}
# What of a provider stands on the sandbox.
EMULATORS = {"emulator.py", "emulated.py", "hosting.py"}
LONGEST_FILE, LONGEST_FUNCTION = 450, 60  # lines
# What is longer so far. Nothing may be added; what has become shorter leaves the list.
LONG_FILES = {
    "planner/steps.py",
    "state/journal.py",
    "state/postgresql.py",
    "state/statefile.py",
}
LONG_FUNCTIONS = {
    "engine/workflow.py: plan",
    "manifests/parse.py: build",  # one loop over all events, which must be quick
    "planner/make.py: make_plan",
    "planner/steps.py: step_for",
}
# Libraries that stay in one place, since they are heavy or would leave their mark everywhere.
ONLY_IN = {
    "click": {"ci", "cli", "fleet"},
    "temporalio": {"fleet"},
    "deepdiff": {"planner"},
    "httpx": {"ci", "network", "hosts", "providers", "testing", "sandbox", "cli", "state"},
    "ruamel": {"manifests"},
    "yaml": {"manifests", "providers", "sandbox"},
    "filelock": {"disk", "state"},
}


def imported(path: Path) -> Iterator[str]:
    """All modules that a file imports, in functions and for typing only too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def package(path: Path) -> str:
    parts = path.relative_to(ROOT / "reconcile").parts
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    here = package(path)
    for name in imported(path):
        top, _, rest = name.partition(".")
        if top == "reconcile" and rest:
            there = rest.split(".")[0]
            # A provider's emulator is the sandbox.
            allowed = ALLOWED[here] | (
                {"sandbox"} if path.name in ("emulator.py", "emulated.py", "hosting.py") else set()
            )
            assert there == here or there in allowed, f"{path} imports {name}"
        assert here in ONLY_IN.get(top, {here}), f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_generic_code_names_no_provider_and_no_operation(path: Path) -> None:
    parts = path.relative_to(ROOT / "reconcile").parts
    if parts[0] == "sandbox" or (parts[0] == "providers" and parts[1] in built_in()):
        return
    for name in imported(path):
        assert not [known for known in built_in() if known in name], f"{path} imports {name}"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = [known for known in built_in() if known in node.value.lower()]
            assert not found, (
                f"{path}:{node.lineno} names {found[0]}: what is about one platform belongs to its provider"
            )
            assert node.value not in OPERATIONS, f"{path}:{node.lineno} names the operation {node.value}"


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """All functions of a file by name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT / 'reconcile')}: {node.name}", node


def places(asks: Callable[[ast.AST], bool]) -> list[str]:
    """The functions of the package in which something is asked."""
    return [name for path in MODULES for name, function in functions(path) if any(map(asks, ast.walk(function)))]


def test_one_place_compares_with_the_freeze() -> None:
    def names_freeze(node: ast.AST) -> bool:
        return any("freeze" in (getattr(part, "attr", "") or getattr(part, "id", "")) for part in ast.walk(node))

    def compares(node: ast.AST) -> bool:
        return isinstance(node, ast.Compare) and names_freeze(node)

    assert places(compares) == ["model/kind.py: too_near"]


def test_one_place_gives_and_one_judges_the_right_to_send() -> None:
    def gives(node: ast.AST) -> bool:
        """Whether what the policy says of sends is looked at."""
        return isinstance(node, ast.Attribute) and ast.unparse(node) in ("Sends.ALLOW", "Sends.DENY")

    def judges(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "held" and isinstance(node.ctx, ast.Load)

    assert places(gives) == ["model/right_to_send.py: right_to_send"]
    assert places(judges) == ["model/right_to_send.py: lacks"]
    # Nobody goes by the flag or the policy alone.
    words = {"may_send", "policy.sends", "here.settings.policy.sends"}
    assert places(lambda node: isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in words) == []


def test_no_file_and_no_function_is_too_long_to_read() -> None:
    def name(path: Path) -> str:
        return str(path.relative_to(ROOT / "reconcile"))

    files = {name(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {path for path, lines in files.items() if lines > LONGEST_FILE} == LONG_FILES
    found = [each for path in MODULES for each in functions(path)]
    lengths = {where: (node.end_lineno or 0) - node.lineno + 1 for where, node in found}
    assert {where for where, lines in lengths.items() if lines > LONGEST_FUNCTION} == LONG_FUNCTIONS


def test_the_path_of_a_plan_imports_nothing_heavy() -> None:
    code = "import sys; import reconcile.cli.main; print(*{name.split('.')[0] for name in sys.modules})"
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists():
        python = Path(shutil.which("python3") or "python3")
    loaded = set(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"httpx", "deepdiff", "ruamel", "stamina", "pydantic", "yaml", "orjson"}


def test_schemas_are_current() -> None:
    for name, text in render_schemas(map(provider_type, built_in())).items():
        assert (ROOT / "schemas" / name).read_text() == text, f"run: reconcile schema -o schemas ({name})"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Example: " in result.output or 'Example: eval "' in result.output


def test_the_readme_names_every_command_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"^\| `([a-z-]+)[ `]", readme, re.MULTILINE))
    assert named == set(COMMANDS)


@pytest.mark.parametrize("text", [ROOT / "README.md", *sorted((ROOT / "examples").rglob("README.md"))], ids=str)
def test_commands_in_the_docs_exist(text: Path) -> None:
    for command in re.findall(r"^(?:\$ )?reconcile (?:-C \S+ |--env \S+ )*([a-z-]+)", text.read_text(), re.MULTILINE):
        assert command in COMMANDS, f"{text}: reconcile {command}"


@pytest.mark.parametrize(
    "name", sorted(path.name for path in (ROOT / "examples").iterdir() if (path / "reconcile.yaml").exists())
)
def test_examples_plan_apply_and_plan_empty(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / name, tmp_path / name, ignore=shutil.ignore_patterns(".reconcile"))
    project = Project(tmp_path / name)
    assert project.run("validate").code == 0
    assert project.run("fmt", "--check").code == 0
    applied = project.run("apply", "--auto-approve", "--allow-send")
    assert applied.code == 0, applied.err
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_help_knows_the_project_file_without_importing_manifests() -> None:
    assert commands.PROJECT == PROJECT_FILE


def test_a_project_of_one_platform_imports_no_other() -> None:
    code = (
        "import sys\nfrom reconcile.cli.main import run\n"
        "assert run(['-C', 'examples/quickstart', 'validate']) == 0\nprint(*sorted(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ended.stderr.split())
    assert "reconcile.providers.squalomail.kinds.list" in loaded
    assert not loaded & {"reconcile.providers.gatormail.client", "reconcile.sandbox"}


def test_a_plan_that_writes_no_mail_loads_no_check(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT / "examples" / "quickstart", project, ignore=shutil.ignore_patterns(".reconcile"))
    Project(project).run("apply", "--auto-approve", "--allow-send")
    plan = (
        f"import sys\nfrom reconcile.cli.main import run\nassert run(['-C', {str(project)!r}, 'plan']) == 0\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", plan], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ended.stderr.split())
    assert "reconcile.planner.make" in loaded
    assert not loaded & {"reconcile.mail.checks.links", "reconcile.mail.stand_ins", "deepdiff", "coloraide"}


def test_help_imports_no_command_and_no_model() -> None:
    code = (
        "import sys\nfrom reconcile.cli.main import run\nassert run(['--help']) == 0\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ended.stderr.split())
    assert not loaded & {"pydantic", "logging", "yaml", "httpx", "reconcile.cli.plan", "reconcile.manifests"}
    assert {name for name in loaded if name.startswith("reconcile.model.")} == {
        "reconcile.model.command",
        "reconcile.model.provider",
    }
