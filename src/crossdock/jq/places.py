"""Where a failed run was: in the program, and in its input.

Generated code bears the line numbers of the program, so that tracebacks and profilers point into it. Which line of the
generated code an instruction came from is kept beside them, as the end of its column range.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, islice
from types import TracebackType
from typing import Any

from crossdock.jq.errors import Source, Span
from crossdock.jq.text import shown_path

Keys = tuple[Any, ...]
SAME, ELEMENT = "", "*"
"""Keys of origins: the very value under another name; some element of it."""
_BEYOND = 1 << 23
"""More than any column of a program."""
_NAME = re.compile(r"\b[a-z]+[0-9]+\b")
_SEARCHED = 100_000
"""How many parts of an input are looked at to find one."""


@dataclass(frozen=True, slots=True)
class Places:
    """What each line of the generated code has to do with the program and the input.

    `origins` tells of names what they are part of: (name of the whole, key as code). `root` is the name of the input.
    """

    main: Source
    lines: tuple[str, ...]
    spans: tuple[Span | None, ...]
    origins: Mapping[str, tuple[str, str]]
    root: str

    def commented(self) -> str:
        """The generated code; where a line of the program begins, its number stands behind."""
        text, last = "", 0
        for line, (number, _) in zip(self.lines, self._positions(), strict=True):
            text += f"{line}  # {number}\n" if number != last else f"{line}\n"
            last = number
        return text

    def get_source(self, _name: str) -> str:
        """What `linecache` asks of the loader of a module, so that tracebacks show the lines of the program."""
        return self.main.text

    def relocated(self) -> ast.Module:
        """The generated code as a tree that stands where the program stands."""
        places = self._positions()
        tree = ast.parse("\n".join(self.lines))
        for node in ast.walk(tree):
            if isinstance(node, (ast.stmt, ast.expr, ast.ExceptHandler, ast.arg)):
                at = node.lineno - 1
                node.lineno, node.col_offset = places[at]
                node.end_lineno, node.end_col_offset = node.lineno, _BEYOND + at
        return tree

    def _positions(self) -> list[tuple[int, int]]:
        """Line and column (in UTF-8, as Python counts) in the main program, for each line of the code."""
        starts = [0, *accumulate(len(line) + 1 for line in self.main.text.split("\n"))]
        line, column = 1, 0
        places = []
        for span in self.spans:
            if span is not None and span.source is self.main:
                line = bisect_right(starts, span.start)
                column = len(self.main.text[starts[line - 1] : span.start].encode("utf-8", "replace"))
            places.append((line, column))
        return places

    def found(self, traceback: TracebackType | None, filename: str) -> tuple[Span | None, str | None]:
        """The place in the program where an exception was raised, and the path of what it is about in the input."""
        place: Span | None = None
        line = ""
        values: dict[str, Any] = {}
        given: dict[str, Keys | None] = {}
        while traceback is not None:
            frame, code = traceback.tb_frame, traceback.tb_frame.f_code
            if code.co_filename == filename:
                if line and code.co_argcount:  # the line of the frame before called this one
                    argument = re.search(rf"\b{code.co_name}\((\w+)", line)
                    given[code.co_varnames[0]] = self._keys(argument[1], values, given) if argument else None
                values.update(frame.f_locals)
                end = next(islice(code.co_positions(), traceback.tb_lasti // 2, None))[3]
                if end is not None and end >= _BEYOND:
                    line = self.lines[end - _BEYOND].strip()
                    place = self.spans[end - _BEYOND] or place
            traceback = traceback.tb_next
        return place, self._path(line, values, given)

    def _path(self, line: str, values: Mapping[str, Any], given: Mapping[str, Keys | None]) -> str | None:
        """Paths of what the line takes from the input."""
        if line.startswith("raise "):
            return None
        computed = line.partition(" = ")[2] or line
        paths = (self._keys(name, values, given) for name in _NAME.findall(computed))
        found = {path: None for path in paths if path is not None}
        return " and ".join(shown_path(keys) for keys in list(found)[:2]) or None

    def _keys(self, name: str, values: Mapping[str, Any], given: Mapping[str, Keys | None]) -> Keys | None:
        """The path of the value of this name: from what it is a part of, else by looking for the very value.

        `given` holds the paths of what the functions on the way were called with.
        """
        steps: list[tuple[str, str]] = []
        part = name
        while part != self.root and given.get(part) is None and part in self.origins:
            parent, key = self.origins[part]
            steps.append((part, key))
            part = parent
        start = () if part == self.root else given.get(part)
        if start is None:
            start = _sought(values.get(part), values.get(self.root))
        if start is None:
            return _sought(values.get(name), values.get(self.root))
        keys = [self._key(part, key, values) for part, key in reversed(steps) if key != SAME]
        return (*start, *keys) if all(type(key) in (str, int) for key in keys) else None

    def _key(self, part: str, key: str, values: Mapping[str, Any]) -> Any:
        if key != ELEMENT:
            return values.get(key) if key.isidentifier() else ast.literal_eval(key)
        whole = self.origins[part][0]
        parent, same = self.origins.get(whole, ("", ""))
        if same == SAME and type(values.get(parent)) is dict:
            whole = parent  # its elements were listed
        return _key_of(values.get(part), values.get(whole))


def _key_of(item: Any, container: Any) -> Any:
    """Under which key the very item is; an equal one that came before it would have failed before it."""
    pairs = container.items() if type(container) is dict else enumerate(container or ())
    return next((key for key, value in pairs if value is item), None)


def _sought(value: Any, whole: Any) -> Keys | None:
    """Where the array or object is in the input."""
    if type(value) not in (list, dict) or not value:
        return None
    pending: list[tuple[Keys, Any]] = [((), whole)]
    for _ in range(_SEARCHED):
        if not pending:
            return None
        path, part = pending.pop()
        if part is value:
            return path
        if type(part) in (list, dict):
            pairs = part.items() if type(part) is dict else enumerate(part)
            pending.extend(((*path, key), child) for key, child in pairs if type(child) in (list, dict))
    return None
