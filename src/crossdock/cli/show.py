"""What a command says: a table or text for people, JSON for machines, on stdout; progress and errors on stderr."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crossdock.core import json
from crossdock.core.errors import CrossdockError, ProjectError
from crossdock.core.secret import Secret
from crossdock.security.redaction import Redactor

WIDE = 1000
"""characters a line, where nobody looks on"""
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}
_redactor = Redactor()


def hide(secret: Secret) -> None:
    """It is shown no more, until the next command."""
    _redactor.add(secret)


def begin() -> None:
    """Another command, perhaps about another hub."""
    global _redactor
    _redactor = Redactor()


def emit(value: Any) -> None:
    """One JSON document on one line, without live secrets."""
    document = _redactor.document(value)
    try:
        line = json.encode(document)
    except UnicodeEncodeError:
        line = json.encode(_whole(document))
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


def plain(value: Any) -> str:
    """Text that others wrote, as it may be shown: nothing a terminal obeys, no live secret, nothing named like one."""
    return _redactor.text(_whole(str(value))).translate(_CONTROLS)


def _whole(value: Any) -> Any:
    """The same with `\\udcff` spelled out: what a file's name or an argument becomes that is not in UTF-8."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_whole(name): _whole(said) for name, said in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list | tuple) else value


def stdout() -> Console:
    return _console(sys.stdout)


def say(*texts: Any) -> None:
    """A line for a person on stdout; nothing in it is markup."""
    stdout().print(Text(plain(" ".join(str(text) for text in texts))), soft_wrap=True)


def note(text: str) -> None:
    """A line beside the command's own output."""
    _console(sys.stderr).print(Text(plain(text)), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns whose name ends in `#` hold numbers."""
    grid = Table(show_header=any(columns), box=None, pad_edge=False, header_style="bold")
    for column in columns:
        number = column.endswith("#")
        grid.add_column(column.rstrip("#"), justify="right" if number else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    console = stdout()
    if console.is_terminal:
        console.print(grid)
        return
    with console.capture() as printed:
        console.print(grid)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())


def progress(what: str, done: int, total: int) -> None:
    """One line that moves, where a person looks on."""
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        sys.stderr.write(f"\r{what} {done:,} of {total:,}{end}")
        sys.stderr.flush()


def error_lines(error: CrossdockError) -> str:
    """What happened, and what to do next."""
    if isinstance(error, ProjectError):
        return "\n".join(str(problem) for problem in error.problems)
    return f"{error.what}\n  {error.hint}" if error.hint else error.what


def error_document(error: CrossdockError) -> Mapping[str, Any]:
    document: dict[str, Any] = {"error": plain(error.what), "hint": plain(error.hint)}
    if isinstance(error, ProjectError):
        document["problems"] = [
            {
                "file": one.file,
                "line": one.line,
                "column": one.column,
                "what": one.what,
                "hint": one.hint,
                "severity": one.severity,
            }
            for one in error.problems
        ]
    return document


def instant(at: float | None) -> str:
    """UTC to the millisecond; "" for none."""
    if not at:
        return ""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def age(seconds: float | None) -> str:
    """`12 s`, `4 min`, `3 h`, `2 d`."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


def since(at: float | None) -> str:
    return age(time.time() - at) if at else ""


def who() -> str:
    """The person at the keyboard, for the record."""
    return getpass.getuser()


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else WIDE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)
