"""Arithmetic, comparison, logic and `//`."""

from __future__ import annotations

from crossdock.jq.generate.core import Env, Ex, K, falsity, grouped, truth
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.generate.search import loops
from crossdock.jq.syntax import Alternative, Binary, Call, Literal, Logic, Negate

_FUNCTIONS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}
_NUMERIC = ("int", "num")


def binary(g: Generator, op: str, a: Ex, b: Ex) -> Ex:
    if op in ("==", "!="):
        return _equality(g, op, a, b)
    if op in ("<", "<=", ">", ">="):
        return _order(g, op, a, b)
    both = _int_check(a, b)
    call = f"{_FUNCTIONS[op]}({a}, {b}, st)"
    kind = "num" if a.kind in _NUMERIC and b.kind in _NUMERIC else None
    if op in ("+", "-") and both is not None:
        return g.temp(f"{a} {op} {b} if {both} else {call}" if both else f"{a} {op} {b}", kind)
    if op == "+" and a.kind == b.kind and a.kind in ("str", "list", "dict"):
        kind = a.kind
    return g.temp(call, kind)


def _int_check(a: Ex, b: Ex) -> str | None:
    """The condition that both are ints: "" when known, None when known not to hold."""
    checks = []
    for ex in (a, b):
        if ex.kind == "int":
            continue
        if ex.kind not in (None, "num"):
            return None
        checks.append(f"type({ex}) is int")
    return " and ".join(checks)


def _equality(g: Generator, op: str, a: Ex, b: Ex) -> Ex:
    if a.kind in ("null", "bool", "str", "int") and _is_literal(a):
        a, b = b, a
    if _is_literal(a):
        a = g.temp(a, a.kind)
    if b.kind == "null" and a.kind is not None:
        return Ex(str((a.kind == "null") is (op == "==")), "bool")
    if b.kind == "null" or (b.kind == "bool" and _is_literal(b)):
        return g.pure(f"{a} {'is' if op == '==' else 'is not'} {b}", "bool")
    if "str" in (a.kind, b.kind):
        return g.pure(f"{a} {op} {b}", "bool")
    if b.kind == "int" and b.isdigit():
        if int(b) > 1 or a.kind in _NUMERIC:
            return g.pure(f"{a} {op} {b}", "bool")
        boolean = "True" if int(b) else "False"
        if op == "==":
            return g.pure(f"{a} == {b} and {a} is not {boolean}", "bool")
        return g.pure(f"{a} != {b} or {a} is {boolean}", "bool")
    call = f"equal({a}, {b}, st)"
    return g.temp(call if op == "==" else f"not {call}", "bool")


def _is_literal(ex: Ex) -> bool:
    return ex in ("None", "True", "False") or ex[0] in "'\"0123456789("


def _order(g: Generator, op: str, a: Ex, b: Ex) -> Ex:
    call = {
        "<": f"less({a}, {b}, st)",
        ">": f"less({b}, {a}, st)",
        "<=": f"not less({b}, {a}, st)",
        ">=": f"not less({a}, {b}, st)",
    }[op]
    if a.kind == b.kind == "str":
        return g.temp(f"{a} {op} {b}", "bool")
    both = _int_check(a, b)
    if both is None:
        return g.temp(call, "bool")
    return g.temp(f"{a} {op} {b} if {both} else {call}" if both else f"{a} {op} {b}", "bool")


@single_rule(Binary)
def _binary_single(g: Generator, node: Binary, env: Env) -> bool:
    return g.single(node.left, env) and g.single(node.right, env)


@one_rule(Binary)
def _binary_one(g: Generator, node: Binary, v: Ex, env: Env) -> Ex:
    if (test := _type_test(g, node, v)) is not None:
        return test
    right = g.one(node.right, v, env)
    left = g.one(node.left, v, env)
    return binary(g, node.op, left, right)


_TYPES = {"null": "null", "boolean": "bool", "number": "num", "string": "str", "array": "list", "object": "dict"}
_TESTS = {"null": "{} is None", "num": "type({}) in NUMBERS"}


def _type_test(g: Generator, node: Binary, v: Ex) -> Ex | None:
    """`type == "object"` without the name of the type; where it holds, the kind of the value is known."""
    match node:
        case Binary(op="==", left=Call(name="type", args=[], target=None), right=Literal(value=str() as name)):
            kind = _TYPES.get(name)
            if kind is None:
                return None
            if v.kind is not None:
                return Ex(str(kind == ("num" if v.kind == "int" else v.kind)), "bool")
            test = g.pure(_TESTS.get(kind, f"type({{}}) is {kind}").format(v), "bool")
            g.tests[test] = Ex(v, kind)
            return test
    return None


@many_rule(Binary)
def _binary_many(g: Generator, node: Binary, v: Ex, env: Env, k: K) -> None:
    def finish(found: list[Ex]) -> None:
        with g.at(node):
            result = binary(g, node.op, found[1], found[0])
        k(result)

    g.each([node.right, node.left], v, env, finish)


@single_rule(Negate)
def _negate_single(g: Generator, node: Negate, env: Env) -> bool:
    return g.single(node.body, env)


@one_rule(Negate)
def _negate_one(g: Generator, node: Negate, v: Ex, env: Env) -> Ex:
    return g.temp(f"negate({g.one(node.body, v, env)})", "num")


@many_rule(Negate)
def _negate_many(g: Generator, node: Negate, v: Ex, env: Env, k: K) -> None:
    g.many(node.body, v, env, K(lambda ex: k(g.temp(f"negate({ex})", "num")), cheap=k.cheap))


# -- and, or, //


@single_rule(Logic)
def _logic_single(g: Generator, node: Logic, env: Env) -> bool:
    return g.single(node.left, env) and g.single(node.right, env)


@one_rule(Logic)
def _logic_one(g: Generator, node: Logic, v: Ex, env: Env) -> Ex:
    left = truth(g.one(node.left, v, env))
    if left in ("True", "False"):
        if (left == "True") is (node.op == "or"):
            return Ex(left, "bool")
        return g.pure(truth(g.one(node.right, v, env)), "bool")
    with g.captured() as apart:
        right = g.one(node.right, v, env)
    short = g.expression(apart, right)
    if short is not None and (right.kind == "bool" or not apart.items):
        test = grouped(short) if right.kind == "bool" else truth(right)
        return g.pure(f"{grouped(left)} {node.op} {grouped(test)}", "bool")
    result = g.temp(left, "bool")
    g.line(f"if {'not ' if node.op == 'or' else ''}{result}:")
    apart.items.append((f"{result} = {truth(right)}", g.span))
    g.block.items.append(apart)
    return result


@many_rule(Logic)
def _logic_many(g: Generator, node: Logic, v: Ex, env: Env, k: K) -> None:
    if not k.cheap:
        g.pulled(node, v, env, k)
        return

    def after_left(left: Ex) -> None:
        with g.nested(f"if {truth(left) if node.op == 'and' else falsity(left)}:"):
            g.many(node.right, v, env, K(lambda ex: k(g.temp(truth(ex), "bool")), cheap=True))
        with g.nested("else:"):
            k(Ex("False" if node.op == "and" else "True", "bool"))

    g.many(node.left, v, env, K(after_left))


@single_rule(Alternative)
def _alternative_single(g: Generator, node: Alternative, env: Env) -> bool:
    return g.single(node.right, env) and loops(g, node.left, env) == 0


@one_rule(Alternative)
def _alternative_one(g: Generator, node: Alternative, v: Ex, env: Env) -> Ex:
    if not g.single(node.left, env):
        return _alternative_to_none(g, node, v, env)
    left = g.one(node.left, v, env)
    if left.kind is not None and left.kind != "bool":
        return g.one(node.right, v, env) if left.kind == "null" else left
    with g.captured() as apart:
        right = g.one(node.right, v, env)
    if (short := g.expression(apart, right)) is not None:
        return g.pure(f"{grouped(short)} if {falsity(left)} else {left}")
    result = g.temp(left)
    g.line(f"if {falsity(result)}:")
    apart.items.append((f"{result} = {right}", g.span))
    g.block.items.append(apart)
    return result


def _alternative_to_none(g: Generator, node: Alternative, v: Ex, env: Env) -> Ex:
    """`f? // g` and the like, where the left side may have no output."""
    result = Ex(g.name())
    g.line(f"{result} = None")
    g.many(node.left, v, env, K(lambda ex: g.line(f"{result} = {ex}"), cheap=True, safe=True))
    with g.nested(f"if {falsity(result)}:"):
        g.line(f"{result} = {g.one(node.right, v, env)}")
    return result


@many_rule(Alternative)
def _alternative_many(g: Generator, node: Alternative, v: Ex, env: Env, k: K) -> None:
    from crossdock.jq.generate.control import never

    if never(node.right):

        def keep(ex: Ex) -> None:
            with g.nested(f"if {truth(ex)}:"):
                found_any(ex)

        found = g.temp("False", "bool") if not g.single(node.left, env) else None

        def found_any(ex: Ex) -> None:
            if found is not None:
                g.line(f"{found} = True")
            k(ex)

        g.many(node.left, v, env, K(keep, cheap=k.cheap))
        with g.nested(f"if not {found}:") if found is not None else g.nested("else:"):
            g.many(node.right, v, env, k)
        return
    if not k.cheap:
        g.pulled(node, v, env, k)
        return
    found = g.temp("False", "bool")

    def each_left(ex: Ex) -> None:
        with g.nested(f"if {truth(ex)}:"):
            g.line(f"{found} = True")
            k(ex)

    g.many(node.left, v, env, K(each_left, cheap=True))
    with g.nested(f"if not {found}:"):
        g.many(node.right, v, env, k)
