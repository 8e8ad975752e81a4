"""What names mean while a program is followed."""

from __future__ import annotations

from dataclasses import dataclass, field

from crossdock.jq.lineage.value import Value
from crossdock.jq.syntax import Function, Node, Param, Variable


@dataclass(slots=True, eq=False)
class Scope:
    """Variables stand for values, parameters for the arguments that they may be, functions for their homes."""

    values: dict[Variable, Value] = field(default_factory=dict)
    arguments: dict[Param, Arguments] = field(default_factory=dict)
    homes: dict[Function, Scope] = field(default_factory=dict)

    def copy(self) -> Scope:
        return Scope(dict(self.values), dict(self.arguments), dict(self.homes))

    def binding(self, variable: Variable, value: Value) -> Scope:
        inner = Scope(dict(self.values), self.arguments, self.homes)
        inner.values[variable] = value
        return inner

    def absorb(self, other: Scope, seen: set[tuple[int, int]] | None = None) -> bool:
        """Lets all names mean also what they mean in the other; whether that was anything new."""
        seen = set() if seen is None else seen
        if self is other or (id(self), id(other)) in seen:
            return False
        seen.add((id(self), id(other)))
        changed = False
        for variable, value in other.values.items():
            old = self.values.get(variable)
            new = value if old is None else old.joined(value).bounded()
            if new != old:
                self.values[variable] = new
                changed = True
        for param, arguments in other.arguments.items():
            mine = self.arguments.get(param)
            if mine is None:
                self.arguments[param] = arguments
                changed = True
            else:
                changed |= mine.absorb(arguments, seen)
        for function, home in other.homes.items():
            here = self.homes.get(function)
            if here is None:
                self.homes[function] = home
                changed = True
            else:
                changed |= here.absorb(home, seen)
        return changed


@dataclass(slots=True, eq=False)
class Arguments:
    """The filters that a parameter may stand for, each with the scope that it was written in."""

    nodes: dict[Node, Scope]

    def absorb(self, other: Arguments, seen: set[tuple[int, int]] | None = None) -> bool:
        changed = False
        if self is other:
            return False
        for node, scope in list(other.nodes.items()):
            mine = self.nodes.get(node)
            if mine is None:
                self.nodes[node] = scope
                changed = True
            else:
                changed |= mine.absorb(scope, seen)
        return changed
