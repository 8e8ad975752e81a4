"""`.name`, `.[key]`, `.[a:b]`, `.[]`."""

from __future__ import annotations

from crossdock.jq.generate.core import Env, Ex, K
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.syntax import Index, Iterate, Literal, Node, Slice


def field(g: Generator, v: Ex, key: Ex) -> Ex:
    """The value under a constant string key; asked once, reused afterwards."""
    known = g.cached(("field", str(v), str(key)))
    if known is not None:
        return known
    if v.kind == "dict":
        found = g.temp(f"{v}.get({key})")
    else:
        getter = g.cached(("getter", str(v)))
        if getter is None and g.cached(("asked", str(v))) is not None:
            getter = g.temp(f"{v}.get if type({v}) is dict else getter({v})")
            g.remember(("getter", str(v)), getter)
        if getter is not None:
            found = g.temp(f"{getter}({key})")
        else:
            found = g.temp(f"{v}.get({key}) if type({v}) is dict else get_field({v}, {key})")
            g.remember(("asked", str(v)), v)
    return g.remember(("field", str(v), str(key)), found)


def index(g: Generator, v: Ex, key: Ex) -> Ex:
    if not v.isidentifier() or v in ("None", "True", "False"):
        v = g.temp(v, v.kind)
    if key.kind == "str":
        if key.isidentifier():
            return g.temp(f"{v}.get({key}) if type({v}) is dict else get_field({v}, {key})")
        return field(g, v, key)
    if key.kind == "int" and key.isdigit():
        return g.temp(f"({v}[{key}] if len({v}) > {key} else None) if type({v}) is list else get_index({v}, {key})")
    if key.kind is None:
        return g.temp(f"{v}.get({key}) if type({v}) is dict and type({key}) is str else get({v}, {key}, st)")
    return g.temp(f"get({v}, {key}, st)")


@single_rule(Index)
def _index_single(g: Generator, node: Index, env: Env) -> bool:
    return g.single(node.target, env) and g.single(node.key, env)


@one_rule(Index)
def _index_one(g: Generator, node: Index, v: Ex, env: Env) -> Ex:
    chain: list[Index] = [node]
    while isinstance(chain[-1].target, Index):
        chain.append(chain[-1].target)
    keys = [g.one(part.key, v, env) for part in chain]
    found = g.one(chain[-1].target, v, env)
    for part, key in zip(reversed(chain), reversed(keys), strict=True):
        with g.at(part):
            found = index(g, found, key)
    return found


@many_rule(Index)
def _index_many(g: Generator, node: Index, v: Ex, env: Env, k: K) -> None:
    g.each([node.key, node.target], v, env, lambda found: k(_at(g, node, found[1], found[0])))


def _at(g: Generator, node: Node, v: Ex, key: Ex) -> Ex:
    with g.at(node):
        return index(g, v, key)


def _bounds(node: Slice) -> list[Node]:
    return [bound or Literal(node.at, None) for bound in (node.start, node.end)]


@single_rule(Slice)
def _slice_single(g: Generator, node: Slice, env: Env) -> bool:
    return all(g.single(part, env) for part in (node.target, *_bounds(node)))


@one_rule(Slice)
def _slice_one(g: Generator, node: Slice, v: Ex, env: Env) -> Ex:
    start, end = (g.one(bound, v, env) for bound in _bounds(node))
    return g.temp(f"get_slice({g.one(node.target, v, env)}, {start}, {end})")


@many_rule(Slice)
def _slice_many(g: Generator, node: Slice, v: Ex, env: Env, k: K) -> None:
    g.each(
        [*_bounds(node), node.target], v, env,
        lambda found: k(g.temp(f"get_slice({found[2]}, {found[0]}, {found[1]})")),
    )  # fmt: skip


def items(g: Generator, v: Ex) -> Ex:
    """The list of elements of an array or object, charged."""
    found = g.temp(v if v.kind == "list" else f"{v} if type({v}) is list else elements({v})", "list")
    g.charge(f"len({found}) + 1")
    return found


@single_rule(Iterate)
def _iterate_single(_g: Generator, _node: Iterate, _env: Env) -> bool:
    return False


@many_rule(Iterate)
def _iterate_many(g: Generator, node: Iterate, v: Ex, env: Env, k: K) -> None:
    def loop(target: Ex) -> None:
        with g.at(node):
            found = items(g, target)
            item = Ex(g.name())
            with g.nested(f"for {item} in {found}:", 1):
                k(item)

    g.many(node.target, v, env, K(loop, cheap=k.cheap))
