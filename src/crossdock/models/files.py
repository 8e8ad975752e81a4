"""A YAML file as plain data that still knows on which line each of its parts stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from crossdock.core.errors import Problem, ProjectError


class Document:
    """`name` is what problems call the file. Raises ProjectError when it is no YAML mapping."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        try:
            marked = YAML(typ="rt").load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            raise ProjectError([Problem(name, line, column, f"not valid YAML: {error.problem}")]) from None
        except (YAMLError, ValueError) as error:
            raise ProjectError([Problem(name, 0, 0, f"not valid YAML: {error}")]) from None
        if not isinstance(marked, CommentedMap):
            raise ProjectError([Problem(name, 1, 1, "should be a mapping of names to values")])
        self._marked = marked
        self.data: dict[str, Any] = _plain(marked)

    @classmethod
    def read(cls, path: Path, name: str) -> Document:
        try:
            return cls(name, path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise ProjectError([Problem(name, 0, 0, f"not UTF-8 at byte {error.start}")]) from None
        except OSError as error:
            raise ProjectError([Problem(name, 0, 0, f"cannot be read: {error.strerror}")]) from None

    def problem(self, path: Sequence[str | int], what: str, hint: str = "") -> Problem:
        """At the line of what `path` leads to, or of the nearest thing above it."""
        line, column = self._place(path)
        return Problem(self.name, line, column, what, hint)

    def _place(self, path: Sequence[str | int]) -> tuple[int, int]:
        node, place = self._marked, (1, 1)
        for part in path:
            if isinstance(node, CommentedMap) and part in node:
                row, column = node.lc.key(part)
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                row, column = node.lc.item(part)
            else:
                break
            place = (row + 1, column + 1)
            node = node[part]
        return place


def _plain(node: Any) -> Any:
    match node:
        case Mapping():
            return {str(name): _plain(member) for name, member in node.items()}
        case str():
            return str(node)
        case Sequence():
            return [_plain(item) for item in node]
        case bool() | None:
            return node
        case int():
            return int(node)
        case float():
            return float(node)
        case _:
            return str(node)
