"""Calls: parameters, functions written in jq (inlined or compiled once), natives, registered functions."""

from __future__ import annotations

from collections.abc import Callable

from crossdock.jq.builtins.registry import NATIVES
from crossdock.jq.generate.basics import weight
from crossdock.jq.generate.core import Closure, Env, Ex, Home, K, PyClosure, truth
from crossdock.jq.generate.forms import FORMS, Form
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.generate.loops import destructure
from crossdock.jq.generate.natives import in_place, native_function
from crossdock.jq.syntax import (
    Alternative,
    Bind,
    Call,
    Comma,
    Define,
    Function,
    If,
    Node,
    Param,
    PatternVar,
    Pipe,
    Registered,
    Var,
)  # fmt: skip

Arguments = list[tuple[Ex | None, Node]]
"""For each parameter: the value of a `$name` parameter, and the node of the argument."""

INLINE_WEIGHT = 60
INLINE_LINES = 3_000
INLINE_EXPANSIONS = 3_000
"""Once a program has this many lines of code, functions are compiled rather than inlined."""


def form_of(node: Call) -> Form | None:
    return FORMS.get((node.name, len(node.args))) if node.target is None else None


# -- arity


@single_rule(Call)
def _call_single(g: Generator, node: Call, env: Env) -> bool:
    target = node.target
    if isinstance(target, Param):
        found = env.get(target)
        if isinstance(found, PyClosure):
            return not found.many
        return isinstance(found, Ex) or g.single(found.node, found.env)
    if isinstance(target, Function):
        return all(
            g.single(arg, env) for arg, p in zip(node.args, target.params, strict=True) if p.variable
        ) and function_single(g, g.home(target, env), target, tuple(g.single(arg, env) for arg in node.args))
    form = form_of(node)
    if form is not None:
        return form.single(g, node, env)
    return all(g.single(arg, env) for arg in node.args)


def function_single(g: Generator, home: Home, function: Function, args: tuple[bool, ...]) -> bool:
    key = (function, home.env, args)
    if key in g.assumed:
        return g.assumed[key]
    items: dict[object, object] = {}
    for param, single in zip(function.params, args, strict=True):
        items[param] = PyClosure("_", not single)
        if param.variable is not None:
            items[param.variable] = Ex("None")
    g.assumed[key] = True
    size = g.single_memo()
    result = g.single(function.body, home.env.bound(items))
    if not result:
        g.forget_single(size)
        g.assumed[key] = False
    return result


# -- code


@one_rule(Call)
def _call_one(g: Generator, node: Call, v: Ex, env: Env) -> Ex:
    target = node.target
    if isinstance(target, Param):
        found = env.get(target)
        if isinstance(found, Closure) and too_many(g):
            found = compiled_closure(g, found)
        if isinstance(found, PyClosure):
            return g.temp(f"{found.name}({v})")
        return g.one(found.node, v, found.env)
    if isinstance(target, Function):
        if target.builtin and (found := shortened(g, node, v, env)) is not None:
            return found
        results: list[Ex] = []
        if may_inline(g, target):
            inlined(g, node, target, v, env, lambda e: results.append(g.one(target.body, v, e)))
        else:
            with_values(
                g, node, target, v, env, lambda args: results.append(g.temp(_python_call(g, target, v, args, env)))
            )
        return results[0]
    form = form_of(node)
    if form is not None:
        assert form.one is not None
        return form.one(g, node, v, env)
    args = [g.one(arg, v, env) for arg in reversed(node.args)][::-1]
    return native_call(g, node, v, args)


@many_rule(Call)
def _call_many(g: Generator, node: Call, v: Ex, env: Env, k: K) -> None:
    target = node.target
    if isinstance(target, Param):
        found = env.get(target)
        if isinstance(found, Closure) and too_many(g):
            found = compiled_closure(g, found)
        if isinstance(found, PyClosure):
            _loop(g, f"{found.name}({v})", k)
        else:
            g.many(found.node, v, found.env, k)
    elif isinstance(target, Function):
        if may_inline(g, target):
            inlined(g, node, target, v, env, lambda e: g.many(target.body, v, e, k))
        else:
            with_values(g, node, target, v, env, lambda args: _loop_or_one(g, target, v, args, env, k))
    elif (form := form_of(node)) is not None:
        form.many(g, node, v, env, k)
    else:
        order = node.args[::-1] if target is None else node.args

        def finish(found: list[Ex]) -> None:
            with g.at(node):
                args = found[::-1] if order is not node.args else found
                result = native_call(g, node, v, args)
            k(result)

        g.each(order, v, env, finish)


def _loop(g: Generator, iterator: str, k: K) -> None:
    item = Ex(g.name())
    with g.nested(f"for {item} in {iterator}:", 1):
        k(item)


def native_call(g: Generator, node: Call, v: Ex, args: list[Ex]) -> Ex:
    if isinstance(node.target, Registered):
        return _registered_call(g, node, v, args)
    if (found := in_place(g, node.name, v, args)) is not None:
        return found
    native = NATIVES[node.name, len(node.args)]
    python = native_function(g, native.name, native.arity)
    given = [v, *args, *(["st"] if native.meter else [])]
    text = f"{python}({', '.join(given)})"
    return g.cached(text) or g.remember(text, g.temp(text, native.kind))


def _registered_call(g: Generator, node: Call, v: Ex, args: list[Ex]) -> Ex:
    from crossdock.jq.registered import guarded

    function = g.registered[node.name]
    python = g.constant(guarded(node.name, function))
    given = [v, *args] if getattr(function, "takes_input", False) else args
    return g.temp(f"{python}({', '.join(given)})")


def shortened(g: Generator, node: Call, v: Ex, env: Env) -> Ex | None:
    """A function of the prelude by its shortcut, where it has one that fits."""
    from crossdock.jq.generate.shortcuts import SHORTCUTS

    rule = SHORTCUTS.get((node.name, len(node.args)))
    return None if rule is None or too_many(g) else rule(g, node, v, env)


# -- inlining


def may_inline(g: Generator, function: Function) -> bool:
    if function.recursive:
        return False
    if too_many(g):
        return False
    if function.weight == 0:
        function.weight = weight(function.body, INLINE_WEIGHT + 1)
    return function.builtin or function.weight <= INLINE_WEIGHT


def too_many(g: Generator) -> bool:
    """Whether enough has been written in place; also counts one expansion more."""
    g.expansions += 1
    return g.line_count() > INLINE_LINES or g.expansions > INLINE_EXPANSIONS


def compiled_closure(g: Generator, found: Closure) -> PyClosure:
    """The argument as a Python function, written once for each Python function that uses it."""
    key = (found, g.frame)
    if key not in g.closures:
        g.closures[key] = closure(g, found.node, found.env)
    return g.closures[key]


def inlined(g: Generator, node: Call, function: Function, v: Ex, env: Env, then: Callable[[Env], None]) -> None:
    """Runs `then` in the environment of the function's body."""
    home = g.home(function, env)
    items: dict[object, object] = {}
    for param, arg in zip(function.params, node.args, strict=True):
        items[param] = _handed_on(arg, env) or Closure(arg, env)
    values = [(p.variable, arg) for p, arg in zip(function.params, node.args, strict=True) if p.variable]

    def finish(found: list[Ex]) -> None:
        bound = {variable: ex for (variable, _), ex in zip(values, found, strict=True)}
        then(home.env.bound({**items, **bound}))

    g.each([arg for _, arg in values], v, env, finish)


def _handed_on(arg: Node, env: Env) -> Closure | PyClosure | None:
    """What the argument is, where it is just a parameter handed on."""
    if isinstance(arg, Call) and isinstance(arg.target, Param):
        found: Closure | PyClosure = env.get(arg.target)
        return found
    return None


# -- compiled functions


def with_values(
    g: Generator, node: Call, function: Function, v: Ex, env: Env, then: Callable[[Arguments], None]
) -> None:
    """Evaluates the `$name` arguments; `then` gets one entry per parameter: a value, or the node of a filter."""
    wanted = [arg for p, arg in zip(function.params, node.args, strict=True) if p.variable]

    def finish(found: list[Ex]) -> None:
        rest = iter(found)
        then([
            (next(rest) if p.variable else None, arg)
            for p, arg in zip(function.params, node.args, strict=True)
        ])  # fmt: skip

    g.each(wanted, v, env, finish)


def _loop_or_one(g: Generator, function: Function, v: Ex, args: Arguments, env: Env, k: K) -> None:
    call = _python_call(g, function, v, args, env)
    single = function_single(g, g.home(function, env), function, tuple(g.single(arg, env) for _, arg in args))
    if single:
        k(g.temp(call))
    else:
        _loop(g, call, k)


def _python_call(g: Generator, function: Function, v: Ex, args: Arguments, env: Env) -> str:
    singles = tuple(g.single(arg, env) for _, arg in args)
    name = _variant(g, g.home(function, env), function, singles)
    given: list[str] = [v]
    for param, (value, arg) in zip(function.params, args, strict=True):
        if value is not None:
            given.append(value)
        if param.variable is None or param.called:
            given.append(closure(g, arg, env).name)
    return f"{name}({', '.join(given)})"


def closure(g: Generator, arg: Node, env: Env) -> PyClosure:
    """The argument as a Python function of the input."""
    found = _handed_on(arg, env)
    if isinstance(found, PyClosure):
        return found
    single = g.single(arg, env)
    name, v = g.name("k"), Ex(g.name("v"))
    with g.function(f"{name}({v})"):
        g.charge("1")
        if single:
            g.line(f"return {g.one(arg, v, env)}")
        else:
            g.many(arg, v, env, g.yielding())
            g.ensure_generator()
    return PyClosure(name, not single)


def _variant(g: Generator, home: Home, function: Function, singles: tuple[bool, ...]) -> str:
    """The Python function for this jq function, given which filter arguments have one output."""
    single = function_single(g, home, function, singles)
    key = (function, home.env, singles)
    if key in g.variants:
        return g.variants[key]
    name = g.variants[key] = g.name("f")
    v = Ex(g.name("v"))
    names: list[str] = [v]
    items: dict[object, object] = {}
    for param, one in zip(function.params, singles, strict=True):
        if param.variable is not None:
            items[param.variable] = Ex(g.name("x"))
            names.append(str(items[param.variable]))
        if param.variable is None or param.called:
            python = PyClosure(g.name("k"), not one)
            items[param] = python
            names.append(python.name)
    saved = g.span
    with g.function(f"{name}({', '.join(names)})", home.frame, fresh=True) as frame:
        frame.tail_key = key
        frame.tail_names = tuple(names)
        if function.recursive:
            with g.nested("while True:", 1):
                g.charge("1")
                tail(g, function.body, v, home.env.bound(items), single)
        else:
            g.charge("1")
            tail(g, function.body, v, home.env.bound(items), single)
        if not single:
            g.ensure_generator()
    g.span = saved
    return name


# -- tail position


def tail(g: Generator, node: Node, v: Ex, env: Env, single: bool) -> None:
    """The last expression of a function: calls of the function itself become turns of its loop."""
    with g.at(node):
        if not _tail(g, node, v, env, single):
            if single:
                g.line(f"return {g.one(node, v, env)}")
            else:
                g.many(node, v, env, g.yielding())
                g.line("return")


def _tail(g: Generator, node: Node, v: Ex, env: Env, single: bool) -> bool:
    if isinstance(node, Pipe) and g.single(node.left, env):
        tail(g, node.right, g.one(node.left, v, env), env, single)
    elif isinstance(node, If) and g.single(node.condition, env) and node.otherwise is not None:
        condition = g.one(node.condition, v, env)
        with g.nested(f"if {truth(condition)}:"):
            tail(g, node.then, g.narrowed(condition, v), env, single)
        tail(g, node.otherwise, v, env, single)
    elif isinstance(node, Alternative) and g.single(node.left, env):
        left = g.one(node.left, v, env)
        with g.nested(f"if {truth(left)}:"):
            g.line(f"{'return' if single else 'yield'} {left}")
            if not single:
                g.line("return")
        tail(g, node.right, v, env, single)
    elif isinstance(node, Define):
        tail(g, node.body, v, g.defined(node, env), single)
    elif isinstance(node, Comma) and not single:
        for part in node.parts[:-1]:
            g.many(part, v, env, g.yielding())
        tail(g, node.parts[-1], v, env, single)
    elif (
        isinstance(node, Bind)
        and len(node.patterns) == 1
        and isinstance(node.patterns[0], PatternVar)
        and g.single(node.source, env)
    ):
        source = g.one(node.source, v, env)
        destructure(g, node.patterns[0], source, env, lambda e: tail(g, node.body, v, e, single))
    elif isinstance(node, Call):
        return _tail_call(g, node, v, env)
    else:
        return False
    return True


def _tail_call(g: Generator, node: Call, v: Ex, env: Env) -> bool:
    """A call of the very function being written: new values for its parameters, and another turn."""
    function = node.target
    if not isinstance(function, Function) or not function.recursive or g.frame.tail_key is None:
        return False
    home = g.home(function, env)
    key = (function, home.env, tuple(g.single(arg, env) for arg in node.args))
    if key != g.frame.tail_key:
        return False
    given: list[str] = [v]
    for param, arg in zip(function.params, node.args, strict=True):
        if param.variable is not None:
            if (param.called and not isinstance(arg, Var)) or not g.single(arg, env):
                return False
        elif not (isinstance(arg, Call) and arg.target is param):
            return False
    for param, arg in zip(function.params, node.args, strict=True):
        if param.variable is not None:
            if param.called:
                return False
            given.append(g.one(arg, v, env))
        else:
            given.append(env.get(param).name)
    g.line(f"{', '.join(g.frame.tail_names)}, = {', '.join(given)},")
    g.line("continue")
    return True
