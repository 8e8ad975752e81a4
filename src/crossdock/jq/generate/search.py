"""Outputs of which only the first that fits is wanted: a loop that is left, where the outputs come from one loop."""

from __future__ import annotations

from collections.abc import Callable

from crossdock.jq.generate.core import Closure, Env, Ex, K
from crossdock.jq.generate.generator import Generator
from crossdock.jq.syntax import Call, Function, If, Index, Iterate, Node, Param, Pipe, Try

MAX_DEPTH = 50


def loops(g: Generator, node: Node, env: Env, depth: int = 0) -> int | None:
    """How many Python loops stand around what is done with an output, if it is written in one place; else None.

    An expression of no loop has one output or none.
    """
    if depth > MAX_DEPTH:
        return None
    if g.single(node, env):
        return 0
    match node:
        case Iterate():
            return _sum(loops(g, node.target, env, depth + 1), 1)
        case Index() if g.single(node.key, env):
            return loops(g, node.target, env, depth + 1)
        case Pipe():
            return _sum(loops(g, node.left, env, depth + 1), loops(g, node.right, env, depth + 1))
        case If() if g.single(node.condition, env) and _is_empty(node.otherwise):
            return loops(g, node.then, env, depth + 1)
        case Try(body=Iterate(target=target), handler=None) if g.single(target, env):
            return 1
        case Try(body=body, handler=None) if g.single(body, env):
            return 0
        case Call(name="first", args=[argument], target=None):
            return 0 if loops(g, argument, env, depth + 1) in (0, 1) else None
        case Call(target=Param() as param):
            found = env.get(param)
            return loops(g, found.node, found.env, depth + 1) if isinstance(found, Closure) else None
        case Call(target=Function() as function) if not function.recursive:
            if any(param.variable for param in function.params):
                return None
            given: dict[object, object] = {p: Closure(a, env) for p, a in zip(function.params, node.args, strict=True)}
            return loops(g, function.body, g.home(function, env).env.bound(given), depth + 1)
    return None


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right


def _is_empty(node: Node | None) -> bool:
    return isinstance(node, Call) and node.target is None and node.name == "empty"


def search(g: Generator, node: Node, v: Ex, env: Env, found: Callable[[Ex], None]) -> None:
    """Does `found` with each output until it says `break`; for expressions of one loop."""
    start = g.frame, g.frame.blocks

    def each(ex: Ex) -> None:
        assert (g.frame, g.frame.blocks) == (start[0], start[1] + 1)
        found(ex)

    g.many(node, v, env, K(each))
