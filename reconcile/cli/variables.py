"""The variables of a project: their values by the command line, the environment or the project file."""

from collections.abc import Mapping
from dataclasses import replace

from reconcile.cli.project_file import ProjectFile, members_of
from reconcile.manifests.interpolate import GivenText, Scope, Shaped, diagnose, evaluate
from reconcile.manifests.nodes import ListNode, MappingNode, Node, Scalar, ScalarNode
from reconcile.model.registry import nearest


class Variables:
    """Reads variables; ``given`` are those of ``--var``."""

    def __init__(self, file: ProjectFile, given: Mapping[str, str]) -> None:
        self._file = file
        self._given = given

    def values(self, effective: MappingNode) -> dict[str, Shaped]:
        """The value of each variable in this environment."""
        node = effective.members.get("variables")
        declared: dict[str, Shaped] = {}
        if isinstance(node, MappingNode):
            declared = {name: self._variable(name, member) for name, member in node.members.items()}
        for name in self._given:
            if name not in declared:
                close = nearest(name, declared)
                known = ", ".join(declared) or "none"
                hint = f'Did you mean "{close}"?' if close else f"The project's variables are: {known}."
                detail = f'There is no variable "{name}" to give a value with --var.'
                self._file.find("unknown-variable", "an unknown variable", detail, None, hint)
        return declared

    def check(self, base: MappingNode, layer: MappingNode, environment: str) -> None:
        """An environment gives other values to variables of the project; one that the project lacks is a typo."""
        known = members_of(base.members.get("variables"))
        overlay = layer.members.get("variables")
        for name in members_of(overlay).keys() - known.keys():
            assert isinstance(overlay, MappingNode)  # noqa: S101  # or there would be no members
            close = nearest(name, known)
            hint = f'Did you mean "{close}"?' if close else f"Add `{name}: null` to the project's `variables`."
            detail = f'"{environment}" gives a value to the variable "{name}", which the project does not have.'
            place = self._file.document.at(overlay.keys[name])
            self._file.find("unknown-variable", "an unknown variable", detail, place, hint)

    def evaluated(self, name: str, node: ScalarNode, text: str, *, lazy: bool) -> Scalar:
        """A variable's own value, which may come from the environment but not from other variables."""
        value, faults = evaluate(text, Scope({}, self._file.environ, replace(self._file.names, hidden=False)))
        faults = [fault for fault in faults if not (lazy and fault.code == "unset-environment")]
        if any(fault.code == "unknown-variable" for fault in faults):
            detail = f'The variable "{name}" can\'t be made from other variables, only from ${{env.NAME}}.'
            self._file.find("wrong-expression", "a wrong expression", detail, self._file.document.at(node.mark))
            faults = [fault for fault in faults if fault.code != "unknown-variable"]
        self._file.findings.extend(diagnose(faults, node, self._file.document, None))
        return "" if faults else value

    def _variable(self, name: str, node: Node) -> Shaped:
        for given_value in (
            self._given.get(name),
            self._file.environ.get(f"RECONCILE_VAR_{name}"),
            self._file.environ.get(f"RECONCILE_VAR_{name.upper().replace('-', '_')}"),
        ):
            if given_value is not None:
                return GivenText(given_value)
        return self._value_of(name, node)

    def _value_of(self, name: str, node: Node) -> Shaped:
        """The value of a variable, or of a part of it."""
        if isinstance(node, MappingNode):
            return {key: self._value_of(name, member) for key, member in node.members.items()}
        if isinstance(node, ListNode):
            return [self._value_of(name, item) for item in node.items]
        if not isinstance(node.value, str) or "${" not in node.value:
            return node.value
        return self.evaluated(name, node, node.value, lazy=False)
