"""Built-in forms that need more than values: control of evaluation, paths, the meter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crossdock.jq.generate.core import Env, Ex, K, falsity
from crossdock.jq.generate.generator import Generator, PathK
from crossdock.jq.syntax import Call, Identity, Index, Iterate, Literal, Node

Single = Callable[[Generator, Call, Env], bool]
PathForm = Callable[[Generator, Call, Ex, Ex, Env, PathK], None]


@dataclass(slots=True, eq=False)
class Form:
    single: Single
    one: Callable[[Generator, Call, Ex, Env], Ex] | None
    many: Callable[[Generator, Call, Ex, Env, K], None]
    paths: PathForm | None = None


FORMS: dict[tuple[str, int], Form] = {}


def _never_single(_g: Generator, _node: Call, _env: Env) -> bool:
    return False


def _args_single(g: Generator, node: Call, env: Env) -> bool:
    return all(g.single(arg, env) for arg in node.args)


def _always_single(_g: Generator, _node: Call, _env: Env) -> bool:
    return True


def many_form(name: str, arity: int) -> Callable[[Any], Any]:
    """Registers a form with any number of outputs."""

    def register(rule: Any) -> Any:
        FORMS[name, arity] = Form(_never_single, None, rule)
        return rule

    return register


def one_form(name: str, arity: int, single: Single = _always_single) -> Callable[[Any], Any]:
    """Registers a form that has one output wherever `single` says so."""

    def register(rule: Any) -> Any:
        def many(g: Generator, node: Call, v: Ex, env: Env, k: K) -> None:
            g.each(node.args, v, env, lambda found: k(rule(g, node, v, env, found)))

        def one(g: Generator, node: Call, v: Ex, env: Env) -> Ex:
            result: Ex = rule(g, node, v, env, [g.one(a, v, env) for a in node.args] if single is _args_single else [])
            return result

        FORMS[name, arity] = Form(single, one, many)
        return rule

    return register


def path_form(name: str, arity: int) -> Callable[[PathForm], PathForm]:
    """Registers how a form yields paths."""

    def register(rule: PathForm) -> PathForm:
        FORMS[name, arity].paths = rule
        return rule

    return register


# -- nothing, errors, truth


@many_form("empty", 0)
def _empty(_g: Generator, _node: Call, _v: Ex, _env: Env, _k: K) -> None:
    return


@one_form("error", 0)
def _error(g: Generator, _node: Call, v: Ex, _env: Env, _args: list[Ex]) -> Ex:
    g.line(f"raise RunError({v})")
    return Ex("None")


@one_form("error", 1, _args_single)
def _error_of(g: Generator, _node: Call, _v: Ex, _env: Env, args: list[Ex]) -> Ex:
    g.line(f"raise RunError({args[0]})")
    return Ex("None")


@one_form("not", 0)
def _not(g: Generator, _node: Call, v: Ex, _env: Env, _args: list[Ex]) -> Ex:
    return g.pure(falsity(v), "bool")


@one_form("env", 0)
def _env(g: Generator, _node: Call, _v: Ex, _env: Env, _args: list[Ex]) -> Ex:
    return g.temp("{}", "dict")


@many_form("inputs", 0)
def _inputs(_g: Generator, _node: Call, _v: Ex, _env: Env, _k: K) -> None:
    return


# -- paths as values


@many_form("path", 1)
def _path(g: Generator, node: Call, v: Ex, env: Env, k: K) -> None:
    from crossdock.jq.generate.paths import arrived

    def finish(p: Ex, w: Ex) -> None:
        arrived(g, p, w)
        k(g.temp(f"list({p})", "list"))

    if not k.cheap:
        item = Ex(g.name(), "list")
        name, inner = g.name("g"), Ex(g.name("v"), v.kind)
        with g.function(f"{name}({inner})"):

            def give(p: Ex, w: Ex) -> None:
                arrived(g, p, w)
                g.line(f"yield list({p})")

            g.paths(node.args[0], Ex("()", "path"), inner, env, give)
            g.ensure_generator()
        with g.nested(f"for {item} in {name}({v}):", 1):
            k(item)
        return
    g.paths(node.args[0], Ex("()", "path"), v, env, finish)


# -- taking some of the outputs


def _first_single(g: Generator, node: Call, env: Env) -> bool:
    return g.single(node.args[0], env)


def _first_one(g: Generator, node: Call, v: Ex, env: Env) -> Ex:
    return g.one(node.args[0], v, env)


def _first_many(g: Generator, node: Call, v: Ex, env: Env, k: K) -> None:
    from crossdock.jq.generate.search import loops, search

    depth = loops(g, node.args[0], env)
    if depth == 0:
        g.many(node.args[0], v, env, k)
        return
    if depth == 1:
        first = g.temp("NOTHING")

        def take(ex: Ex) -> None:
            g.line(f"{first} = {ex}")
            g.line("break")

        search(g, node.args[0], v, env, take)
        with g.nested(f"if {first} is not NOTHING:"):
            k(first)
        return
    item = Ex(g.name())
    with g.nested(f"for {item} in {g.pull(node.args[0], v, env)}:", 1):
        k(item)
        g.line("break")


def _first_paths(g: Generator, node: Call, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    q, w = Ex(g.name("p")), Ex(g.name())
    with g.nested(f"for {q}, {w} in {g.pull_paths(node.args[0], p, v, env)}:", 1):
        k(q, w)
        g.line("break")


FORMS["first", 1] = Form(_first_single, _first_one, _first_many, _first_paths)


def _last_many(g: Generator, node: Call, v: Ex, env: Env, k: K) -> None:
    last = g.temp("NOTHING")
    g.many(node.args[0], v, env, K(lambda ex: g.line(f"{last} = {ex}"), cheap=True, safe=True))
    with g.nested(f"if {last} is not NOTHING:"):
        k(last)


def _last_paths(g: Generator, node: Call, p: Ex, v: Ex, env: Env, k: PathK) -> None:
    q, w = Ex(g.temp("None")), Ex(g.temp("NOTHING"))
    g.paths(node.args[0], p, v, env, lambda pp, vv: g.line(f"{q}, {w} = {pp}, {vv}"))
    with g.nested(f"if {w} is not NOTHING:"):
        k(q, w)


FORMS["last", 1] = Form(_first_single, _first_one, _last_many, _last_paths)


def _counted(function: str) -> Form:
    def many(g: Generator, node: Call, v: Ex, env: Env, k: K) -> None:
        def run(count: Ex) -> None:
            item = Ex(g.name())
            with g.nested(f"for {item} in {function}({count}, {g.pull(node.args[1], v, env)}):", 1):
                k(item)

        g.many(node.args[0], v, env, K(run))

    def paths(g: Generator, node: Call, p: Ex, v: Ex, env: Env, k: PathK) -> None:
        def run(count: Ex) -> None:
            q, w = Ex(g.name("p")), Ex(g.name())
            pulled = g.pull_paths(node.args[1], p, v, env)
            with g.nested(f"for {q}, {w} in {function}({count}, {pulled}):", 1):
                k(q, w)

        g.many(node.args[0], v, env, K(run))

    return Form(_never_single, None, many, paths)


FORMS["limit", 2] = _counted("limited")
FORMS["skip", 2] = _counted("skipped")


@one_form("isempty", 1)
def _isempty(g: Generator, node: Call, v: Ex, env: Env, _args: list[Ex]) -> Ex:
    if g.single(node.args[0], env):
        g.one(node.args[0], v, env)
        return Ex("False", "bool")
    result = g.temp("True", "bool")
    with g.nested(f"for {g.name()} in {g.pull(node.args[0], v, env)}:", 1):
        g.line(f"{result} = False")
        g.line("break")
    return result


FORMS["isempty", 1].many = lambda g, node, v, env, k: k(_isempty(g, node, v, env, []))


# -- loops over numbers and everything


def _range(g: Generator, node: Call, v: Ex, env: Env, k: K) -> None:
    args: list[Node] = list(node.args)
    if len(args) == 1:
        args.insert(0, Literal(node.at, 0))
    if len(args) == 2:
        args.append(Literal(node.at, 1))

    def run(found: list[Ex]) -> None:
        kind = "int" if all(ex.kind == "int" for ex in found) else "num"
        item = Ex(g.name(), kind)
        with g.nested(f"for {item} in counting({', '.join(found)}, st):", 1):
            k(item)

    g.each(args, v, env, run)


for _arity in (1, 2, 3):
    FORMS["range", _arity] = Form(_never_single, None, _range)


@many_form("recurse", 0)
def _recurse(g: Generator, _node: Call, v: Ex, _env: Env, k: K) -> None:
    item = Ex(g.name())
    with g.nested(f"for {item} in descend({v}, st):", 1):
        k(item)


@path_form("recurse", 0)
def _recurse_paths(g: Generator, _node: Call, p: Ex, v: Ex, _env: Env, k: PathK) -> None:
    q, w = Ex(g.name("p"), p.kind), Ex(g.name())
    with g.nested(f"for {q}, {w} in descend_paths({p}, {v}, st):", 1):
        k(q, w)


# -- the world outside: hooks, clock


@one_form("debug", 0)
def _debug(g: Generator, _node: Call, v: Ex, _env: Env, _args: list[Ex]) -> Ex:
    g.line(f"if st.debug is not None: st.debug({v})")
    return v


FORMS["stderr", 0] = FORMS["debug", 0]


@one_form("debug", 1)
def _debug_of(g: Generator, node: Call, v: Ex, env: Env, _args: list[Ex]) -> Ex:
    g.many(node.args[0], v, env, K(lambda ex: g.line(f"if st.debug is not None: st.debug({ex})"), cheap=True))
    return v


FORMS["debug", 1].many = lambda g, node, v, env, k: k(_debug_of(g, node, v, env, []))


@one_form("now", 0)
def _now(g: Generator, _node: Call, _v: Ex, _env: Env, _args: list[Ex]) -> Ex:
    return g.temp("from_double(st.clock())", "num")


def is_values(node: Node) -> bool:
    """Whether the node is `.[]`."""
    return isinstance(node, Iterate) and isinstance(node.target, Identity)


def static_path(g: Generator, node: Node) -> list[Ex] | None:
    """The keys of a path such as `.a.b[0]` that needs no evaluation, else None."""
    keys: list[Ex] = []
    while isinstance(node, Index):
        if not isinstance(node.key, Literal) or type(node.key.value) not in (str, int):
            return None
        keys.append(g.literal(node.key.value))
        node = node.target
    return keys[::-1] if isinstance(node, Identity) else None
