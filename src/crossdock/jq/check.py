"""Resolves names: every call and variable points to what it means, or the program is refused with a suggestion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from crossdock.jq.builtins.formats import FORMATS
from crossdock.jq.builtins.names import builtin_names, prelude
from crossdock.jq.builtins.registry import NATIVES
from crossdock.jq.errors import CompileError, RunError, Span
from crossdock.jq.generate.forms import FORMS
from crossdock.jq.hints import for_name
from crossdock.jq.syntax import (
    Bind,
    BreakTo,
    Call,
    Define,
    Foreach,
    Format,
    Function,
    Label,
    LabelName,
    Literal,
    Node,
    Param,
    Pattern,
    Reduce,
    Registered,
    Text,
    Var,
    Variable,
    pattern_variables,
    share_variables,
)  # fmt: skip
from crossdock.jq.walk import children, pattern_nodes

MAX_PROBLEMS = 20
_PATTERN_ARGUMENT = {"test", "match", "capture", "scan", "splits", "sub", "gsub"}


class Scope:
    """Names visible at a point, innermost last."""

    __slots__ = ("functions", "labels", "variables")

    def __init__(
        self,
        functions: Mapping[tuple[str, int], Function | Param],
        variables: Mapping[str, Variable],
        labels: Mapping[str, LabelName],
    ) -> None:
        self.functions = functions
        self.variables = variables
        self.labels = labels

    def with_functions(self, added: Iterable[tuple[tuple[str, int], Function | Param]]) -> Scope:
        return Scope({**self.functions, **dict(added)}, self.variables, self.labels)

    def with_variables(self, added: Iterable[Variable]) -> Scope:
        found = {variable.name: variable for variable in added}
        return Scope(self.functions, {**self.variables, **found}, self.labels) if found else self


class Checker:
    def __init__(self) -> None:
        self.registered: dict[str, Registered] = {}
        self.problems: list[CompileError] = []
        self._open: list[Function] = []

    def lend(self, functions: Mapping[str, Any]) -> None:
        """Makes functions of the host known."""
        for name, function in functions.items():
            self.registered[name] = Registered(name, bool(getattr(function, "takes_input", False)))

    def problem(self, message: str, span: Span) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(CompileError(message, span))

    def raise_problems(self) -> None:
        if self.problems:
            ordered = sorted(self.problems, key=lambda problem: problem.span.start)
            first = ordered[0]
            first.problems = tuple(ordered)
            raise first

    # -- walking

    def check(self, node: Node, scope: Scope) -> None:
        pending = [(node, scope)]
        while pending:
            node, scope = pending.pop()
            match node:
                case Call():
                    self.call(node, scope)
                    pending.extend((arg, scope) for arg in node.args)
                case Var():
                    self.variable(node, scope)
                case BreakTo():
                    self.break_(node, scope)
                case Define():
                    self.function(node.function, scope)
                    key = (node.function.name, len(node.function.params))
                    pending.append((node.body, scope.with_functions([(key, node.function)])))
                case Label():
                    labels = {**scope.labels, node.label.name: node.label}
                    pending.append((node.body, Scope(scope.functions, scope.variables, labels)))
                case Bind():
                    pending.append((node.source, scope))
                    pending.append((node.body, self.patterns(node.patterns, scope)))
                case Reduce():
                    pending.extend([(node.source, scope), (node.start, scope)])
                    pending.append((node.update, self.patterns(node.patterns, scope)))
                case Foreach():
                    pending.extend([(node.source, scope), (node.start, scope)])
                    inner = self.patterns(node.patterns, scope)
                    pending.append((node.update, inner))
                    if node.extract is not None:
                        pending.append((node.extract, inner))
                case Format():
                    self.format(node.name, node.at)
                case _:
                    if isinstance(node, Text) and node.format is not None:
                        self.format(node.format, node.at)
                    pending.extend((child, scope) for child in children(node))

    def function(self, function: Function, scope: Scope) -> None:
        own: list[tuple[tuple[str, int], Function | Param]] = [
            ((function.name, len(function.params)), function),
            *(((param.name, 0), param) for param in function.params),
        ]
        values = [param.variable for param in function.params if param.variable is not None]
        self._open.append(function)
        self.check(function.body, scope.with_functions(own).with_variables(values))
        self._open.pop()

    def patterns(self, patterns: list[Pattern], scope: Scope) -> Scope:
        """The scope of the body; with `?//` the body sees the variables of all patterns."""
        if len(patterns) > 1:
            shared: dict[str, Variable] = {}
            for pattern in patterns:
                share_variables(pattern, shared)
        for pattern in patterns:
            inner = scope.with_variables(pattern_variables(pattern))
            for key in pattern_nodes(pattern):
                self.check(key, inner)
        return scope.with_variables(v for pattern in patterns for v in pattern_variables(pattern))

    # -- names

    def call(self, node: Call, scope: Scope) -> None:
        key = (node.name, len(node.args))
        found = scope.functions.get(key)
        if isinstance(found, Function):
            node.target = found
            if found in self._open:
                found.recursive = True
        elif isinstance(found, Param):
            node.target = found
            found.called = True
        elif node.name in self.registered:
            node.target = self.registered[node.name]
        elif key in FORMS or key in NATIVES:
            self.pattern_argument(node)
        elif key in prelude():
            node.target = checked_prelude(key)
            self.pattern_argument(node)
        else:
            self.problem(self.unknown(node, scope), node.at)

    def pattern_argument(self, node: Call) -> None:
        """A regular expression that is written out is tried at once."""
        from crossdock.jq.builtins.regex import compiled

        if node.name not in _PATTERN_ARGUMENT and (node.name, len(node.args)) != ("split", 2):
            return
        if not node.args or not isinstance(node.args[0], Literal) or type(node.args[0].value) is not str:
            return
        flags = node.args[-1] if len(node.args) > (2 if "sub" in node.name else 1) else None
        given = flags.value if isinstance(flags, Literal) and type(flags.value) is str else ""
        if node.at.source.name == "<builtin>":
            return
        try:
            compiled(node.args[0].value, given if all(f in "gimnpslx" for f in given) else "")
        except RunError as error:
            if "not supported" in str(error.value) or "Regex failure" in str(error.value):
                self.problem(str(error.value), node.args[0].at)

    def unknown(self, node: Call, scope: Scope) -> str:
        known = {*scope.functions, *builtin_names()}
        given = f"{node.name}/{len(node.args)} is not defined"
        arities = sorted({arity for name, arity in known if name == node.name})
        if arities == [0]:
            return f"{given}; {node.name} takes no arguments, it works on its input: … | {node.name}"
        if arities:
            takes = " or ".join(map(str, arities))
            return f"{given}; {node.name} takes {takes} argument{'s' if takes != '1' else ''}"
        text = node.at.source.text
        if not node.args and node.at.start > 1 and text[node.at.start - 1] == "-" and text[node.at.start - 2].isalnum():
            return f'{given}; a field with a minus in its name stands in quotes: ."a-b"'
        return given + for_name(node.name, len(node.args), known | {(name, len(node.args)) for name in self.registered})

    def variable(self, node: Var, scope: Scope) -> None:
        found = scope.variables.get(node.name)
        if found is None:
            message = f"${node.name} is not defined"
            if close := get_close_matches(node.name, sorted(scope.variables), 1, 0.6):
                message += f"; did you mean ${close[0]}?"
            self.problem(message, node.at)
        node.variable = found

    def break_(self, node: BreakTo, scope: Scope) -> None:
        node.label = scope.labels.get(node.name)
        if node.label is None:
            message = f"there is no label ${node.name} around this break"
            if close := get_close_matches(node.name, sorted(scope.labels), 1, 0.6):
                message += f"; did you mean ${close[0]}?"
            self.problem(message, node.at)

    def format(self, name: str, at: Span) -> None:
        if name not in FORMATS:
            close = get_close_matches(name, sorted(FORMATS), 1, 0.5)
            hint = (
                f"; did you mean @{close[0]}?"
                if close
                else f"; there are {', '.join('@' + f for f in sorted(FORMATS))}"
            )
            self.problem(f"{name} is not a valid format{hint}", at)


_checked: set[tuple[str, int]] = set()


def checked_prelude(key: tuple[str, int]) -> Function:
    """A function of the prelude, resolved the first time it is asked for."""
    function = prelude()[key]
    if key not in _checked:
        _checked.add(key)
        checker = Checker()
        checker._open.append(function)
        checker.function(function, Scope({}, {}, {}))
        checker.raise_problems()
    return function


def top_scope(variables: Mapping[str, Any]) -> Scope:
    return Scope({}, variables, {})
