"""import and include, inside one folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from crossdock.jq.check import Checker, Scope
from crossdock.jq.errors import CompileError, JqError, Source, Span
from crossdock.jq.syntax import Function, Import, Module, Param, Variable

MAX_MODULES = 200
MAX_MODULE_BYTES = 4 * 1024 * 1024


class Loader:
    """Reads modules below `root` and nowhere else; symbolic links may not lead out of it."""

    def __init__(self, root: Path | None, checker: Checker) -> None:
        self.root = root.resolve() if root is not None else None
        self.checker = checker
        self.constants: dict[Variable, Any] = {}
        self._modules: dict[Path, dict[tuple[str, int], Function]] = {}
        self._loading: list[Path] = []

    def scope(self, module: Module, folder: Path | None, base: Scope) -> Scope:
        """The names that the imports and definitions of a module make visible."""
        functions: dict[tuple[str, int], Function | Param] = {}
        variables: dict[str, Variable] = {}
        for item in module.imports:
            if item.data:
                variable = Variable(str(item.alias))
                self.constants[variable] = self._data(item, folder)
                variables[str(item.alias)] = variable
                variables[f"{item.alias}::{item.alias}"] = variable
                continue
            for (name, arity), function in self._functions(item, folder).items():
                functions[name if item.alias is None else f"{item.alias}::{name}", arity] = function
        scope = base.with_functions(functions.items()).with_variables(variables.values())
        scope = Scope(scope.functions, {**scope.variables, **variables}, scope.labels)
        for function in module.functions:
            self.checker.function(function, scope)
            scope = scope.with_functions([((function.name, len(function.params)), function)])
        return scope

    def _functions(self, item: Import, folder: Path | None) -> dict[tuple[str, int], Function]:
        path = self._find(item, folder, ".jq")
        if path in self._modules:
            return self._modules[path]
        if path in self._loading:
            raise CompileError(f"module {item.path!r} imports itself, directly or in a circle", item.at)
        if len(self._modules) >= MAX_MODULES:
            raise CompileError(f"more than {MAX_MODULES} modules", item.at)
        module = self.parse(path, item.at)
        if module.main is not None:
            raise CompileError(
                f"module {item.path!r} holds an expression; a module is only definitions", module.main.at
            )
        self._loading.append(path)
        scope = self.scope(module, path.parent, Scope({}, {}, {}))
        self._loading.pop()
        own = {(function.name, len(function.params)): function for function in module.functions}
        included = {
            key: function
            for key, function in scope.functions.items()
            if isinstance(function, Function) and "::" not in key[0]
        }
        self._modules[path] = {**included, **own}
        return self._modules[path]

    def parse(self, path: Path, at: Span) -> Module:
        from crossdock.jq.parser import parse

        return parse(Source(self._relative(path), self._read(path, at)))

    def _data(self, item: Import, folder: Path | None) -> Any:
        from crossdock.jq.json import parse_many

        path = self._find(item, folder, ".json")
        try:
            return list(parse_many(self._read(path, item.at)))
        except JqError as error:
            raise CompileError(f"{self._relative(path)} is not JSON: {error}", item.at) from None

    def _read(self, path: Path, at: Span) -> str:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_MODULE_BYTES + 1)
        except OSError as error:
            raise CompileError(f"cannot read {self._relative(path)}: {error.strerror}", at) from None
        if len(data) > MAX_MODULE_BYTES:
            raise CompileError(f"{self._relative(path)} is larger than {MAX_MODULE_BYTES:,} bytes", at)
        return data.decode("utf-8", "replace")

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if self.root is not None else path.name

    def _find(self, item: Import, folder: Path | None, suffix: str) -> Path:
        if self.root is None:
            raise CompileError("this program may not import: the caller gave no module folder", item.at)
        start = self.root
        search = item.metadata.get("search")
        searches = search if isinstance(search, list) else [search]
        tried: list[Path] = []
        for place in searches:
            if isinstance(place, str):
                start = (folder or self.root) / place
            name = PurePosixPath(item.path)
            for candidate in (f"{item.path}{suffix}", f"{item.path}/{name.name}{suffix}"):
                try:
                    path = (start / candidate).resolve()
                    found = path.is_relative_to(self.root) and path.is_file()
                except (OSError, ValueError):
                    raise CompileError(f"{item.path[:80]!r} is no name of a module", item.at) from None
                if not path.is_relative_to(self.root):
                    raise CompileError(f"{item.path!r} lies outside the module folder", item.at)
                tried.append(path)
                if found:
                    return path
        names = " or ".join(self._relative(path) for path in tried)
        raise CompileError(f"module {item.path!r} not found: there is no {names}", item.at)

    def describe(self, name: str) -> dict[str, Any]:
        """`modulemeta`: a module's metadata, imports and definitions."""
        at = Span(Source("<modulemeta>", name), 0, len(name))
        item = Import(at, name, None, False, {})
        module = self.parse(self._find(item, None, ".jq"), at)
        dependencies = []
        for found in module.imports:
            entry = {**found.metadata}
            if found.alias is not None:
                entry["as"] = found.alias
            dependencies.append({**entry, "is_data": found.data, "relpath": found.path})
        defined = [f"{f.name}/{len(f.params)}" for f in module.functions]
        return {**(module.metadata or {}), "deps": dependencies, "defs": defined}
