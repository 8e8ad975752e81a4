"""Dispatch from syntax to the rules that write its code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from crossdock.jq.generate.core import Env, Ex, Frame, Home, K, PyClosure, Writer
from crossdock.jq.places import SAME
from crossdock.jq.syntax import Define, Function, Node

One = Callable[["Generator", Any, Ex, Env], Ex]
Many = Callable[["Generator", Any, Ex, Env, K], None]
Paths = Callable[["Generator", Any, Ex, Ex, Env, "PathK"], None]
Arity = Callable[["Generator", Any, Env], bool]
PathK = Callable[[Ex, Ex], None]

ONE: dict[type, One] = {}
MANY: dict[type, Many] = {}
PATHS: dict[type, Paths] = {}
ARITY: dict[type, Arity] = {}


def one_rule(kind: type) -> Callable[[One], One]:
    """Registers how a node with exactly one output becomes statements and an expression."""

    def register(rule: One) -> One:
        ONE[kind] = rule
        return rule

    return register


def many_rule(kind: type) -> Callable[[Many], Many]:
    """Registers how a node with any number of outputs feeds them to a continuation."""

    def register(rule: Many) -> Many:
        MANY[kind] = rule
        return rule

    return register


def paths_rule(kind: type) -> Callable[[Paths], Paths]:
    """Registers how a node feeds (path, value) pairs to a continuation."""

    def register(rule: Paths) -> Paths:
        PATHS[kind] = rule
        return rule

    return register


def single_rule(kind: type) -> Callable[[Arity], Arity]:
    """Registers when a node has exactly one output (or raises)."""

    def register(rule: Arity) -> Arity:
        ARITY[kind] = rule
        return rule

    return register


class Generator(Writer):
    def __init__(self, registered: dict[str, Any]) -> None:
        super().__init__()
        self.registered = registered
        self._defined: dict[tuple[Define, Env, Frame], Env] = {}
        self.variants: dict[Any, str] = {}
        self.calls: dict[Any, Env] = {}
        self._single: dict[Any, bool] = {}
        self.assumed: dict[Any, bool] = {}
        self.root_home: Home | None = None
        self.expansions = 0
        self.closures: dict[Any, PyClosure] = {}

    # -- names

    def defined(self, node: Define, env: Env) -> Env:
        """The environment after a definition; the function is at home in it, so that it can call itself.

        Each Python function has its own, for what the definition becomes is written there and seen nowhere else.
        """
        key = (node, env, self.frame)
        inner = self._defined.get(key)
        if inner is None:
            home = Home(env, self.frame)
            inner = home.env = self._defined[key] = env.bound({node.function: home})
        return inner

    def home(self, function: Function, env: Env) -> Home:
        home: Home | None = env.get(function) or self.root_home
        assert home is not None
        return home

    # -- dispatch

    @contextmanager
    def at(self, node: Node) -> Iterator[None]:
        saved = self.span
        if node.at.source.name != "<builtin>":
            self.span = node.at
        yield
        self.span = saved

    def single(self, node: Node, env: Env) -> bool:
        """Whether the node has exactly one output (or raises)."""
        key = (node, env)
        known = self._single.get(key)
        if known is None:
            rule = ARITY.get(type(node))
            known = rule(self, node, env) if rule else type(node) in ONE and type(node) not in MANY
            self._single[key] = known
        return known

    def forget_single(self, size: int) -> None:
        """Drops what was concluded since the memo had this size (it rested on a wrong assumption)."""
        for key in list(self._single)[size:]:
            del self._single[key]

    def single_memo(self) -> int:
        return len(self._single)

    def one(self, node: Node, v: Ex, env: Env) -> Ex:
        with self.at(node):
            if self.frame.blocks >= MAX_BLOCKS_ONE or self.block.indent - self.frame.body.indent > 24:
                return self._one_apart(node, v, env)
            return ONE[type(node)](self, node, v, env)

    def _one_apart(self, node: Node, v: Ex, env: Env) -> Ex:
        """The same in a Python function of its own, when blocks nest too deeply here."""
        name = self.name("h")
        with self.function(f"{name}()"):
            self.line(f"return {ONE[type(node)](self, node, v, env)}")
        return self.temp(f"{name}()")

    def many(self, node: Node, v: Ex, env: Env, k: K) -> None:
        if self.single(node, env):
            k(self.one(node, v, env))
            return
        with self.at(node):
            if self.frame.blocks >= MAX_BLOCKS_MANY or self.block.indent - self.frame.body.indent > 20:
                self.pulled(node, v, env, k)
            else:
                MANY[type(node)](self, node, v, env, k)

    def paths(self, node: Node, p: Ex, v: Ex, env: Env, k: PathK) -> None:
        with self.at(node):
            if self.frame.blocks >= MAX_BLOCKS_MANY or self.block.indent - self.frame.body.indent > 20:
                self.pulled_paths(node, p, v, env, k)
            else:
                PATHS[type(node)](self, node, p, v, env, k)

    # -- pulling

    def pull(self, node: Node, v: Ex, env: Env) -> str:
        """A Python iterator over the outputs."""
        name, inner = self.name("g"), self.part(Ex(self.name("v"), v.kind), v, SAME)
        with self.function(f"{name}({inner})"):
            if self.single(node, env):
                self.line(f"yield {self.one(node, inner, env)}")
            else:
                MANY[type(node)](self, node, inner, env, self.yielding())
            self.ensure_generator()
        return f"{name}({v})"

    def pull_paths(self, node: Node, p: Ex, v: Ex, env: Env) -> str:
        name, q, w = self.name("g"), Ex(self.name("p")), self.part(Ex(self.name("v"), v.kind), v, SAME)
        with self.function(f"{name}({q}, {w})"):
            PATHS[type(node)](self, node, q, w, env, self.yield_pair)
            self.ensure_generator()
        return f"{name}({p}, {v})"

    def ensure_generator(self) -> None:
        self.line("return")
        self.line("yield")

    def yielding(self) -> K:
        return K(lambda ex: self.line(f"yield {ex}"), cheap=True, safe=True)

    def yield_pair(self, p: Ex, v: Ex) -> None:
        self.line(f"yield {p}, {v}")

    def pulled(self, node: Node, v: Ex, env: Env, k: K) -> None:
        item = Ex(self.name())
        with self.nested(f"for {item} in {self.pull(node, v, env)}:", 1):
            k(item)

    def pulled_paths(self, node: Node, p: Ex, v: Ex, env: Env, k: PathK) -> None:
        q, w = Ex(self.name("p")), Ex(self.name())
        with self.nested(f"for {q}, {w} in {self.pull_paths(node, p, v, env)}:", 1):
            k(q, w)

    # -- several at once

    def each(self, nodes: Sequence[Node], v: Ex, env: Env, then: Callable[[list[Ex]], None]) -> None:
        """Every combination of the nodes' outputs; the first node is the outermost loop."""

        def step(i: int, found: list[Ex]) -> None:
            if i == len(nodes):
                then(found)
            else:
                self.many(nodes[i], v, env, K(lambda ex: step(i + 1, [*found, ex])))

        step(0, [])

    def charge(self, steps: str) -> None:
        """Counts steps of a loop, or of a call, at run time."""
        self.line(f"st.left -= {steps}")
        self.line("if st.left < 0: st.refill()")

    def over(self, items: str, each: str = "") -> str:
        """What a loop goes over, its turns counted at once; `each` says how, where not as it is."""
        self.line(f"st.left -= len({items})")
        return f"{items}{each} if st.left >= 0 else st.watched({items}{each})"


MAX_BLOCKS_MANY = 12
MAX_BLOCKS_ONE = 14
"""Loops and tries nested in one Python function before a new one is begun (CPython allows 20)."""
