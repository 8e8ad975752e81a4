"""`.name`, `.[key]`, `.[a:b]`, `.[]`."""

from __future__ import annotations

from typing import Any

from crossdock.jq.generate.core import Env, Ex, K
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.places import ELEMENT, SAME
from crossdock.jq.syntax import Index, Iterate, Literal, Node, Object, Slice

UNROLLED = 6
"""A loop over an array that is written out with no more elements than this is written out as well."""


def field(g: Generator, v: Ex, key: Ex) -> Ex:
    """The value under a constant string key. What kind of value `v` is is asked once, each key is asked once."""
    shape = g.shape(v)
    if isinstance(shape, dict):
        return shape.get(key, Ex("None", "null"))
    known = g.cached(("field", v, key))
    return known or g.remember(("field", v, key), g.part(g.temp(f"{_members(g, v, key)}.get({key})"), v, key))


def _members(g: Generator, v: Ex, key: Ex) -> Ex:
    """`v` as a dict: null is an empty one, and anything else is an error."""
    if v.kind == "dict":
        return v
    known = g.cached(("members", v))
    test = f"{v} if type({v}) is dict else members({v}, {key})"
    return known or g.remember(("members", v), g.part(g.temp(test, "dict"), v, SAME))


def _element(g: Generator, v: Ex, at: int) -> Ex:
    """The element at a constant position from the left, or the last one."""
    shape = g.shape(v)
    if isinstance(shape, list) and -len(shape) <= at < len(shape):
        return shape[at]
    found = v
    if v.kind != "list":
        test = f"{v} if type({v}) is list else sequence({v}, {at})"
        found = g.cached(("sequence", v)) or g.remember(("sequence", v), g.part(g.temp(test, "list"), v, SAME))
    enough = found if at in (0, -1) else f"len({found}) > {at}"
    return g.part(g.shared(f"{found}[{at}] if {enough} else None"), v, str(at))


def index(g: Generator, v: Ex, key: Ex) -> Ex:
    if not v.isidentifier() or v in ("None", "True", "False"):
        v = g.pure(v, v.kind)
    if key.kind == "str":
        if key.isidentifier():
            return g.part(g.temp(f"{_members(g, v, key)}.get({key})"), v, key)
        return field(g, v, key)
    if key.kind == "int" and (key.isdigit() or key == "(-1)"):
        return _element(g, v, int(key.strip("()")))
    call = f"get({v}, {key}, st)"
    test = f"{v}.get({key}) if type({v}) is dict and type({key}) is str else {call}"
    return g.part(g.temp(test if key.kind is None else call), v, key)


@single_rule(Index)
def _index_single(g: Generator, node: Index, env: Env) -> bool:
    return g.single(node.target, env) and g.single(node.key, env)


@one_rule(Index)
def _index_one(g: Generator, node: Index, v: Ex, env: Env) -> Ex:
    chain: list[Index] = [node]
    while isinstance(chain[-1].target, Index):
        chain.append(chain[-1].target)
    keys = [g.one(part.key, v, env) for part in chain]
    if (table := _table(chain[-1].target)) is not None:
        found = _looked_up(g, table, keys.pop())
        chain.pop()
    else:
        found = g.one(chain[-1].target, v, env)
    for part, key in zip(reversed(chain), reversed(keys), strict=True):
        with g.at(part):
            found = index(g, found, key)
    return found


def _table(node: Node) -> dict[str, Any] | None:
    """The object that is written out, of texts and numbers: what it gives can be kept, and it is made once."""
    if not isinstance(node, Object) or not node.entries:
        return None
    pairs = [(key, value) for key, value in node.entries if isinstance(key, Literal) and isinstance(value, Literal)]
    if len(pairs) < len(node.entries) or any(type(key.value) is not str for key, _ in pairs):
        return None
    found = {key.value: value.value for key, value in pairs}
    return None if any(type(value) in (list, dict) for value in found.values()) else found


def _looked_up(g: Generator, table: dict[str, Any], key: Ex) -> Ex:
    name = g.constant(table)
    plain = f"{name}.get({key})"
    return g.temp(plain if key.kind == "str" else f"{plain} if type({key}) is str else get({name}, {key}, st)")


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
    return _sliced(g, g.one(node.target, v, env), start, end)


def _sliced(g: Generator, v: Ex, start: Ex, end: Ex) -> Ex:
    known = (start.kind == "null" or _is_digits(start)) and _is_digits(end)
    if not known or "-" in start + end or len(end) > 3:  # it may be long, and then counts
        return g.temp(f"get_slice({v}, {start}, {end}, st)")
    plain = f"{v}[{'' if start.kind == 'null' else start}:{end}]"
    if v.kind in ("str", "list"):
        return g.shared(plain, v.kind)
    return g.shared(f"{plain} if type({v}) is str else get_slice({v}, {start}, {end}, st)")


def _is_digits(ex: Ex) -> bool:
    return ex.kind == "int" and ex.strip("(-)").isdigit()


@many_rule(Slice)
def _slice_many(g: Generator, node: Slice, v: Ex, env: Env, k: K) -> None:
    g.each(
        [*_bounds(node), node.target], v, env,
        lambda found: k(_sliced(g, found[2], found[0], found[1])),
    )  # fmt: skip


def items(g: Generator, v: Ex) -> Ex:
    """The list of elements of an array or object."""
    found = v
    if v.kind != "list":
        test = f"list({v}.values())" if v.kind == "dict" else f"{v} if type({v}) is list else elements({v})"
        found = g.cached(("items", v)) or g.remember(("items", v), g.part(g.temp(test, "list"), v, SAME))
    return found


@single_rule(Iterate)
def _iterate_single(_g: Generator, _node: Iterate, _env: Env) -> bool:
    return False


@many_rule(Iterate)
def _iterate_many(g: Generator, node: Iterate, v: Ex, env: Env, k: K) -> None:
    def loop(target: Ex) -> None:
        shape = g.shape(target)
        if shape is not None and len(shape) <= UNROLLED and k.cheap:
            for item in shape.values() if isinstance(shape, dict) else shape:
                g.caches.append({})
                k(item)
                g.caches.pop()
            return
        with g.at(node):
            found = items(g, target)
            item = g.part(Ex(g.name()), found, ELEMENT)
            with g.nested(f"for {item} in {g.over(found)}:", 1):
                k(item)

    g.many(node.target, v, env, K(loop, cheap=k.cheap))
