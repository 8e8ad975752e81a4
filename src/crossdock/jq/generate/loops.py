"""Variables, destructuring, reduce and foreach."""

from __future__ import annotations

from collections.abc import Callable

from crossdock.jq.generate.access import index
from crossdock.jq.generate.core import IGNORED, Env, Ex, K
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.syntax import (
    Bind,
    Foreach,
    Identity,
    Node,
    Pattern,
    PatternArray,
    PatternVar,
    Reduce,
    pattern_variables,
)  # fmt: skip
from crossdock.jq.walk import pattern_nodes

Then = Callable[[Env], None]


def destructure(g: Generator, pattern: Pattern, v: Ex, env: Env, then: Then) -> None:
    """Binds the pattern's variables to parts of `v`, for every combination of its keys."""
    if isinstance(pattern, PatternVar):
        then(env.bound({pattern.variable: v}))
    elif isinstance(pattern, PatternArray):
        items = pattern.items

        def step(i: int, inner: Env) -> None:
            if i == len(items):
                then(inner)
            else:
                part = index(g, v, Ex(str(i), "int"))
                destructure(g, items[i], part, inner, lambda e: step(i + 1, e))

        step(0, env)
    else:
        entries = pattern.entries

        def entry(i: int, inner: Env) -> None:
            if i == len(entries):
                then(inner)
                return
            key, variable, rest = entries[i]

            def keyed(ex: Ex) -> None:
                part = index(g, v, ex if ex.kind == "str" else g.temp(f"object_key({ex})", "str"))
                bound = inner if variable is None else inner.bound({variable: part})
                if rest is None:
                    entry(i + 1, bound)
                else:
                    destructure(g, rest, part, bound, lambda e: entry(i + 1, e))

            g.many(key, v, inner, K(keyed))

        entry(0, env)


def _plain(g: Generator, patterns: list[Pattern], env: Env) -> bool:
    """One pattern, whose keys have one output each."""
    return len(patterns) == 1 and all(g.single(key, env) for key in pattern_nodes(patterns[0]))


def _bind_unknown(env: Env, patterns: list[Pattern]) -> Env:
    """An environment fit for asking about arity: the variables stand for anything."""
    return env.bound({v: Ex("None") for p in patterns for v in pattern_variables(p)})


def alternatives(g: Generator, patterns: list[Pattern], v: Ex, env: Env, body: Callable[[Env, K], None], k: K) -> None:
    """`?//`: the first pattern for which neither binding nor body fails. Must be written inside a generator."""
    nulls = env.bound({x: Ex("None", "null") for p in patterns for x in pattern_variables(p)})
    failed = g.name()
    for i, pattern in enumerate(patterns):
        if i == len(patterns) - 1:
            destructure(g, pattern, v, nulls, lambda e: body(e, k))
            return
        g.line(f"{failed} = False")
        with g.nested("try:", 1):
            destructure(g, pattern, v, nulls, lambda e: body(e, k))
        with g.nested("except RunError:"):
            g.line(f"{failed} = True")
        g.line(f"if not {failed}: return")


def bind_each(
    g: Generator, patterns: list[Pattern], source: Ex, env: Env, body: Callable[[Env, K], None], k: K
) -> None:
    """Runs `body` with the variables of the pattern (or the first fitting one of several) bound."""
    if len(patterns) == 1:
        destructure(g, patterns[0], source, env, lambda e: body(e, k))
        return
    name, inner, item = g.name("g"), Ex(g.name("v")), Ex(g.name())
    with g.function(f"{name}({inner})"):
        alternatives(g, patterns, inner, env, body, g.yielding())
        g.ensure_generator()
    with g.nested(f"for {item} in {name}({source}):", 1):
        k(item)


# -- as


@single_rule(Bind)
def _bind_single(g: Generator, node: Bind, env: Env) -> bool:
    return (
        g.single(node.source, env)
        and _plain(g, node.patterns, env)
        and g.single(node.body, _bind_unknown(env, node.patterns))
    )


@one_rule(Bind)
def _bind_one(g: Generator, node: Bind, v: Ex, env: Env) -> Ex:
    results: list[Ex] = []
    source = g.one(node.source, v, env)
    destructure(g, node.patterns[0], source, env, lambda e: results.append(g.one(node.body, v, e)))
    return results[0]


@many_rule(Bind)
def _bind_many(g: Generator, node: Bind, v: Ex, env: Env, k: K) -> None:
    def body(inner: Env, then: K) -> None:
        g.many(node.body, v, inner, then)

    g.many(node.source, v, env, K(lambda ex: bind_each(g, node.patterns, ex, env, body, k)))


# -- reduce and foreach


@single_rule(Reduce)
def _reduce_single(g: Generator, node: Reduce, env: Env) -> bool:
    return g.single(node.start, env)


def _fold(g: Generator, node: Reduce, v: Ex, env: Env, start: Ex) -> Ex:
    state = Ex(g.name("s"))
    g.line(f"{state} = {start}")

    def update(inner: Env, _k: K) -> None:
        now = g.temp(state)
        if g.single(node.update, inner):
            g.line(f"{state} = {g.one(node.update, now, inner)}")
        else:
            last = g.temp("None")
            g.many(node.update, now, inner, K(lambda ex: g.line(f"{last} = {ex}"), cheap=True, safe=True))
            g.line(f"{state} = {last}")

    nothing = IGNORED
    if len(node.patterns) == 1:
        g.many(node.source, v, env, K(lambda ex: bind_each(g, node.patterns, ex, env, update, nothing)))
    else:
        _fold_alternatives(g, node, v, env, state)
    return g.temp(state)


def _fold_alternatives(g: Generator, node: Reduce, v: Ex, env: Env, state: Ex) -> None:
    """With `?//` the update runs in a generator that is given the state and yields the next one."""

    def each(source: Ex) -> None:
        name, inner, old, item = g.name("g"), Ex(g.name("v")), Ex(g.name("v")), Ex(g.name())
        with g.function(f"{name}({inner}, {old})"):
            alternatives(g, node.patterns, inner, env, lambda e, k: g.many(node.update, old, e, k), g.yielding())
            g.ensure_generator()
        now = g.temp(state)
        g.line(f"{state} = None")
        with g.nested(f"for {item} in {name}({source}, {now}):", 1):
            g.line(f"{state} = {item}")

    g.many(node.source, v, env, K(each))


@one_rule(Reduce)
def _reduce_one(g: Generator, node: Reduce, v: Ex, env: Env) -> Ex:
    return _fold(g, node, v, env, g.one(node.start, v, env))


@many_rule(Reduce)
def _reduce_many(g: Generator, node: Reduce, v: Ex, env: Env, k: K) -> None:
    g.many(node.start, v, env, K(lambda start: k(_fold(g, node, v, env, start))))


@single_rule(Foreach)
def _foreach_single(_g: Generator, _node: Foreach, _env: Env) -> bool:
    return False


@many_rule(Foreach)
def _foreach_many(g: Generator, node: Foreach, v: Ex, env: Env, k: K) -> None:
    extract: Node = node.extract or Identity(node.at)

    def run(start: Ex) -> None:
        state = Ex(g.name("s"))
        g.line(f"{state} = {start}")
        if len(node.patterns) > 1:
            g.many(node.source, v, env, K(lambda ex: _foreach_alternatives(g, node, ex, state, env, k)))
            return

        def update(inner: Env, _k: K) -> None:
            def emit(ex: Ex) -> None:
                g.line(f"{state} = {ex}")
                g.many(extract, ex, inner, k)

            cheap = k.cheap and node.extract is None
            now = g.temp(state)
            if not g.single(node.update, inner):
                g.line(f"{state} = None")  # what the next turn sees if this one has no output, as in jq
            g.many(node.update, now, inner, K(emit, cheap=cheap, safe=k.safe and cheap))

        g.many(node.source, v, env, K(lambda ex: bind_each(g, node.patterns, ex, env, update, IGNORED)))

    g.many(node.start, v, env, K(run))


def _foreach_alternatives(g: Generator, node: Foreach, source: Ex, state: Ex, env: Env, k: K) -> None:
    """With `?//` a generator is given the state, and yields each next state, then with it what is extracted."""
    extract: Node = node.extract or Identity(node.at)
    name, inner, old = g.name("g"), Ex(g.name("v")), Ex(g.name("v"))

    def body(e: Env, give: K) -> None:
        def updated(new: Ex) -> None:
            give(Ex(f"({new}, NOTHING)"))
            g.many(extract, new, e, K(lambda ex: give(Ex(f"({new}, {ex})"))))

        g.many(node.update, old, e, K(updated))

    with g.function(f"{name}({inner}, {old})"):
        alternatives(g, node.patterns, inner, env, body, g.yielding())
        g.ensure_generator()
    item = Ex(g.name())
    now = g.temp(state)
    g.line(f"{state} = None")
    with g.nested(f"for {state}, {item} in {name}({source}, {now}):", 1), g.nested(f"if {item} is not NOTHING:"):
        k(item)
