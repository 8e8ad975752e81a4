"""Compiling a program, and running it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossdock.jq import edit, numbers, order, runtime
from crossdock.jq.budget import DEFAULT_BUDGET, Budget, Meter
from crossdock.jq.builtins import values
from crossdock.jq.check import Checker, top_scope
from crossdock.jq.errors import Break, BudgetExceeded, CompileError, JqError, RunError, Source, Span
from crossdock.jq.generate import basics, calls, control, loops, operators, paths, updates
from crossdock.jq.generate.core import Env, Ex, Home
from crossdock.jq.generate.generator import Generator
from crossdock.jq.modules import Loader
from crossdock.jq.parser import parse
from crossdock.jq.places import Places
from crossdock.jq.runtime import NOTHING
from crossdock.jq.syntax import Identity, Node, Variable

if TYPE_CHECKING:
    from crossdock.jq.lineage import Lineage

MAX_SOURCE_BYTES = 1024 * 1024
_COMPILE_RECURSION = 20_000

_RULES = (basics, calls, control, loops, operators, paths, updates)
_RUNTIME: dict[str, Any] = {
    "RunError": RunError,
    "Break": Break,
    "NOTHING": NOTHING,
    **{
        name: getattr(module, name)
        for module, names in {
            numbers: ("NUMBERS", "add", "subtract", "multiply", "divide", "modulo", "negate", "from_double"),
            order: ("equal", "less"),
            values: ("entry_key", "put_entry"),
            edit: ("get_path", "set_path", "assign", "modify"),
            runtime: (
                "get", "get_slice", "members", "sequence", "elements", "keyed_elements", "object_key",
                "SIZED", "total", "keyed", "to_string", "counting", "descend", "descend_paths", "limited", "skipped",
                "astray", "astray_at", "astray_through",
            ),
        }.items()
        for name in names
    },
    **{kind.__name__: kind for kind in (type, dict, list, str, int, bool, tuple, zip)},
    "len": len,
}  # fmt: skip
_compiling = threading.Lock()
"""Programs share the functions of the prelude, which the first that calls one resolves."""
_deep = threading.Lock()
_deep_users = 0
_shallow_limit = 0


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for deeply nested programs while they are compiled; the compiler's frames are Python's own, not C's."""
    global _deep_users, _shallow_limit
    with _deep:
        if _deep_users == 0:
            _shallow_limit = sys.getrecursionlimit()
            sys.setrecursionlimit(max(_shallow_limit, _COMPILE_RECURSION))
        _deep_users += 1
    try:
        yield
    finally:
        with _deep:
            _deep_users -= 1
            if _deep_users == 0:
                sys.setrecursionlimit(_shallow_limit)


class Program:
    """A compiled program; immutable, and safe to run from several threads at once."""

    def __init__(
        self,
        places: Places,
        tree: Node,
        namespace: dict[str, Any],
        variables: tuple[str, ...],
        single: bool,
        budget: Budget,
    ) -> None:
        self.tree = tree
        self.single = single
        self.budget = budget
        self.variables = variables
        self._places = places
        self._filename = places.main.name
        code = compile(places.relocated(), self._filename, "exec")
        exec(code, namespace)  # noqa: S102 - text of our own making: no name or string of the program is in it
        self._function: Callable[..., Any] = namespace["program"]

    @property
    def source(self) -> str:
        """The generated Python; where a line of the program begins, its number stands behind."""
        return self._places.commented()

    def run(
        self,
        value: Any,
        *,
        now: float | None = None,
        on_debug: Callable[[Any], None] | None = None,
        **variables: Any,
    ) -> Iterator[Any]:
        """The outputs, computed as they are taken. Values are shared with the input: change neither.

        `now` is what `now` gives, in seconds since the epoch. Raises RunError, BudgetExceeded; and MemoryError where
        the machine has less than the budget allows, which is not the program's fault.
        """
        given = self._given(variables)
        meter = Meter(self.budget, now, on_debug)
        try:
            if self.single:
                yield meter.measured(self._function(value, meter, *given))
            else:
                for output in self._function(value, meter, *given):
                    yield meter.measured(output)
        except MemoryError:
            raise
        except Exception as error:
            raise self._explained(error) from error.__cause__

    def first(
        self,
        value: Any,
        *,
        now: float | None = None,
        on_debug: Callable[[Any], None] | None = None,
        **variables: Any,
    ) -> Any:
        """The first output; NOTHING when there is none. Raises RunError, BudgetExceeded."""
        given = self._given(variables) if variables or self.variables else None
        meter = Meter(self.budget, now, on_debug)
        try:
            if self.single:
                return meter.measured(self._function(value, meter, *given) if given else self._function(value, meter))
            for output in self._function(value, meter, *given or ()):
                return meter.measured(output)
        except MemoryError:
            raise
        except Exception as error:
            raise self._explained(error) from error.__cause__
        return NOTHING

    def all(
        self,
        value: Any,
        *,
        now: float | None = None,
        on_debug: Callable[[Any], None] | None = None,
        **variables: Any,
    ) -> list[Any]:
        """All outputs. Raises RunError, BudgetExceeded."""
        return list(self.run(value, now=now, on_debug=on_debug, **variables))

    def reads(self) -> frozenset[str]:
        """Input paths whose values the program may use, as `a.b.*.c`; everything below a path may be used too.

        `*` stands for any key or index, `.` for the whole input. It may name too many, never too few.
        """
        from crossdock.jq.reads import reads

        with _deep_recursion():
            return reads(self.tree, self.variables)

    def lineage(self) -> Lineage:
        """Which parts of the input, the variables and the lent functions may reach which parts of the outputs.

        It may name too many, never too few, as long as the lent functions keep to what they are given. What makes a
        whole run fail is not followed.
        """
        from crossdock.jq.lineage import lineage

        with _deep_recursion():
            return lineage(self.tree, self.variables)

    def _given(self, variables: Mapping[str, Any]) -> list[Any]:
        try:
            given = [variables[name] for name in self.variables]
        except KeyError as error:
            raise TypeError(f"the program needs ${error.args[0]}") from None
        if len(given) != len(variables):
            extra = sorted(set(variables) - set(self.variables))
            raise TypeError(f"the program has no ${extra[0]}")
        return given

    def _explained(self, error: BaseException) -> JqError:
        """The error with its place in the program; Python's own become ours."""
        place, path = self._places.found(error.__traceback__, self._filename)
        if isinstance(error, RecursionError):
            error = BudgetExceeded("the program recurses too deeply", "Python's limit on nested calls")
        elif isinstance(error, Break):
            error = RunError("break")
        if isinstance(error, (RunError, BudgetExceeded)):
            if error.where is None:
                error.where = place
                if isinstance(error, RunError):
                    error.path = path
            return error
        if isinstance(error, JqError):
            return error
        broken = RunError(f"internal error: {type(error).__name__}: {error}")
        broken.where = place
        broken.__cause__ = error
        return broken


def compile_program(
    source: str,
    *,
    variables: Sequence[str] = (),
    functions: Mapping[str, Callable[..., Any]] | None = None,
    module_path: Path | None = None,
    budget: Budget | None = None,
    name: str = "<program>",
) -> Program:
    """Compiles a jq program.

    `variables` are the names (without $) that each run must be given. `functions` may be called by the program as
    filters: `name(a; b)` calls the function with every combination of the arguments' outputs; one with the
    attribute `takes_input = True` gets the input first. What they raise becomes an error that the program can
    catch. `import` and `include` resolve inside `module_path`, or not at all. Raises CompileError.
    """
    text = Source(name, source)
    whole = Span(text, 0, 1)
    if len(source) > MAX_SOURCE_BYTES:
        raise CompileError(f"the program is longer than {MAX_SOURCE_BYTES:,} characters", whole)
    try:
        with _compiling, _deep_recursion():
            return _compile(text, tuple(variables), dict(functions or {}), module_path, budget or DEFAULT_BUDGET)
    except (RecursionError, MemoryError):
        raise CompileError("the program is nested too deeply", whole) from None
    except SyntaxError as error:
        reason = (
            "nested too deeply" if "nest" in str(error) or "indent" in str(error) else f"beyond this compiler ({error})"
        )
        raise CompileError(f"the program is {reason}", whole) from None


def _compile(
    source: Source,
    variables: tuple[str, ...],
    functions: dict[str, Callable[..., Any]],
    module_path: Path | None,
    budget: Budget,
) -> Program:
    module = parse(source)
    checker = Checker()
    loader = Loader(module_path, checker)
    if module_path is not None:
        functions = {"modulemeta": _module_meta(loader), **functions}
    checker.lend(functions)
    given = {variable: Variable(variable) for variable in variables}
    environment = Variable("ENV")
    scope = loader.scope(module, module_path, top_scope({"ENV": environment, **given}))
    tree = module.main or Identity(Span(source, 0, len(source.text)))
    checker.check(tree, scope)
    checker.raise_problems()

    g = Generator(functions)
    items: dict[Any, Any] = {variable: Ex(g.name("x")) for variable in given.values()}
    for variable, value in {environment: {}, **loader.constants}.items():
        items[variable] = Ex(g.constant(value))
    env = Env(None, items)
    v = Ex(g.name("v"))
    names = ", ".join([v, "st", *(items[variable] for variable in given.values())])
    g.span = tree.at
    with g.function(f"program({names})") as frame:
        g.root_home = Home(env, frame)
        single = g.single(tree, env)
        if single:
            g.line(f"return {g.one(tree, v, env)}")
        else:
            g.many(tree, v, env, g.yielding())
            g.ensure_generator()
    lines, spans = g.code()
    places = Places(source, tuple(lines), tuple(spans), g.origins, v)
    namespace = {
        "__builtins__": {"__build_class__": None}, "__name__": source.name, "__loader__": places,
        **_RUNTIME, **g.namespace,
    }  # fmt: skip
    return Program(places, tree, namespace, variables, single, budget)


def _module_meta(loader: Loader) -> Callable[[Any], Any]:
    def modulemeta(name: Any) -> Any:
        if type(name) is not str:
            raise RunError("modulemeta input module name must be a string")
        return loader.describe(name)

    modulemeta.takes_input = True  # type: ignore[attr-defined]
    return modulemeta
