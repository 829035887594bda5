"""Expressions in texts: ``${env.NAME}``, ``${env.NAME:-default}`` and ``${var.name}``; ``$${`` is a literal ``${``.

Nothing else is evaluated. What a text evaluates to may be secret, so no message shows it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from reconcile.errors import Diagnostic, Location
from reconcile.manifests.names import ALLOW_ENV, Names
from reconcile.manifests.nodes import Document, Scalar, ScalarNode
from reconcile.model.registry import nearest

# The value of a variable: a scalar, or a list or a mapping of such, which stands for a whole value only.
Shaped: TypeAlias = Any


class GivenText(str):
    """A text from outside the files (environment, ``--var``): converted where a number or a boolean is wanted."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What expressions may name. A variable that is None has no value: it must be given."""

    variables: Mapping[str, Shaped] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    names: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an expression; ``source`` is the expression as it was written."""

    code: str
    summary: str
    detail: str
    source: str
    hint: str | None = None


# The grammar as patterns for JSON Schemas: one expression alone, any text, a text with expressions in it.
_ENV: Final = r"env\.[A-Za-z_][A-Za-z0-9_]*(?::-(?:(?!\$\{)[^}])*)?"
_VAR: Final = r"var\.[A-Za-z_][A-Za-z0-9_-]*"
_EXPRESSION: Final = rf"\$\{{(?:{_ENV}|{_VAR})\}}"
_LITERAL: Final = r"\$\$\{|(?!\$\$?\{)[\s\S]"
SINGLE_PATTERN: Final = f"^{_EXPRESSION}$"
TEXT_PATTERN: Final = f"^(?:{_EXPRESSION}|{_LITERAL})*$"
EXPRESSION_PATTERN: Final = f"^(?:{_LITERAL})*{_EXPRESSION}(?:{_EXPRESSION}|{_LITERAL})*$"
ENVIRONMENT_TEXT_PATTERN: Final = rf"^(?:\$\{{{_ENV}\}}|{_LITERAL})*$"

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<inner>[^}]*)(?P<end>\}?)")
_INNER = re.compile(
    r"env\.(?P<env>[A-Za-z_][A-Za-z0-9_]*)(?P<otherwise>:-(?P<default>(?:(?!\$\{)[^}])*))?|var\.(?P<var>[A-Za-z_][A-Za-z0-9_-]*)",
)


def evaluate(text: str, scope: Scope) -> tuple[Shaped, list[Fault]]:
    """The value of a text, which has a type of its own if the text is one expression and nothing else."""
    faults: list[Fault] = []
    whole = _TOKEN.fullmatch(text)
    if whole is not None and whole["inner"] is not None:
        return _value(whole, scope, faults), faults

    def spelled(token: re.Match[str]) -> str:
        if token["inner"] is None:
            return "${"
        value = _value(token, scope, faults)
        if isinstance(value, list | dict):
            what = "a list" if isinstance(value, list) else "a mapping"
            detail = f"{token.group()} is {what}, which can't be a part of a text. Let it stand alone."
            faults.append(Fault("wrong-expression", "a wrong expression", detail, token.group()))
            return ""
        return _spelled(value)

    return _TOKEN.sub(spelled, text), faults


def has_expression(text: str) -> bool:
    """Whether a text has expressions, and not only literal ``$${``."""
    return any(token["inner"] is not None for token in _TOKEN.finditer(text))


def from_outside(text: str, scope: Scope) -> bool:
    """Whether the environment, or the command line, has a say in what a text evaluates to."""
    for token in _TOKEN.finditer(text) if "${" in text else ():
        inner = _INNER.fullmatch(token["inner"]) if token["inner"] is not None else None
        if inner is not None and (inner["env"] or isinstance(scope.variables.get(inner["var"]), GivenText)):
            return True
    return False


def literal(text: str) -> str:
    """The text that evaluates to this text."""
    return text.replace("${", "$${")


def check_syntax(text: str, scope: Scope) -> list[Fault]:
    """What is wrong with the expressions themselves, whether or not the environment has the names they use."""
    return [fault for fault in evaluate(text, scope)[1] if fault.code != "unset-environment"]


def _spelled(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _value(token: re.Match[str], scope: Scope, faults: list[Fault]) -> Shaped:
    inner = _INNER.fullmatch(token["inner"])
    if inner is None or not token["end"]:
        faults.append(_misspelt(token, scope))
        return None
    if inner["env"] is not None:
        return _from_environment(inner, token.group(), scope, faults)
    return _from_variables(inner["var"], token.group(), scope, faults)


def _from_environment(inner: re.Match[str], source: str, scope: Scope, faults: list[Fault]) -> Scalar:
    name = inner["env"]
    if scope.names.hides(name):
        faults.append(_secret(f"{name} is what signs us in", source))
        return None
    if not scope.names.may_read(name):
        detail = f"This project may not read {name} from the environment: {ALLOW_ENV} does not name it."
        hint = f"Where it is right, have it added to {ALLOW_ENV}, which is set outside the repository."
        faults.append(Fault("name-not-allowed", "a name that may not be read", detail, source, hint))
        return None
    value = scope.environ.get(name)
    # As in a shell, `:-` also stands in for an empty value.
    if inner["otherwise"] is not None and not value:
        return GivenText(inner["default"])
    if value is None:
        detail = f"The environment has no variable {name}. Set it, or give a default: ${{env.{name}:-default}}."
        faults.append(Fault("unset-environment", "an environment variable is not set", detail, source))
        return None
    return GivenText(value)


def _from_variables(name: str, source: str, scope: Scope, faults: list[Fault]) -> Shaped:
    if name not in scope.variables:
        detail = f'There is no variable "{name}". Declare it under `variables` in reconcile.yaml.'
        close = nearest(name, scope.variables)
        hint = f"Did you mean ${{var.{close}}}?" if close else None
        faults.append(Fault("unknown-variable", "an unknown variable", detail, source, hint))
        return None
    if scope.names.hides_variable(name):
        faults.append(_secret(f'The variable "{name}" holds what signs us in', source))
        return None
    value = scope.variables[name]
    if value is None:
        detail = f'The variable "{name}" has no value. Give one: --var {name}=VALUE, or RECONCILE_VAR_{name}.'
        faults.append(Fault("unset-variable", "a variable has no value", detail, source))
    return value


def _secret(what: str, source: str) -> Fault:
    detail = f"{what}. It would be told in every plan and stand at the platform, so it can't be used here."
    hint = "Write the value itself, or put what may be shown into a variable of its own."
    return Fault("secret-in-manifest", "a secret where everybody reads it", detail, source, hint)


def _misspelt(token: re.Match[str], scope: Scope) -> Fault:
    source, inner = token.group(), token["inner"].strip()
    forms = "An expression is ${env.NAME}, ${env.NAME:-default} or ${var.name}; a literal ${ is written $${."
    if not token["end"]:
        detail = f"The brace of this expression is not closed. {forms}"
        return Fault("wrong-expression", "a wrong expression", detail, source)
    hint = None
    if _INNER.fullmatch(inner):
        hint = f"Leave out the spaces: ${{{inner}}}."
    elif inner in scope.variables:
        hint = f"Did you mean ${{var.{inner}}}?"
    elif re.fullmatch(r"[A-Z_][A-Z0-9_]*", inner):
        hint = f"Did you mean ${{env.{inner}}}?"
    elif inner.partition(".")[0] in ("vars", "variable", "variables"):
        hint = f"Did you mean ${{var.{inner.partition('.')[2]}}}?"
    detail = f"{source} is no expression that can be evaluated. {forms}"
    return Fault("wrong-expression", "a wrong expression", detail, source, hint)


def diagnose(faults: list[Fault], node: ScalarNode, document: Document, address: str | None) -> list[Diagnostic]:
    """The faults of a node's text as findings, each at its own place if the file spells it there."""
    findings = []
    text, start = document.text, node.mark.index
    # Counted on from one to the next: a value may have as many faults as it has characters.
    first = line = text.count("\n", 0, start)
    last, seen = first + node.raw.count("\n") + 1, start
    for fault in faults:
        location = document.at(node.mark)
        found = text.find(fault.source, start)
        if found >= 0 and (there := line + text.count("\n", seen, found)) <= last:
            line, seen = there, found
            location = Location(document.file, line + 1, found - text.rfind("\n", 0, found))
            start = found + len(fault.source)
        findings.append(Diagnostic(fault.code, fault.summary, fault.detail, address, location, fault.hint))
    return findings


def converted(text: str, wanted: frozenset[type]) -> Scalar:
    """A text from outside as the boolean or number that is wanted; the text itself where it is none."""
    if str in wanted:
        return str(text)
    if bool in wanted and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if int in wanted and re.fullmatch(r"[-+]?[0-9]{1,100}", text):
        return int(text)
    if float in wanted and re.fullmatch(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", text):
        return float(text)
    return str(text)
