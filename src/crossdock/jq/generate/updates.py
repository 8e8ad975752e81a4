"""Assignment: = |= += -= *= /= %= //=."""

from __future__ import annotations

from crossdock.jq.generate.access import items
from crossdock.jq.generate.core import Env, Ex, K, falsity
from crossdock.jq.generate.forms import is_values, static_path
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.generate.operators import binary
from crossdock.jq.generate.paths import arrived
from crossdock.jq.places import ELEMENT
from crossdock.jq.syntax import Assign


@single_rule(Assign)
def _single(g: Generator, node: Assign, env: Env) -> bool:
    return node.op == "|=" or g.single(node.value, env)


@one_rule(Assign)
def _one(g: Generator, node: Assign, v: Ex, env: Env) -> Ex:
    if node.op == "|=":
        return _modify(g, node, v, env)
    return _with_value(g, node, v, env, g.one(node.value, v, env))


@many_rule(Assign)
def _many(g: Generator, node: Assign, v: Ex, env: Env, k: K) -> None:
    g.many(node.value, v, env, K(lambda ex: k(_with_value(g, node, v, env, ex)), cheap=k.cheap))


def _paths(g: Generator, node: Assign, v: Ex, env: Env) -> Ex:
    """A Python list of the paths to change, as tuples."""
    found = g.temp("[]")

    def keep(p: Ex, w: Ex) -> None:
        arrived(g, p, w)
        g.line(f"{found}.append({p})")

    g.paths(node.target, Ex("()", "path"), v, env, keep)
    return found


def _with_value(g: Generator, node: Assign, v: Ex, env: Env, value: Ex) -> Ex:
    """Every operator but `|=`, for one output of the right side."""
    keys = static_path(g, node.target)
    if keys is not None and (part := _part(g, v, keys)) is not None:
        return _replaced(g, v, keys, value if node.op == "=" else _operated(g, node, part, value))
    if node.op == "=":
        if keys is not None:
            return g.temp(f"set_path({v}, ({_tuple(keys)}), {value}, st)")
        return g.temp(f"assign({v}, {_paths(g, node, v, env)}, {value}, st)")
    if keys is not None:
        old = _get(g, v, keys)
        return g.temp(f"set_path({v}, ({_tuple(keys)}), {_operated(g, node, old, value)}, st)")
    name, old = g.name("k"), Ex(g.name("v"))
    with g.function(f"{name}({old})"):
        g.line(f"return {_operated(g, node, old, value)}")
    return g.temp(f"modify({v}, {_paths(g, node, v, env)}, {name}, st)")


def _part(g: Generator, v: Ex, keys: list[Ex]) -> Ex | None:
    """What stands under the key in an object whose making is in sight."""
    shape = g.shape(v)
    return shape.get(keys[0]) if isinstance(shape, dict) and len(keys) == 1 else None


def _replaced(g: Generator, v: Ex, keys: list[Ex], value: Ex) -> Ex:
    shape = g.shape(v)
    assert isinstance(shape, dict)
    changed = {**shape, keys[0]: value}
    return g.made(f"{{{', '.join(f'{key}: {part}' for key, part in changed.items())}}}", changed)


def _operated(g: Generator, node: Assign, old: Ex, value: Ex) -> Ex:
    if node.op == "//=":
        return g.temp(f"{value} if {falsity(old)} else {old}")
    return binary(g, node.op[:-1], old, value)


def _tuple(keys: list[Ex]) -> str:
    return "".join(f"{key}, " for key in keys)


def _get(g: Generator, v: Ex, keys: list[Ex]) -> Ex:
    from crossdock.jq.generate.access import index

    for key in keys:
        v = index(g, v, key)
    return v


def _modify(g: Generator, node: Assign, v: Ex, env: Env) -> Ex:
    keys = static_path(g, node.target)
    single = g.single(node.value, env)
    if keys is not None and single and (part := _part(g, v, keys)) is not None:
        return _replaced(g, v, keys, g.one(node.value, part, env))
    if keys is not None and single:
        new = g.one(node.value, _get(g, v, keys), env)
        return g.temp(f"set_path({v}, ({_tuple(keys)}), {new}, st)")
    if is_values(node.target) and single:
        return _modify_values(g, node, v, env)
    name, old = g.name("k"), Ex(g.name("v"))
    with g.function(f"{name}({old})"):
        if single:
            g.line(f"return {g.one(node.value, old, env)}")
        else:
            with g.nested(f"for {(new := Ex(g.name()))} in {g.pull(node.value, old, env)}:", 1):
                g.line(f"return {new}")
            g.line("return NOTHING")
    return g.temp(f"modify({v}, {_paths(g, node, v, env)}, {name}, st)")


def _modify_values(g: Generator, node: Assign, v: Ex, env: Env) -> Ex:
    """`.[] |= f` where f has one output."""
    values = items(g, v)
    found, item = g.temp("[]", "list"), g.part(Ex(g.name()), values, ELEMENT)
    with g.nested(f"for {item} in {g.over(values)}:", 1):
        g.line(f"{found}.append({g.one(node.value, item, env)})")
    if v.kind == "list":
        return found
    rebuilt = f"dict(zip({v}, {found}))"
    return g.temp(rebuilt if v.kind == "dict" else f"{found} if type({v}) is list else {rebuilt}", v.kind)
