"""if, try, label, break, def."""

from __future__ import annotations

from crossdock.jq.generate.access import items
from crossdock.jq.generate.core import IGNORED, Env, Ex, K, grouped, truth
from crossdock.jq.generate.generator import Generator, many_rule, one_rule, single_rule
from crossdock.jq.places import ELEMENT, SAME
from crossdock.jq.syntax import BreakTo, Call, Define, Identity, If, Iterate, Label, Node, Try


def never(node: Node) -> bool:
    """Whether the node surely has no output: it is empty, raises or breaks."""
    if isinstance(node, Call):
        return node.target is None and (node.name, len(node.args)) in {("empty", 0), ("error", 0), ("error", 1)}
    return isinstance(node, BreakTo)


# -- if


def _branches(node: If) -> tuple[Node, Node]:
    return node.then, node.otherwise or Identity(node.at)


@single_rule(If)
def _if_single(g: Generator, node: If, env: Env) -> bool:
    return g.single(node.condition, env) and all(g.single(branch, env) for branch in _branches(node))


@one_rule(If)
def _if_one(g: Generator, node: If, v: Ex, env: Env) -> Ex:
    condition = g.one(node.condition, v, env)
    return _choose(g, node, condition, v, env)


def _choose(g: Generator, node: If, condition: Ex, v: Ex, env: Env) -> Ex:
    then, otherwise = _branches(node)
    if (held := truth(condition)) in ("True", "False"):
        return g.one(then if held == "True" else otherwise, v, env)
    with g.captured() as yes:
        a = g.one(then, g.narrowed(condition, v), env)
    with g.captured() as no:
        b = g.one(otherwise, v, env)
    kinds = {ex.kind for ex, branch in ((a, then), (b, otherwise)) if not never(branch)}
    kind = kinds.pop() if len(kinds) == 1 else None
    short = g.expression(yes, a), g.expression(no, b)
    if short[0] is not None and short[1] is not None:
        return g.pure(f"{grouped(short[0])} if {held} else {grouped(short[1])}", kind)
    result = Ex(g.name(), kind)
    for header, block, ex in ((f"if {held}:", yes, a), ("else:", no, b)):
        g.line(header)
        block.items.append((f"{result} = {ex}", g.span))
        g.block.items.append(block)
    return result


@many_rule(If)
def _if_many(g: Generator, node: If, v: Ex, env: Env, k: K) -> None:
    branches = _branches(node)
    if all(g.single(branch, env) for branch in branches):
        g.many(node.condition, v, env, K(lambda ex: k(_choose(g, node, ex, v, env)), cheap=k.cheap))
        return
    if not k.cheap and not any(never(branch) for branch in branches):
        g.pulled(node, v, env, k)
        return

    def choose(condition: Ex) -> None:
        if (held := truth(condition)) in ("True", "False"):
            g.many(branches[held == "False"], v, env, k)
            return
        for header, branch in zip((f"if {held}:", "else:"), branches, strict=True):
            if header == "else:" and _is_empty(branch):
                continue
            with g.nested(header):
                inside = v if header == "else:" else g.narrowed(condition, v)
                g.many(branch, inside, env, IGNORED if never(branch) else k)

    g.many(node.condition, v, env, K(choose, cheap=k.cheap))


def _is_empty(node: Node) -> bool:
    return isinstance(node, Call) and node.target is None and node.name == "empty"


# -- try


@single_rule(Try)
def _try_single(g: Generator, node: Try, env: Env) -> bool:
    return node.handler is not None and g.single(node.body, env) and g.single(node.handler, env)


@one_rule(Try)
def _try_one(g: Generator, node: Try, v: Ex, env: Env) -> Ex:
    assert node.handler is not None
    result = Ex(g.name())
    with g.nested("try:", 1):
        g.line(f"{result} = {g.one(node.body, v, env)}")
    error = g.name("e")
    with g.nested(f"except RunError as {error}:"):
        caught = g.temp(f"{error}.value")
        g.line(f"{result} = {g.one(node.handler, caught, env)}")
    return result


@many_rule(Try)
def _try_many(g: Generator, node: Try, v: Ex, env: Env, k: K) -> None:
    if g.single(node.body, env) and (node.handler is None or never(node.handler)):
        _try_single_body(g, node, v, env, k)
        return
    if isinstance(node.body, Iterate) and node.handler is None and g.single(node.body.target, env):
        _try_elements(g, node.body, v, env, k)
        return
    if not k.safe:
        g.pulled(node, v, env, k)
        return
    with g.nested("try:", 1):
        g.many(node.body, v, env, k)
    error = g.name("e")
    if node.handler is None:
        with g.nested("except RunError:"):
            pass
        return
    caught = Ex(g.name())
    failed = g.name()
    # the handler runs after the except clause: a generator must not hold on to the error while it is suspended
    g.block.items.insert(-2, (f"{failed} = False", g.span))
    with g.nested(f"except RunError as {error}:"):
        g.line(f"{caught}, {failed} = {error}.value, True")
    with g.nested(f"if {failed}:"):
        g.many(node.handler, caught, env, k)


def _try_elements(g: Generator, node: Iterate, v: Ex, env: Env, k: K) -> None:
    """`.a[]?`: all that can fail is over before the first element."""
    found = Ex(g.name())
    item = g.part(Ex(g.name()), found, ELEMENT)
    with g.nested("try:", 1):
        elements = items(g, g.one(node.target, v, env))
        g.line(f"{g.part(found, elements, SAME)} = {elements}")
    with g.nested("except RunError:"):
        g.line(f"{found} = ()")
    with g.nested(f"for {item} in {g.over(found)}:", 1):
        k(item)


def _try_single_body(g: Generator, node: Try, v: Ex, env: Env, k: K) -> None:
    """One output or none: what follows stands in `else:`, outside the protection."""
    with g.nested("try:", 1):
        result = g.one(node.body, v, env)
        if not result.isidentifier() or result in ("None", "True", "False"):
            result = g.temp(result, result.kind)
    error = g.name("e")
    with g.nested(f"except RunError as {error}:"):
        if node.handler is not None:
            caught = g.temp(f"{error}.value")
            g.many(node.handler, caught, env, IGNORED)
    with g.nested("else:"):
        k(result)


# -- label and break


@single_rule(Label)
def _label_single(_g: Generator, _node: Label, _env: Env) -> bool:
    return False


@many_rule(Label)
def _label_many(g: Generator, node: Label, v: Ex, env: Env, k: K) -> None:
    name, caught = g.name("label"), g.name("e")
    g.line(f"{name} = Break()")
    with g.nested("try:", 1):
        g.many(node.body, v, env.bound({node.label: Ex(name)}), k)
    with g.nested(f"except Break as {caught}:"):
        g.line(f"if {caught} is not {name}: raise")


@one_rule(BreakTo)
def _break(g: Generator, node: BreakTo, _v: Ex, env: Env) -> Ex:
    assert node.label is not None
    g.line(f"raise {env.get(node.label)}")
    return Ex("None")


@single_rule(BreakTo)
def _break_single(_g: Generator, _node: BreakTo, _env: Env) -> bool:
    return True


# -- def


@single_rule(Define)
def _define_single(g: Generator, node: Define, env: Env) -> bool:
    return g.single(node.body, g.defined(node, env))


@one_rule(Define)
def _define_one(g: Generator, node: Define, v: Ex, env: Env) -> Ex:
    return g.one(node.body, v, g.defined(node, env))


@many_rule(Define)
def _define_many(g: Generator, node: Define, v: Ex, env: Env, k: K) -> None:
    g.many(node.body, v, g.defined(node, env), k)
