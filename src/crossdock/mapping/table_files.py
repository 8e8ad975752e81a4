"""Reading the files of reference tables, each problem with its line."""

from __future__ import annotations

import csv
import datetime
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode

from crossdock.core.errors import Problem, ProjectError
from crossdock.mapping.normalisers.text import decode
from crossdock.mapping.normalisers.unreadable import Unreadable, shown
from crossdock.mapping.tables import RULES, Table, Tables

LARGEST_BYTES = 16 * 1024 * 1024
Rule = Literal["error", "passthrough", "value"]
_DIRECTIVE = re.compile(r"#\s*default:\s*(\w+)\s*(.*)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def load_tables(folder: Path | None) -> Tables:
    """Every `*.csv`, `*.yaml` of the folder. Raises ProjectError with every problem of every file."""
    tables: dict[str, Table] = {}
    problems: list[Problem] = []
    for path in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
        read = {".csv": read_csv, ".yaml": read_yaml, ".yml": read_yaml}.get(path.suffix.lower())
        if read is None:
            continue
        name = f"{path.parent.name}/{path.name}"
        try:
            if path.stem in tables:
                raise ProjectError([Problem(name, 0, 0, f'there are two tables "{path.stem}"')])
            if path.stat().st_size > LARGEST_BYTES:
                raise ProjectError([Problem(name, 0, 0, f"larger than {LARGEST_BYTES >> 20} MiB")])
            tables[path.stem] = read(path.stem, name, path.read_bytes())
        except OSError as error:
            problems.append(Problem(name, 0, 0, f"cannot be read: {error.strerror}"))
        except ProjectError as error:
            problems += error.problems
    if problems:
        raise ProjectError(problems)
    return Tables(tables.values())


def read_csv(table: str, file: str, data: bytes) -> Table:
    """Comma, semicolon or tab between cells, whichever the header has first. Raises ProjectError."""
    lines = io.StringIO(_text(file, data), newline="").readlines()
    first = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    rule, value = _csv_rule(file, lines[:first])
    mark = next((char for char in lines[first] if char in ",;\t"), ",") if first < len(lines) else ","
    records = list(_records(file, lines[first:], mark, first))
    if not records:
        raise ProjectError([Problem(file, 1, 0, "has no header")])
    (header_line, header), *body = records
    problems = _header_problems(file, header_line, header)
    rows: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for line, cells in body:
        if len(cells) != len(header):
            what = f"has {len(cells)} cells where the header has {len(header)}"
            problems.append(Problem(file, line, 0, what, "quote a cell that holds a comma or a line break"))
        elif not cells[0]:
            problems.append(Problem(file, line, 0, "has no key in its first cell"))
        elif cells[0] in seen:
            problems.append(Problem(file, line, 0, f"{shown(cells[0])} has a row on line {seen[cells[0]]} already"))
        else:
            seen[cells[0]] = line
            rows[cells[0]] = cells[1] if len(header) == 2 else dict(zip(header[1:], cells[1:], strict=True))
    if rule == "value" and len(header) > 2:
        problems.append(Problem(file, 1, 0, "a default value goes with two columns; use YAML for more"))
    if problems:
        raise ProjectError(problems)
    return Table(table, rows, rule, value)


def _csv_rule(file: str, comments: list[str]) -> tuple[Rule, str | None]:
    for number, line in enumerate(comments, start=1):
        if not (found := _DIRECTIVE.match(line)):
            continue
        rule, value = found[1], found[2].strip()
        if rule not in RULES or (rule == "value") != bool(value):
            said = f"{rule} {value}".strip()
            what = f"the rule for other keys is `error`, `passthrough` or `value TEXT`, not {shown(said)}"
            raise ProjectError([Problem(file, number, 0, what)])
        return cast(Rule, rule), value or None
    return "error", None


def _records(file: str, lines: list[str], mark: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Line on which a record starts, and its cells without blanks around them. Empty lines are left out."""
    reader = csv.reader(lines, delimiter=mark, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ProjectError([Problem(file, skipped + line, 0, f"not valid CSV: {error}")]) from None
        if any(cell.strip() for cell in cells):
            yield skipped + line, [cell.strip() for cell in cells]
        line = reader.line_num + 1


def _header_problems(file: str, line: int, header: list[str]) -> list[Problem]:
    problems = []
    if len(header) < 2:
        problems.append(Problem(file, line, 0, "a table has a key and at least one more column"))
    for column, name in enumerate(header):
        if not name:
            problems.append(Problem(file, line, 0, f"column {column + 1} has no name"))
        elif name in header[:column]:
            problems.append(Problem(file, line, 0, f"two columns are named {shown(name)}"))
    return problems


class _Exact(RoundTripConstructor):
    """Keeps the digits of numbers with a decimal point."""

    def construct_exact(self, node: ScalarNode) -> Decimal:
        return Decimal(str(node.value).replace("_", "").replace(".inf", "Infinity").replace(".nan", "NaN").lower())


_Exact.add_constructor("tag:yaml.org,2002:float", _Exact.construct_exact)


def read_yaml(table: str, file: str, data: bytes) -> Table:
    """Raises ProjectError."""
    yaml = YAML(typ="rt")
    yaml.Constructor = _Exact
    try:
        document = yaml.load(_text(file, data))
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise ProjectError([Problem(file, line, column, f"not valid YAML: {error.problem}")]) from None
    except (YAMLError, ValueError, ArithmeticError) as error:
        raise ProjectError([Problem(file, 0, 0, f"not valid YAML: {error}")]) from None
    if not isinstance(document, CommentedMap) or not isinstance(document.get("values"), CommentedMap):
        raise ProjectError([Problem(file, 1, 0, "should hold `values`, a mapping of keys to values")])
    problems = [
        Problem(
            file, document.lc.key(word)[0] + 1, 0, f"`{word}` is no part of a table", "it has `values` and `default`"
        )
        for word in document
        if word not in ("values", "default", "description")
    ]
    rule, value = _yaml_rule(document, file, problems)
    rows: dict[str, Any] = {}
    values = document["values"]
    for key, member in values.items():
        line = values.lc.key(key)[0] + 1
        if not isinstance(key, str):
            problems.append(Problem(file, line, 0, f"the key {shown(key)} is not text", "put it in quotes"))
            continue
        rows[str(key)] = _plain(member, file, line, problems)
    if problems:
        raise ProjectError(problems)
    return Table(table, rows, rule, value)


def _yaml_rule(document: CommentedMap, file: str, problems: list[Problem]) -> tuple[Rule, Any]:
    said = document.get("default", "error")
    if said in ("error", "passthrough"):
        return said, None
    line = document.lc.key("default")[0] + 1
    if isinstance(said, CommentedMap) and list(said) == ["value"]:
        return "value", _plain(said["value"], file, line, problems)
    what = "the rule for other keys is `error`, `passthrough` or `{value: …}`"
    problems.append(Problem(file, line, 0, what))
    return "error", None


def _plain(value: Any, file: str, line: int, problems: list[Problem]) -> Any:
    """A JSON value; what JSON has not is a problem."""
    match value:
        case dict():
            if wrong := [key for key in value if not isinstance(key, str)]:
                problems.append(Problem(file, line, 0, f"the key {shown(wrong[0])} is not text", "put it in quotes"))
            return {str(key): _plain(member, file, line, problems) for key, member in value.items()}
        case list():
            return [_plain(item, file, line, problems) for item in value]
        case str():
            return str(value)
        case bool() | None:
            return value
        case int():
            return int(value)
        case Decimal() if value.is_finite():
            return value
    what = f"{shown(value)} is no JSON value"
    hint = "put it in quotes" if isinstance(value, datetime.date) else ""
    problems.append(Problem(file, line, 0, what, hint))
    return None


def _text(file: str, data: bytes) -> str:
    try:
        text = decode(data)
    except Unreadable as error:
        wrong = error.__context__
        at = wrong.start if isinstance(wrong, UnicodeDecodeError) else 0
        line, column = data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)
        raise ProjectError([Problem(file, line, column, str(error), "save it as UTF-8")]) from None
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ProjectError([Problem(file, line, 0, f"holds the control character U+{ord(found[0]):04X}")])
    return text
