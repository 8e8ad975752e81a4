"""Identity, constants, strings, arrays, objects, pipes and commas."""

from __future__ import annotations

from crossdock.jq.generate.core import Env, Ex, K
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.syntax import Array, Comma, Format, Identity, Literal, Node, Object, Pipe, Text, Var

SMALL = 12
"""A tree of this many nodes may be written twice rather than pulled from a generator."""


@one_rule(Identity)
def _identity(_g: Generator, _node: Identity, v: Ex, _env: Env) -> Ex:
    return v


@one_rule(Literal)
def _literal(g: Generator, node: Literal, _v: Ex, _env: Env) -> Ex:
    return g.literal(node.value)


@one_rule(Var)
def _variable(_g: Generator, node: Var, _v: Ex, env: Env) -> Ex:
    assert node.variable is not None
    found = env.get(node.variable)
    assert isinstance(found, Ex)
    return found


# -- strings


@single_rule(Text)
def _text_single(g: Generator, node: Text, env: Env) -> bool:
    return all(isinstance(part, str) or g.single(part, env) for part in node.parts)


def _text_from(g: Generator, node: Text, values: list[Ex]) -> Ex:
    """Adjacent literals, which Python makes one f-string; the text of the program stays in literals of its own."""
    rest = iter(values)
    pieces: list[str] = []
    for part in node.parts:
        if isinstance(part, str):
            literal = g.literal(part)
            pieces.append(f"f'{{{literal}}}'" if literal.isidentifier() else literal)
            continue
        ex = next(rest)
        if node.format is not None and node.format != "text":
            given = ex if ex.isidentifier() else g.temp(ex)  # a literal may have quotes of its own
            pieces.append(f"f'{{{format_function(g, node.format)}({given}, st)}}'")
        elif ex.kind == "str" or ex.isdigit():
            pieces.append(f"f'{{{ex}}}'" if ex.isidentifier() or ex.isdigit() else ex)
        else:
            pieces.append(f"f'{{{ex} if type({ex}) is str else to_string({ex}, st)}}'")
    found = g.shared(" ".join(pieces) or "''", "str")
    if values:
        g.line(f"if len({found}) > 4096: st.text(len({found}))")
    return found


def format_function(g: Generator, name: str) -> str:
    from crossdock.jq.builtins.formats import FORMATS

    python = f"format_{name}"
    g.namespace[python] = FORMATS[name]
    return python


@one_rule(Text)
def _text_one(g: Generator, node: Text, v: Ex, env: Env) -> Ex:
    nodes = [part for part in node.parts if isinstance(part, Node)]
    found = [g.one(part, v, env) for part in reversed(nodes)]
    return _text_from(g, node, found[::-1])


@many_rule(Text)
def _text_many(g: Generator, node: Text, v: Ex, env: Env, k: K) -> None:
    nodes = [part for part in node.parts if isinstance(part, Node)]
    g.each(nodes[::-1], v, env, lambda found: k(_text_from(g, node, found[::-1])))


@one_rule(Format)
def _format(g: Generator, node: Format, v: Ex, _env: Env) -> Ex:
    return g.temp(f"{format_function(g, node.name)}({v}, st)", "str")


# -- arrays and objects


@one_rule(Array)
def _array(g: Generator, node: Array, v: Ex, env: Env) -> Ex:
    if node.body is None:
        return g.made("[]", [])
    parts = node.body.parts if isinstance(node.body, Comma) else [node.body]
    if all(g.single(part, env) for part in parts):
        made = [g.one(part, v, env) for part in parts]
        return g.made(f"[{', '.join(made)}]", made)
    found = g.temp("[]", "list")
    g.many(node.body, v, env, K(lambda ex: g.line(f"{found}.append({ex})"), cheap=True, safe=True))
    return found


def _flat(node: Object) -> list[Node]:
    return [part for entry in node.entries for part in entry]


@single_rule(Object)
def _object_single(g: Generator, node: Object, env: Env) -> bool:
    return all(g.single(part, env) for part in _flat(node))


def _object_from(g: Generator, values: list[Ex]) -> Ex:
    items = [
        f"{key if key.kind == 'str' else f'object_key({key})'}: {value}"
        for key, value in zip(values[::2], values[1::2], strict=True)
    ]
    text = f"{{{', '.join(items)}}}"
    if all(key.kind == "str" and not key.isidentifier() for key in values[::2]):
        return g.made(text, dict(zip(values[::2], values[1::2], strict=True)))
    return g.temp(text, "dict")


@one_rule(Object)
def _object_one(g: Generator, node: Object, v: Ex, env: Env) -> Ex:
    return _object_from(g, [g.one(part, v, env) for part in _flat(node)])


@many_rule(Object)
def _object_many(g: Generator, node: Object, v: Ex, env: Env, k: K) -> None:
    g.each(_flat(node), v, env, lambda found: k(_object_from(g, found)))


# -- pipes and commas


@single_rule(Pipe)
def _pipe_single(g: Generator, node: Pipe, env: Env) -> bool:
    return all(g.single(part, env) for part in pipe_parts(node))


def pipe_parts(node: Node) -> list[Node]:
    parts = []
    while isinstance(node, Pipe):
        parts.append(node.left)
        node = node.right
    return [*parts, node]


@one_rule(Pipe)
def _pipe_one(g: Generator, node: Pipe, v: Ex, env: Env) -> Ex:
    for part in pipe_parts(node):
        v = g.one(part, v, env)
    return v


@many_rule(Pipe)
def _pipe_many(g: Generator, node: Pipe, v: Ex, env: Env, k: K) -> None:
    right: Node = node
    while isinstance(right, Pipe):
        left, right = right.left, right.right
        if not g.single(left, env):
            break
        v = g.one(left, v, env)
    else:
        g.many(right, v, env, k)
        return
    cheap = k.cheap and weight(right, SMALL) < SMALL
    g.many(left, v, env, K(lambda ex: g.many(right, ex, env, k), cheap=cheap))


@single_rule(Comma)
def _comma_single(_g: Generator, _node: Comma, _env: Env) -> bool:
    return False


@many_rule(Comma)
def _comma_many(g: Generator, node: Comma, v: Ex, env: Env, k: K) -> None:
    if not k.cheap:
        g.pulled(node, v, env, k)
        return
    for part in node.parts:
        g.caches.append({})
        g.many(part, v, env, k)
        g.caches.pop()


def weight(node: Node, limit: int) -> int:
    """How many nodes the tree has, counted no further than `limit`."""
    from crossdock.jq.walk import children

    count, stack = 0, [node]
    while stack and count < limit:
        count += 1
        stack.extend(children(stack.pop()))
    return count
