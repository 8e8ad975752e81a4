"""The engine of `crossdock jq`: reads JSON, runs a program on each value, writes the outputs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from crossdock.jq.budget import Budget, Meter
from crossdock.jq.builtins.arrays import tostream
from crossdock.jq.errors import CompileError, JqError, RunError
from crossdock.jq.json import loads, parse_many
from crossdock.jq.program import Program, compile_program
from crossdock.jq.text import pieces, quoted, scalar_text

OK, FALSY, USAGE, REFUSED, FAILED = 0, 1, 2, 3, 5
BUDGET = Budget(steps=2_000_000_000, wall_s=3600.0, value_bytes=1 << 30, output_bytes=1 << 40)


class _Usage(Exception):
    """The command line is wrong."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Usage(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="crossdock jq", description="Runs a jq program over JSON.", add_help=False)
    parser.add_argument("program", nargs="?", help="the program, or its file with -f")
    parser.add_argument("file", nargs="*", help="JSON to read; standard input unless given")
    parser.add_argument("-h", "--help", action="store_true", help="this text")
    parser.add_argument("-f", "--from-file", action="store_true", help="PROGRAM names a file that holds the program")
    parser.add_argument("-r", "--raw-output", action="store_true", help="write strings without quotes")
    parser.add_argument("-j", "--join-output", action="store_true", help="like -r, without line ends")
    parser.add_argument("-a", "--ascii-output", action="store_true", help="escape everything beyond ASCII")
    parser.add_argument("-c", "--compact-output", action="store_true", help="one line for each output")
    parser.add_argument("-n", "--null-input", action="store_true", help="run once, on null")
    parser.add_argument("-s", "--slurp", action="store_true", help="run once, on an array of all inputs")
    parser.add_argument("-R", "--raw-input", action="store_true", help="each line is a string, not JSON")
    parser.add_argument("-S", "--sort-keys", action="store_true", help="sort the keys of objects")
    parser.add_argument("-e", "--exit-status", action="store_true", help="1 if the last output is false or null")
    parser.add_argument("--tab", action="store_true", help="indent with tabs")
    parser.add_argument("--indent", type=int, default=2, help="spaces of indentation, 0 to 7")
    parser.add_argument("--seq", action="store_true", help="write U+001E before each output (RFC 7464)")
    parser.add_argument("--stream", action="store_true", help="run on the path-and-leaf events of each input")
    parser.add_argument("--arg", nargs=2, action="append", default=[], metavar=("NAME", "TEXT"))
    parser.add_argument("--argjson", nargs=2, action="append", default=[], metavar=("NAME", "JSON"))
    parser.add_argument("--slurpfile", nargs=2, action="append", default=[], metavar=("NAME", "FILE"))
    parser.add_argument("--rawfile", nargs=2, action="append", default=[], metavar=("NAME", "FILE"))
    parser.add_argument("-L", "--library", type=Path, help="folder that import and include may read")
    parser.add_argument("--explain", action="store_true", help="print the generated Python and what the program reads")
    return parser


def run(argv: list[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Exit code: 0 well, 1 by -e, 2 wrong usage or unreadable file, 3 the program is refused, 5 a run failed."""
    parser = _parser()
    try:
        given = parser.parse_intermixed_args(argv)
        if given.help or given.program is None:
            stdout.write(parser.format_help())
            return OK if given.help else USAGE
        variables = _variables(given)
        source = _read(given.program) if given.from_file else given.program
        program = compile_program(
            source, variables=[*variables, "ARGS"], module_path=given.library, budget=BUDGET,
            name=given.program if given.from_file else "<program>",
        )  # fmt: skip
        if given.explain:
            _explain(program, stdout)
            return OK
        return _run(program, given, variables, stdin, stdout, stderr)
    except _Usage as error:
        stderr.write(f"crossdock jq: {error}\n")
        return USAGE
    except CompileError as error:
        stderr.write(f"{error}\n")
        return REFUSED
    except (JqError, OSError, UnicodeDecodeError) as error:
        stderr.write(f"crossdock jq: {error}\n")
        return USAGE


def _read(name: str) -> str:
    return Path(name).read_text("utf-8")


def _variables(given: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = dict(given.arg)
    for name, text in given.argjson:
        try:
            found[name] = loads(text)
        except JqError as error:
            raise _Usage(f"--argjson {name}: {error}") from None
    for name, path in given.slurpfile:
        found[name] = parse_many(_read(path))
    for name, path in given.rawfile:
        found[name] = _read(path)
    for name in found:
        if not (name.isidentifier() and name.isascii()):
            raise _Usage(f"${name} is not a name that a program can use")
    return found


def _explain(program: Program, stdout: TextIO) -> None:
    stdout.write("# reads: " + (", ".join(sorted(program.reads())) or "nothing of its input") + "\n")
    stdout.write(program.source)


def _inputs(given: argparse.Namespace, stdin: TextIO) -> Iterator[Any]:
    if given.null_input:
        yield None
        return
    texts = [_read(name) for name in given.file] if given.file else [stdin.read()]
    if given.raw_input:
        whole = "".join(texts)
        yield from [whole] if given.slurp else whole.splitlines()
        return
    values = [value for text in texts for value in parse_many(text)]
    if given.stream:
        meter = Meter(BUDGET, None, None)
        values = [event for value in values for event in tostream(value, meter)]
    yield from [values] if given.slurp else values


def _run(
    program: Program,
    given: argparse.Namespace,
    variables: dict[str, Any],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    status = OK
    last: Any = True

    def debug(value: Any) -> None:
        stderr.write('["DEBUG:",' + "".join(pieces(value)) + "]\n")

    arguments = {"positional": [], "named": variables}
    for value in _inputs(given, stdin):
        try:
            for last in program.run(value, now=time.time(), on_debug=debug, **variables, ARGS=arguments):
                stdout.write(_shown(last, given))
        except RunError as error:
            stderr.write(f"{error}\n")
            status = FAILED
        except JqError as error:
            stderr.write(f"{error}\n")
            return FAILED
    if given.exit_status and status == OK and (last is None or last is False):
        return FALSY
    return status


def _shown(value: Any, given: argparse.Namespace) -> str:
    start = "\x1e" if given.seq else ""
    end = "" if given.join_output else "\n"
    if type(value) is str and (given.raw_output or given.join_output):
        return start + value + end
    if given.sort_keys:
        value = _sorted(value)
    step = "\t" if given.tab else " " * max(0, min(7, given.indent))
    try:
        text = "".join(pieces(value)) if given.compact_output or not step else _indented(value, step)
    except RecursionError:
        text = "".join(pieces(value))  # too deep to be read by people anyway
    if given.ascii_output:
        text = "".join(c if c.isascii() else _escaped(c) for c in text)
    return start + text + end


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _sorted(value: Any) -> Any:
    if type(value) is list:
        return [_sorted(item) for item in value]
    if type(value) is dict:
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def _indented(value: Any, step: str, depth: int = 0) -> str:
    if type(value) is list and value:
        inner = ",\n".join(step * (depth + 1) + _indented(item, step, depth + 1) for item in value)
        return f"[\n{inner}\n{step * depth}]"
    if type(value) is dict and value:
        inner = ",\n".join(
            f"{step * (depth + 1)}{quoted(key)}: {_indented(item, step, depth + 1)}" for key, item in value.items()
        )
        return f"{{\n{inner}\n{step * depth}}}"
    if type(value) is list or type(value) is dict:
        return "[]" if type(value) is list else "{}"
    return scalar_text(value)
