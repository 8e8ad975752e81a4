"""Functions of the prelude that are written faster than by their definitions, and mean the same.

A shortcut gives the expression of the one output, or None where the definition has to do. Where several things are
wrong with an input, it may tell another one first.
"""

from __future__ import annotations

from collections.abc import Callable

from crossdock.jq.generate.access import index
from crossdock.jq.generate.basics import weight
from crossdock.jq.generate.core import Closure, Env, Ex, K, falsity, truth
from crossdock.jq.generate.forms import static_path
from crossdock.jq.generate.generator import Generator
from crossdock.jq.generate.natives import native_function
from crossdock.jq.generate.search import loops, search
from crossdock.jq.places import SAME
from crossdock.jq.syntax import Binary, Call, Comma, Identity, Iterate, Literal, Node, Param

Shortcut = Callable[[Generator, Call, Ex, Env], Ex | None]
SHORTCUTS: dict[tuple[str, int], Shortcut] = {}

UNROLLED_MEMBERS = 40
UNROLLED_WEIGHT = 30
UNROLLED_TESTS = 12


def shortcut(name: str, arity: int) -> Callable[[Shortcut], Shortcut]:
    def register(rule: Shortcut) -> Shortcut:
        SHORTCUTS[name, arity] = rule
        return rule

    return register


# -- with_entries: entries are taken apart where they are made


@shortcut("with_entries", 1)
def _with_entries(g: Generator, node: Call, v: Ex, env: Env) -> Ex:
    found = g.temp("{}", "dict")
    put = K(lambda entry: _put(g, found, entry), cheap=True)

    def each(key: Ex, value: Ex) -> None:
        shape = {"'key'": key, "'value'": value}
        g.many(node.args[0], g.made(f"{{'key': {key}, 'value': {value}}}", shape), env, put)

    members = g.shape(v)
    light = weight(node, UNROLLED_WEIGHT) < UNROLLED_WEIGHT
    if isinstance(members, dict) and light and len(members) <= UNROLLED_MEMBERS:
        for name, value in members.items():
            g.caches.append({})
            each(Ex(name, "str"), value)
            g.caches.pop()
        return found
    source = v if v.kind == "dict" else g.part(g.temp(f"{v} if type({v}) is dict else keyed({v})"), v, SAME)
    key, value = Ex(g.name("i"), "str" if v.kind == "dict" else None), Ex(g.name())
    g.part(value, source, key)
    with g.nested(f"for {key}, {value} in {g.over(source, '.items()')}:", 1):
        each(key, value)
    return found


def _put(g: Generator, found: Ex, entry: Ex) -> None:
    shape = g.shape(entry)
    if isinstance(shape, dict) and shape.keys() == {"'key'", "'value'"}:
        key, value = shape["'key'"], shape["'value'"]
        text = key if key.kind == "str" else f"{key} if type({key}) is str else entry_key({key}, st)"
        g.line(f"{found}[{text}] = {value}")
    else:
        g.line(f"put_entry({found}, {entry}, st)")


# -- any, all, IN: a loop that is left at the first answer, or tests in a row


@shortcut("any", 0)
def _any(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    return _decided(g, Iterate(node.at, Identity(node.at)), Identity(node.at), v, env, "or")


@shortcut("any", 1)
def _any_of(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    return _decided(g, Iterate(node.at, Identity(node.at)), node.args[0], v, env, "or")


@shortcut("any", 2)
def _any_such(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    return _decided(g, node.args[0], node.args[1], v, env, "or")


@shortcut("all", 0)
def _all(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    return _decided(g, Iterate(node.at, Identity(node.at)), Identity(node.at), v, env, "and")


@shortcut("all", 1)
def _all_of(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    return _decided(g, Iterate(node.at, Identity(node.at)), node.args[0], v, env, "and")


@shortcut("all", 2)
def _all_such(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    return _decided(g, node.args[0], node.args[1], v, env, "and")


@shortcut("IN", 1)
def _in(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    wanted, home = _argument(node.args[0], env)
    if isinstance(wanted, Comma) and all(isinstance(p, Literal) and type(p.value) is str for p in wanted.parts):
        texts = [g.literal(part.value) for part in wanted.parts if isinstance(part, Literal)]
        return g.pure(f"{v} in ({', '.join(texts)})", "bool")
    if g.single(wanted, home):
        return g.one(Binary(node.at, "==", node.args[0], Identity(node.at)), v, env)
    if loops(g, wanted, home) != 1:
        return None
    result = g.temp("False", "bool")

    def compare(ex: Ex) -> None:
        with g.nested(f"if equal({ex}, {v}, st):"):
            g.line(f"{result} = True")
            g.line("break")

    search(g, node.args[0], v, env, compare)
    return result


def _argument(node: Node, env: Env) -> tuple[Node, Env]:
    """What a parameter stands for, where that is known as a piece of program."""
    while isinstance(node, Call) and isinstance(node.target, Param):
        found = env.get(node.target)
        if not isinstance(found, Closure):
            break
        node, env = found.node, found.env
    return node, env


def _decided(g: Generator, source: Node, condition: Node, v: Ex, env: Env, op: str) -> Ex | None:
    """Whether the condition holds for any (`or`), or for all (`and`), of the source's outputs."""
    if not g.single(condition, env):
        return None
    parts, home = _argument(source, env)
    if isinstance(parts, Comma) and len(parts.parts) <= UNROLLED_TESTS and all(g.single(p, home) for p in parts.parts):
        return _in_a_row(g, parts.parts, lambda part: g.one(condition, g.one(part, v, home), env), op)
    if loops(g, source, env) != 1:
        return None
    result = g.temp("False" if op == "or" else "True", "bool")

    def test(ex: Ex) -> None:
        held = g.one(condition, ex, env)
        with g.nested(f"if {truth(held) if op == 'or' else falsity(held)}:"):
            g.line(f"{result} = {op == 'or'}")
            g.line("break")

    search(g, source, v, env, test)
    return result


def _in_a_row(g: Generator, parts: list[Node], tested: Callable[[Node], Ex], op: str) -> Ex:
    result = g.temp(truth(tested(parts[0])), "bool")
    for part in parts[1:]:
        with g.nested(f"if {'not ' if op == 'or' else ''}{result}:"):
            g.line(f"{result} = {truth(tested(part))}")
    return result


# -- del: of one path that is written out


@shortcut("del", 1)
def _del(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    target, _ = _argument(node.args[0], env)
    keys = static_path(g, target)
    if not keys:
        return None
    found = v
    for key in keys:  # what cannot be indexed is told as it is where the path is followed
        found = index(g, found, key)
    return g.temp(f"{native_function(g, 'delpaths', 1)}({v}, [[{', '.join(keys)}]], st)")


# -- add: by what there is to add


@shortcut("add", 0)
def _add(g: Generator, _node: Call, v: Ex, _env: Env) -> Ex:
    return g.temp(f"total({v}, st)")
