"""Path mode: expressions as sources of (path, value) pairs.

A path is a Python tuple of keys. It is None where the value is not reached by a path; then the next access, or
the end of the path expression, is an error.
"""

from __future__ import annotations

from collections.abc import Callable

from crossdock.jq.generate.basics import pipe_parts
from crossdock.jq.generate.calls import (
    Arguments,
    closure,
    form_of,
    function_single,
    inlined,
    may_inline,
    too_many,
    with_values,
)  # fmt: skip
from crossdock.jq.generate.control import never
from crossdock.jq.generate.core import IGNORED, Closure, Env, Ex, Home, K, PyClosure, falsity, truth
from crossdock.jq.generate.generator import PATHS, Generator, PathK, paths_rule
from crossdock.jq.generate.loops import bind_each, destructure
from crossdock.jq.syntax import (
    Alternative,
    Array,
    Assign,
    Binary,
    Bind,
    BreakTo,
    Call,
    Comma,
    Define,
    Foreach,
    Format,
    Function,
    Identity,
    If,
    Index,
    Iterate,
    Label,
    Literal,
    Logic,
    Negate,
    Node,
    Object,
    Param,
    Pipe,
    Reduce,
    Slice,
    Text,
    Try,
    Var,
)  # fmt: skip


def arrived(g: Generator, p: Ex, v: Ex) -> None:
    """Checks at the end of a path expression that a path was kept."""
    if p.kind != "path":
        g.line(f"if {p} is None: raise astray({v})")


def _value(g: Generator, node: Node, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    """An expression that computes a value: a path only if it gives back the very input."""

    def finish(ex: Ex) -> None:
        found, given = g.temp(ex, ex.kind), g.temp(v, v.kind)
        k(g.temp(f"{p} if {found} is {given} else None"), found)

    g.many(node, v, env, K(finish))


for _kind in (Array, Assign, Binary, Format, Literal, Logic, Negate, Object, Text, Var):
    PATHS[_kind] = _value


@paths_rule(Identity)
def _identity(_g: Generator, _node: Identity, p: Ex, v: Ex, _env: Env, k: PathK) -> None:
    k(p, v)


def _extended(g: Generator, p: Ex, key: str) -> Ex:
    if p == "()":
        return g.temp(f"({key},)", "path")
    return g.temp(f"{p} + ({key},)", "path")


def _check(g: Generator, p: Ex, v: Ex, key: str) -> None:
    if p.kind != "path":
        g.line(f"if {p} is None: raise astray_at({v}, {key})")


@paths_rule(Index)
def _index(g: Generator, node: Index, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    from crossdock.jq.generate.access import index

    def keyed(key: Ex) -> None:
        def at(q: Ex, w: Ex) -> None:
            with g.at(node):
                _check(g, q, w, key)
                value = index(g, w, key)
                k(_extended(g, q, key), value)

        g.paths(node.target, p, v, env, at)

    g.many(node.key, v, env, K(keyed))


@paths_rule(Slice)
def _slice(g: Generator, node: Slice, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def bounded(found: list[Ex]) -> None:
        key = g.temp(f"{{'start': {found[0]}, 'end': {found[1]}}}", "dict")

        def at(q: Ex, w: Ex) -> None:
            _check(g, q, w, key)
            value = g.temp(f"get_slice({w}, {found[0]}, {found[1]}, st)")
            k(_extended(g, q, key), value)

        g.paths(node.target, p, v, env, at)

    g.each([bound or Literal(node.at, None) for bound in (node.start, node.end)], v, env, bounded)


@paths_rule(Iterate)
def _iterate(g: Generator, node: Iterate, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def at(q: Ex, w: Ex) -> None:
        if q.kind != "path":
            g.line(f"if {q} is None: raise astray_through({w})")
        found = g.temp(f"keyed_elements({w})", "list")
        key, item = g.name("i"), Ex(g.name())
        g.part(item, w, key)
        with g.nested(f"for {key}, {item} in {g.over(found)}:", 1):
            k(_extended(g, q, key), item)

    g.paths(node.target, p, v, env, at)


@paths_rule(Pipe)
def _pipe(g: Generator, node: Pipe, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    parts = pipe_parts(node)

    def step(i: int, q: Ex, w: Ex) -> None:
        if i == len(parts) - 1:
            g.paths(parts[i], q, w, env, k)
        else:
            g.paths(parts[i], q, w, env, lambda qq, ww: step(i + 1, qq, ww))

    step(0, p, v)


@paths_rule(Comma)
def _comma(g: Generator, node: Comma, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def write(q: Ex, w: Ex, then: PathK) -> None:
        for part in node.parts:
            g.paths(part, q, w, env, then)

    _forked(g, p, v, k, write)


def _forked(g: Generator, p: Ex, v: Ex, k: PathK, write: Callable[[Ex, Ex, PathK], None]) -> None:
    """Writes a fork in a generator of its own, so that `k` is written once."""
    if k == g.yield_pair:
        write(p, v, k)
        return
    name, q, w = g.name("g"), Ex(g.name("p"), p.kind), Ex(g.name("v"), v.kind)
    with g.function(f"{name}({q}, {w})"):
        write(q, w, g.yield_pair)
        g.ensure_generator()
    qq, ww = Ex(g.name("p")), Ex(g.name())
    with g.nested(f"for {qq}, {ww} in {name}({p}, {v}):", 1):
        k(qq, ww)


@paths_rule(If)
def _if(g: Generator, node: If, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    otherwise = node.otherwise or Identity(node.at)

    def write(q: Ex, w: Ex, then: PathK) -> None:
        def choose(condition: Ex) -> None:
            with g.nested(f"if {truth(condition)}:"):
                g.paths(node.then, q, w, env, then)
            with g.nested("else:"):
                g.paths(otherwise, q, w, env, then)

        g.many(node.condition, w, env, K(choose))

    if never(node.then) or never(otherwise):
        write(p, v, k)
    else:
        _forked(g, p, v, k, write)


@paths_rule(Alternative)
def _alternative(g: Generator, node: Alternative, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def write(q: Ex, w: Ex, then: PathK) -> None:
        found = g.temp("False", "bool")

        def left(qq: Ex, ww: Ex) -> None:
            with g.nested(f"if {truth(ww)}:"):
                g.line(f"{found} = True")
                then(qq, ww)

        g.paths(node.left, q, w, env, left)
        with g.nested(f"if {falsity(found)}:"):
            g.paths(node.right, q, w, env, then)

    _forked(g, p, v, k, write)


@paths_rule(Try)
def _try(g: Generator, node: Try, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def write(q: Ex, w: Ex, then: PathK) -> None:
        failed, caught, error = g.temp("False", "bool"), g.temp("None"), g.name("e")
        with g.nested("try:", 1):
            g.paths(node.body, q, w, env, then)
        with g.nested(f"except RunError as {error}:"):
            g.line(f"{failed}, {caught} = True, {error}.value")
        if node.handler is not None:
            with g.nested(f"if {failed}:"):
                g.many(node.handler, caught, env, K(lambda ex: then(Ex("None"), ex)))

    _forked(g, p, v, k, write)


@paths_rule(Bind)
def _bind(g: Generator, node: Bind, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def each(source: Ex) -> None:
        if len(node.patterns) == 1:
            destructure(g, node.patterns[0], source, env, lambda e: g.paths(node.body, p, v, e, k))
            return
        qq, ww = Ex(g.name("p")), Ex(g.name())

        def unpack(item: Ex) -> None:
            g.line(f"{qq}, {ww} = {item}")
            k(qq, ww)

        def body(e: Env, then: K) -> None:
            def give(q: Ex, w: Ex) -> None:
                then(g.temp(f"({q}, {w})"))

            g.paths(node.body, p, v, e, give)

        bind_each(g, node.patterns, source, env, body, K(unpack))

    g.many(node.source, v, env, K(each))


@paths_rule(Define)
def _define(g: Generator, node: Define, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    g.paths(node.body, p, v, g.defined(node, env), k)


@paths_rule(Label)
def _label(g: Generator, node: Label, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    name, caught = g.name("label"), g.name("e")
    g.line(f"{name} = Break()")
    with g.nested("try:", 1):
        g.paths(node.body, p, v, env.bound({node.label: Ex(name)}), k)
    with g.nested(f"except Break as {caught}:"):
        g.line(f"if {caught} is not {name}: raise")


@paths_rule(BreakTo)
def _break(g: Generator, node: BreakTo, _p: Ex, v: Ex, env: Env, _k: PathK) -> None:
    g.one(node, v, env)


@paths_rule(Reduce)
def _reduce(g: Generator, node: Reduce, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def start(q: Ex, w: Ex) -> None:
        sp, sv = Ex(g.name("p")), Ex(g.name("s"))
        g.line(f"{sp}, {sv} = {q}, {w}")

        def update(inner: Env, _k: K) -> None:
            np, nv = g.temp(sp), g.temp(sv)
            lp, lv = g.temp("None"), g.temp("None")
            g.paths(node.update, np, nv, inner, lambda a, b: g.line(f"{lp}, {lv} = {a}, {b}"))
            g.line(f"{sp}, {sv} = {lp}, {lv}")

        g.many(node.source, v, env, K(lambda ex: bind_each(g, node.patterns, ex, env, update, IGNORED)))
        k(g.temp(sp), g.temp(sv))

    g.paths(node.start, p, v, env, start)


@paths_rule(Foreach)
def _foreach(g: Generator, node: Foreach, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    extract = node.extract or Identity(node.at)

    def start(q: Ex, w: Ex) -> None:
        sp, sv = Ex(g.name("p")), Ex(g.name("s"))
        g.line(f"{sp}, {sv} = {q}, {w}")

        def update(inner: Env, _k: K) -> None:
            def emit(a: Ex, b: Ex) -> None:
                g.line(f"{sp}, {sv} = {a}, {b}")
                g.paths(extract, a, b, inner, k)

            g.paths(node.update, g.temp(sp), g.temp(sv), inner, emit)

        g.many(node.source, v, env, K(lambda ex: bind_each(g, node.patterns, ex, env, update, IGNORED)))

    g.paths(node.start, p, v, env, start)


# -- calls


@paths_rule(Call)
def _call(g: Generator, node: Call, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    target = node.target
    if isinstance(target, Param):
        found = env.get(target)
        if isinstance(found, Closure) and too_many(g):
            found = _compiled_closures(g, found)
        if isinstance(found, PyClosure):
            qq, ww = Ex(g.name("p")), Ex(g.name())
            with g.nested(f"for {qq}, {ww} in {found.paths}({p}, {v}):", 1):
                k(qq, ww)
        else:
            g.paths(found.node, p, v, found.env, k)
    elif isinstance(target, Function):
        if may_inline(g, target):
            inlined(g, node, target, v, env, lambda e: g.paths(target.body, p, v, e, k))
        else:
            with_values(g, node, target, v, env, lambda args: _loop(g, target, p, v, args, env, k))
    else:
        form = form_of(node)
        if form is not None and form.paths is not None:
            form.paths(g, node, p, v, env, k)
        elif never(node):
            g.many(node, v, env, IGNORED)
        elif node.target is None and (node.name, len(node.args)) == ("getpath", 1):
            _getpath(g, node, p, v, env, k)
        else:
            _value(g, node, p, v, env, k)


def _getpath(g: Generator, node: Call, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    def keyed(key: Ex) -> None:
        _check(g, p, v, key)
        value = g.temp(f"get_path({v}, {key}, st)")
        k(g.temp(f"{p} + tuple({key})", "path"), value)

    g.many(node.args[0], v, env, K(keyed))


def _loop(g: Generator, function: Function, p: Ex, v: Ex, args: Arguments, env: Env, k: PathK) -> None:
    singles = tuple(g.single(arg, env) for _, arg in args)
    name = _variant(g, g.home(function, env), function, singles)
    given: list[str] = [p, v]
    for param, (value, arg) in zip(function.params, args, strict=True):
        if value is not None:
            given.append(value)
        if param.variable is None or param.called:
            both = _closures(g, arg, env)
            given.extend([both.name, str(both.paths)])
    qq, ww = Ex(g.name("p")), Ex(g.name())
    with g.nested(f"for {qq}, {ww} in {name}({', '.join(given)}):", 1):
        k(qq, ww)


def _closures(g: Generator, arg: Node, env: Env) -> PyClosure:
    found = env.get(arg.target) if isinstance(arg, Call) and isinstance(arg.target, Param) else None
    if isinstance(found, PyClosure) and found.paths is not None:
        return found
    value = closure(g, arg, env)
    name, q, w = g.name("k"), Ex(g.name("p")), Ex(g.name("v"))
    with g.function(f"{name}({q}, {w})"):
        g.charge("1")
        g.paths(arg, q, w, env, g.yield_pair)
        g.ensure_generator()
    return PyClosure(value.name, value.many, name)


def _compiled_closures(g: Generator, found: Closure) -> PyClosure:
    key = (found, g.frame, "paths")
    if key not in g.closures:
        g.closures[key] = _closures(g, found.node, found.env)
    return g.closures[key]


def _variant(g: Generator, home: Home, function: Function, singles: tuple[bool, ...]) -> str:
    function_single(g, home, function, singles)
    key = (function, home.env, singles, "paths")
    if key in g.variants:
        return g.variants[key]
    name = g.variants[key] = g.name("f")
    p, v = Ex(g.name("p")), Ex(g.name("v"))
    names: list[str] = [p, v]
    items: dict[object, object] = {}
    for param, one in zip(function.params, singles, strict=True):
        if param.variable is not None:
            items[param.variable] = Ex(g.name("x"))
            names.append(str(items[param.variable]))
        if param.variable is None or param.called:
            python = PyClosure(g.name("k"), not one, g.name("k"))
            items[param] = python
            names.extend([python.name, str(python.paths)])
    with g.function(f"{name}({', '.join(names)})", home.frame, fresh=True):
        g.charge("1")
        g.paths(function.body, p, v, home.env.bound(items), g.yield_pair)
        g.ensure_generator()
    return name
