"""The code generator's frame: Python lines, names, constants, caches, and dispatch to the rules.

Code is *pushed*: a rule for many outputs calls its continuation `k` once with the expression of an output, and
whatever `k` writes lands inside the loops that produce it. Only where an expression forks (`a, b`) and the
continuation is not cheap enough to write twice does the expression become a Python generator that is pulled.
Text of the program never reaches the code except as `ascii()` literals and through the constants table; a text that
looks like a name of ours is a constant, so that whoever reads the lines can tell names by their form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from crossdock.jq.errors import CompileError, Span
from crossdock.jq.generate.tidy import TEMPORARY, Block, tidied
from crossdock.jq.syntax import Function, LabelName, Node, Param, Variable

MAX_INDENT = 80
MAX_LINES = 40_000


class Ex(str):
    """A Python expression that may be repeated freely: a name or a literal. `kind` is what is known of its type."""

    __slots__ = ("kind",)
    kind: str | None

    def __new__(cls, text: str, kind: str | None = None) -> Ex:
        self = super().__new__(cls, text)
        self.kind = kind
        return self


Shape = dict[str, Ex] | list[Ex]
"""The parts of an object, by the literals of its keys, or of an array."""


@dataclass(slots=True, eq=False)
class K:
    """What happens to each output. `cheap`: may be written twice. `safe`: raises nothing (yield, append)."""

    emit: Callable[[Ex], None]
    cheap: bool = False
    safe: bool = False

    def __call__(self, ex: Ex) -> None:
        self.emit(ex)


def _ignore(_ex: Ex) -> None:
    return


IGNORED = K(_ignore)
"""For outputs that nobody takes."""


@dataclass(slots=True, eq=False)
class Closure:
    """An argument not yet compiled: the node, and where its names have meaning."""

    node: Node
    env: Env


@dataclass(slots=True, eq=False)
class PyClosure:
    """An argument that is a Python function: `name(value)`, and `paths(path, value)` where it is used in paths."""

    name: str
    many: bool
    paths: str | None = None


class Env:
    """What names mean at a point of the program: variables to expressions, parameters to closures."""

    __slots__ = ("_items", "parent")

    def __init__(self, parent: Env | None, items: dict[Any, Any]) -> None:
        self.parent = parent
        self._items = items

    def get(self, key: Variable | Param | LabelName | Function) -> Any:
        env: Env | None = self
        while env is not None:
            if key in env._items:
                return env._items[key]
            env = env.parent
        return None

    def bound(self, items: dict[Any, Any]) -> Env:
        return Env(self, items) if items else self


@dataclass(slots=True, eq=False)
class Frame:
    """One Python function being written. `prologue` holds the functions defined inside it."""

    parent: Frame | None
    body: Block
    prologue: Block
    depth: int
    blocks: int = 0
    tail_key: object = None
    tail_names: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Home:
    """Where a jq function is defined: its environment, and the Python frame that its code may live in."""

    env: Env
    frame: Frame


class Writer:
    """Lines, names, constants and caches."""

    def __init__(self) -> None:
        top = Block()
        self.frame = Frame(None, top, top, 0)
        self.block = top
        self.span: Span | None = None
        self.caches: list[dict[object, Any]] = [{}]
        self.namespace: dict[str, Any] = {}
        self.origins: dict[str, tuple[str, str]] = {}
        self.tests: dict[str, Ex] = {}
        self._pure: set[str] = set()
        self._constants: dict[tuple[type, str], str] = {}
        self._counter = 0
        self._lines = 0

    def name(self, prefix: str = "t") -> str:
        self._counter += 1
        return f"{prefix}{self._counter}"

    def line(self, text: str) -> None:
        self._lines += 1
        if self._lines > MAX_LINES and self.span is not None:
            raise CompileError("the program is too large", self.span)
        self.block.items.append((text, self.span))

    def line_count(self) -> int:
        return self._lines

    def temp(self, expression: str, kind: str | None = None) -> Ex:
        name = self.name()
        self.line(f"{name} = {expression}")
        return Ex(name, kind)

    def pure(self, expression: str, kind: str | None = None) -> Ex:
        """A temporary whose expression neither fails nor does anything: left out if nobody asks for it."""
        made = expression[0] in "[{"
        if not made and (known := self.cached(expression)) is not None:
            return known
        found = self.temp(expression, kind)
        self._pure.add(found)
        return found if made else self.remember(expression, found)

    def shared(self, expression: str, kind: str | None = None) -> Ex:
        """A temporary for an expression that gives the same again: computed once where it is in sight."""
        return self.cached(expression) or self.remember(expression, self.temp(expression, kind))

    @contextmanager
    def captured(self) -> Iterator[Block]:
        """Lines go to a block of their own, which the caller places."""
        outer, inner = self.block, Block(indent=self.block.indent + 1)
        self.block = inner
        self.caches.append({})
        yield inner
        self.caches.pop()
        self.block = outer

    def expression(self, block: Block, ex: Ex) -> str | None:
        """What was captured as one expression that cannot fail, where it is one."""
        if not block.items:
            return ex
        if len(block.items) == 1 and ex in self._pure and not isinstance(block.items[0], Block):
            text = block.items[0][0]
            if text.startswith(f"{ex} = "):
                return text[len(ex) + 3 :]
        return None

    @contextmanager
    def nested(self, header: str, blocks: int = 0) -> Iterator[None]:
        """The indented block under `header`; `blocks` is 1 for loops and tries."""
        self.line(header)
        outer, inner = self.block, Block(indent=self.block.indent + 1)
        if inner.indent > MAX_INDENT and self.span is not None:
            raise CompileError("the program is nested too deeply", self.span)
        outer.items.append(inner)
        self.block = inner
        self.caches.append({})
        self.frame.blocks += blocks
        yield
        self.frame.blocks -= blocks
        self.caches.pop()
        if not inner.items:
            self.line("pass")
        self.block = outer

    @contextmanager
    def function(self, signature: str, home: Frame | None = None, fresh: bool = False) -> Iterator[Frame]:
        """A Python function placed at the head of `home` (the current frame unless told)."""
        parent = home or self.frame
        saved = (self.frame, self.block, self.caches)
        shell = Block(indent=parent.prologue.indent)
        body = Block(indent=shell.indent + 1)
        if body.indent > MAX_INDENT and self.span is not None:
            raise CompileError("the program is nested too deeply", self.span)
        shell.items.append((f"def {signature}:", self.span))
        shell.items.append(body)
        prologue = Block(indent=body.indent)
        body.items.append(prologue)
        self.frame = Frame(parent, body, prologue, parent.depth + 1)
        self.block = body
        self.caches = [{}] if fresh else [*saved[2], {}]
        yield self.frame
        if len(body.items) == 1 and not prologue.items:
            self.line("pass")
        self.frame, self.block, self.caches = saved
        parent.prologue.items.append(shell)

    def narrowed(self, condition: Ex, v: Ex) -> Ex:
        """The value, where the condition holds: of the kind that it was tested for."""
        found = self.tests.get(condition)
        return found if found == v and found is not None else v

    def cached(self, key: object) -> Ex | None:
        for cache in reversed(self.caches):
            known = cache.get(key)
            if known is not None:
                return known  # type: ignore[no-any-return]
        return None

    def part(self, found: Ex, whole: Ex, key: str) -> Ex:
        """Remembers of what value `found` is a part, for messages: `key` is code, SAME or ELEMENT."""
        self.origins[found] = (whole, key)
        return found

    def shape(self, ex: Ex) -> Shape | None:
        """What the value is made of, where its making is in sight."""
        for cache in reversed(self.caches):
            if (found := cache.get(("shape", ex))) is not None:
                return found  # type: ignore[no-any-return]
        return None

    def made(self, expression: str, shape: Shape) -> Ex:
        """A new array or object of these parts."""
        found = self.pure(expression, "dict" if isinstance(shape, dict) else "list")
        self.caches[-1]["shape", found] = shape
        return found

    def remember(self, key: Any, ex: Ex) -> Ex:
        self.caches[-1][key] = ex
        return ex

    def constant(self, value: Any) -> str:
        key = (type(value), repr(value))
        name = self._constants.get(key)
        if name is None:
            name = self._constants[key] = self.name("c")
            self.namespace[name] = value
        return name

    def literal(self, value: Any) -> Ex:
        """A JSON constant as an expression; arrays and objects are built anew each time."""
        if value is None:
            return Ex("None", "null")
        if value is True or value is False:
            return Ex(repr(value), "bool")
        if type(value) is str:
            plain = len(value) <= 200 and not TEMPORARY.search(value)
            return Ex(ascii(value) if plain else self.constant(value), "str")
        if type(value) is int and abs(value) < 10**18:
            return Ex(repr(value) if value >= 0 else f"({value!r})", "int")
        if type(value) is list:
            return self.pure(f"[{', '.join(map(self.literal, value))}]", "list")
        if type(value) is dict:
            items = (f"{self.literal(key)}: {self.literal(item)}" for key, item in value.items())
            return self.pure(f"{{{', '.join(items)}}}", "dict")
        return Ex(self.constant(value), "int" if type(value) is int else "num")

    def code(self) -> tuple[list[str], list[Span | None]]:
        """The lines of Python, and the place in the program that each of its lines came from."""
        return tidied(self.frame.body, self._pure)


def grouped(expression: str) -> str:
    """The expression, fit to stand inside another one."""
    return f"({expression})" if " " in expression and not isinstance(expression, Ex) else expression


def truth(ex: Ex) -> str:
    """The Python condition that holds when jq takes the value for true."""
    if ex.kind == "bool":
        return ex
    if ex.kind == "null":
        return "False"
    if ex.kind is not None:
        return "True"
    return f"{ex} is not None and {ex} is not False"


def falsity(ex: Ex) -> str:
    if ex.kind == "bool":
        return f"not {ex}"
    if ex.kind == "null":
        return "True"
    if ex.kind is not None:
        return "False"
    return f"{ex} is None or {ex} is False"
