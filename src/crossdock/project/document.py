"""A YAML file as plain data that still knows on which line and column each of its keys and values stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.tokens import (
    BlockEndToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
)

from crossdock.core.errors import Problem, ProjectError

MOST_NODES = 100_000
"""Values a file may hold once its aliases are written out: a few lines of nested aliases can stand for billions."""
DEEPEST = 64
LONGEST_NUMBER = 100
"""characters"""

Path = tuple[str | int, ...]
_NESTED = f"is nested more than {DEEPEST} deep"
_PREFIX = "tag:yaml.org,2002:"
_OPENING = (BlockMappingStartToken, BlockSequenceStartToken, FlowMappingStartToken, FlowSequenceStartToken)
_CLOSING = (BlockEndToken, FlowMappingEndToken, FlowSequenceEndToken)
_TRUTH = {"true": True, "false": False}
_HALF = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Spot:
    key: tuple[int, int]
    """line and column of the key, or of the item of a list"""
    value: Node


class Document:
    """`name` is what problems call the file. Numbers with a decimal point are exact (Decimal); dates are text.

    Raises ProjectError with every problem found.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._lines = text.splitlines()
        self._spots: dict[Path, _Spot] = {}
        self._problems: list[Problem] = []
        self._nodes = 0
        root = self._composed(text)
        if root is None:
            self.data: Any = None
            return
        self._spots[()] = _Spot(_place(root), root)
        self.data = self._value(root, (), 0)
        if self._problems:
            raise ProjectError(self._problems)

    def problem(
        self, path: Path, what: str, hint: str = "", *, at_value: bool = False, severity: str = "error"
    ) -> Problem:
        """At the key that `path` leads to, or at its value; where there is none, at the nearest thing above it."""
        line, column = self.place(path, at_value=at_value)
        return Problem(self.name, line, column, what, hint, severity)

    def place(self, path: Path, *, at_value: bool = False) -> tuple[int, int]:
        """Line and column, from 1."""
        while path and path not in self._spots:
            path = path[:-1]
        spot = self._spots.get(path)
        if spot is None:
            return 1, 1
        return _place(spot.value) if at_value else spot.key

    def has(self, path: Path) -> bool:
        return path in self._spots

    def place_in_text(self, path: Path, line: int, column: int) -> tuple[int, int]:
        """Where in the file a place inside the text at `path` is: `line` and `column` count from 1 within that text."""
        spot = self._spots.get(path)
        if spot is None or not isinstance(spot.value, ScalarNode):
            return self.place(path, at_value=True)
        first_line, first_column = _place(spot.value)
        match spot.value.style:
            case "|":
                row = first_line + line
                return row, column + _indent(self._lines[first_line:])
            case ">":
                return first_line + 1, 1
            case "'" | '"':
                return (first_line, first_column + column) if line == 1 else (first_line + line - 1, 1)
            case _:
                return (first_line, first_column + column - 1) if line == 1 else (first_line + line - 1, 1)

    def _composed(self, text: str) -> Node | None:
        try:
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if isinstance(mark, StringMark) else (0, 0)
            said = " ".join(str(error.problem or error.context).split())
            if said.startswith("but "):
                said = f"{error.context}, {said}"
            raise ProjectError([Problem(self.name, line, column, f"not valid YAML: {said}", _advice(said))]) from None
        except RecursionError:
            line, column = _too_deep(text)
            raise ProjectError([Problem(self.name, line, column, _NESTED)]) from None
        except ReaderError as error:
            line, column = _place_of(text, error.position)
            code = error.character if isinstance(error.character, int) else ord(error.character)
            said = f"not valid YAML: the character U+{code:04X} does not belong in a text"
            raise ProjectError([Problem(self.name, line, column, said)]) from None
        except (YAMLError, ValueError) as error:
            said = str(error).splitlines()[0]
            raise ProjectError([Problem(self.name, 0, 0, f"not valid YAML: {said}")]) from None
        return root

    def _value(self, node: Node, path: Path, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            what = f"holds more than {MOST_NODES:,} values once its aliases (*name) are written out"
            raise ProjectError([Problem(self.name, *_place(node), what)])
        if depth > DEEPEST:
            raise ProjectError([Problem(self.name, *_place(node), _NESTED)])
        if isinstance(node, MappingNode):
            return dict(self._members(node, path, depth))
        if isinstance(node, SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                self._spots[*path, index] = _Spot(_place(item), item)
                items.append(self._value(item, (*path, index), depth + 1))
            return items
        assert isinstance(node, ScalarNode)
        return self._scalar(node)

    def _members(self, node: MappingNode, path: Path, depth: int) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key, member in node.value:
            line, column = _place(key)
            if not isinstance(key, ScalarNode) or key.tag == f"{_PREFIX}merge":
                what = "a key is a plain name" if key.tag != f"{_PREFIX}merge" else "`<<` is not read here"
                self._problems.append(Problem(self.name, line, column, what, "write the keys out"))
                continue
            name = self._text(key)
            if name in seen:
                what = f"`{name}` is here twice; the first is on line {seen[name]}"
                self._problems.append(Problem(self.name, line, column, what, "keep one of them"))
                continue
            seen[name] = line
            self._spots[*path, name] = _Spot((line, column), member)
            yield name, self._value(member, (*path, name), depth + 1)

    def _text(self, node: ScalarNode) -> str:
        """Halves of a character, which are written `\\ud83d\\ude00` as in JSON, make one; a half alone makes none."""
        text = str(node.value)
        if not _HALF.search(text):
            return text
        halves = text.encode("utf-16-le", "surrogatepass")
        try:
            return halves.decode("utf-16-le")
        except UnicodeDecodeError as error:
            code = int.from_bytes(halves[error.start : error.start + 2], "little")
            what = f"the character U+{code:04X} does not belong in a text"
            self._problems.append(Problem(self.name, *_place(node), what))
            return _HALF.sub("", text)

    def _scalar(self, node: ScalarNode) -> Any:
        text = self._text(node)
        kind = str(node.tag).removeprefix(_PREFIX)
        match kind:
            case "str" | "timestamp":
                return text
            case "null":
                return None
            case "bool" if text.lower() in _TRUTH:
                return _TRUTH[text.lower()]
            case "int" | "float":
                return self._number(node, text, kind)
        what = f"the tag {node.tag} is not read here"
        self._problems.append(Problem(self.name, *_place(node), what, "write plain text, numbers, lists and mappings"))
        return None

    def _number(self, node: Node, text: str, kind: str) -> Any:
        digits = text.replace("_", "")
        try:
            if len(digits) > LONGEST_NUMBER:
                raise ValueError
            return int(digits, 0 if digits.lstrip("+-")[:2].lower() in {"0x", "0o", "0b"} else 10)
        except ValueError:
            pass
        try:
            exact = Decimal(digits)
            if kind == "float" and exact.is_finite() and len(digits) <= LONGEST_NUMBER and abs(exact.adjusted()) <= 400:
                return exact
        except ArithmeticError:
            pass
        self._problems.append(
            Problem(self.name, *_place(node), f"{text[:40]} is no number that is read here", "put text in quotes")
        )
        return None


def _place_of(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _too_deep(text: str) -> tuple[int, int]:
    """Where a text that is too deep for its reader gets too deep."""
    depth = 0
    for token in YAML(typ="safe", pure=True).scan(text):
        if isinstance(token, _OPENING):
            depth += 1
        elif isinstance(token, _CLOSING):
            depth -= 1
        if depth > DEEPEST:
            return token.start_mark.line + 1, token.start_mark.column + 1
    return 0, 0


def _indent(lines: list[str]) -> int:
    """Of a block text: that of its first line that is not empty."""
    return next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)


def _advice(said: str) -> str:
    if "mapping values are not allowed" in said:
        return "a text that holds `: ` goes in quotes, or on its own lines after `|`"
    if "cannot start any token" in said:
        return "indent with spaces, and put a text that starts with a sign in quotes"
    return ""
