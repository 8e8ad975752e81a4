"""The engine of `crossdock jq`: reads JSON, runs a program on each value, prints the outputs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from crossdock.jq.budget import Budget, Meter
from crossdock.jq.builtins.arrays import tostream
from crossdock.jq.errors import CompileError, JqError, RunError
from crossdock.jq.json import dumps, loads, parse_many
from crossdock.jq.printing import Layout
from crossdock.jq.program import Program, compile_program
from crossdock.jq.syntax import Call, Function, Node
from crossdock.jq.text import pieces
from crossdock.jq.walk import children

OK, FALSY, USAGE, REFUSED, NOTHING_CAME, FAILED = 0, 1, 2, 3, 4, 5
BUDGET = Budget(steps=2_000_000_000, wall_s=3600.0, value_bytes=1 << 30, output_bytes=1 << 40)
MAX_INDENT = 7


class _Usage(Exception):
    """The command line is wrong, or what it names cannot be read."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Usage(f"{message}; --help lists the options")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="crossdock jq", description="Runs a jq program over JSON.", add_help=False)
    flag = parser.add_argument
    flag("program", nargs="?", help="the program, or its file with -f")
    flag("file", nargs="*", help="JSON to read; standard input unless given")
    flag("-h", "--help", action="store_true", help="this text")
    flag("-f", "--from-file", action="store_true", help="PROGRAM names a file that holds the program")
    flag("-r", "--raw-output", action="store_true", help="write strings without quotes")
    flag("-j", "--join-output", action="store_true", help="like -r, without line ends")
    flag("--raw-output0", action="store_true", help="like -r, with a NUL behind each output")
    flag("-a", "--ascii-output", action="store_true", help="escape everything beyond ASCII")
    flag("-c", "--compact-output", action="store_true", help="one line for each output")
    flag("-n", "--null-input", action="store_true", help="run once, on null")
    flag("-s", "--slurp", action="store_true", help="run once, on an array of all inputs")
    flag("-R", "--raw-input", action="store_true", help="each line is a string, not JSON")
    flag("-S", "--sort-keys", action="store_true", help="sort the keys of objects")
    flag("-M", "--monochrome-output", action="store_true", help="no colours, as ever")
    flag("-e", "--exit-status", action="store_true", help="1 if the last output is false or null, 4 if none came")
    flag("--tab", action="store_true", help="indent with tabs")
    flag("--indent", type=int, default=2, metavar="N", help="spaces of indentation, 0 to 7; 0 is like -c")
    flag("--seq", action="store_true", help="write U+001E before each output, and skip it in the input (RFC 7464)")
    flag("--stream", action="store_true", help="run on the path-and-leaf events of each input")
    flag("--arg", nargs=2, action="append", default=[], metavar=("NAME", "TEXT"), help="$NAME is the text")
    flag("--argjson", nargs=2, action="append", default=[], metavar=("NAME", "JSON"), help="$NAME is the value")
    flag("--slurpfile", nargs=2, action="append", default=[], metavar=("NAME", "FILE"), help="$NAME: values of a file")
    flag("--rawfile", nargs=2, action="append", default=[], metavar=("NAME", "FILE"), help="$NAME: text of a file")
    flag("--args", action="store_true", help="what follows is text in $ARGS.positional, no file")
    flag("--jsonargs", action="store_true", help="what follows is JSON in $ARGS.positional, no file")
    flag("-L", "--library", type=Path, metavar="FOLDER", help="folder that import and include may read")
    flag("--explain", action="store_true", help="print the generated Python and what the program reads")
    flag("--lineage", action="store_true", help="print which parts of the input reach which parts of the output")
    flag("--json", action="store_true", help="print the lineage as JSON")
    return parser


def run(argv: list[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Exit code, as jq's: 0 well, 1 and 4 by -e, 2 wrong usage or unreadable input, 3 refused program, 5 failed run."""
    parser = _parser()
    try:
        given = _given(parser, argv)
        if given.help or given.program is None:
            (stdout if given.help else stderr).write(parser.format_help())
            return OK if given.help else USAGE
        variables = _variables(given)
        source = _read(given.program) if given.from_file else given.program
        program = compile_program(
            source, variables=list(variables), module_path=given.library, budget=BUDGET,
            name=given.program if given.from_file else "<program>",
        )  # fmt: skip
        _refuse_inputs(program.tree)
        if given.explain or given.lineage:
            _tell(program, given, stdout)
            return OK
        return _run(program, given, variables, stdin, stdout, stderr)
    except CompileError as error:
        stderr.write(f"{error}\n")
        return REFUSED
    except BrokenPipeError:
        return OK  # whoever read the outputs has seen enough
    except (_Usage, JqError, OSError, UnicodeDecodeError) as error:
        stderr.write(f"crossdock jq: {error}\n")
        return USAGE


# -- what is given


def _given(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    """The options; after --args and --jsonargs, what would be files is in `positional`."""
    given = parser.parse_intermixed_args(argv)
    given.positional = []
    start = next((i for i, text in enumerate(argv) if text in ("--args", "--jsonargs")), None)
    if start is not None and given.program is not None:
        before = parser.parse_intermixed_args(argv[:start])
        files = len(before.file)
        given.file, rest = given.file[:files], given.file[files:]
        given.positional = [_json("--jsonargs", text) for text in rest] if given.jsonargs else rest
    if not 0 <= given.indent <= MAX_INDENT:
        raise _Usage(f"--indent {given.indent}: 0 to {MAX_INDENT}")
    return given


def _read(name: str) -> str:
    return Path(name).read_text("utf-8")


def _json(option: str, text: str) -> Any:
    try:
        return loads(text)
    except JqError as error:
        raise _Usage(f"{option}: {error}") from None


def _variables(given: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = dict(given.arg)
    found |= {name: _json(f"--argjson {name}", text) for name, text in given.argjson}
    found |= {name: list(parse_many(_read(path))) for name, path in given.slurpfile}
    found |= {name: _read(path) for name, path in given.rawfile}
    for name in found:
        if not (name.isidentifier() and name.isascii()):
            raise _Usage(f"${name} is not a name that a program can use")
    return {**found, "ARGS": {"positional": given.positional, "named": found}}


def _refuse_inputs(tree: Node) -> None:
    """`input` and `inputs` have nothing to give, here as in a hub: better said than found out."""
    pending = [tree]
    seen: set[Function] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, Call) and node.target is None and node.name in ("input", "inputs"):
            message = f"{node.name} is not available: the program runs once for each input, or on all of them with -s"
            raise CompileError(message, node.at)
        if isinstance(node, Call) and isinstance(node.target, Function) and node.target not in seen:
            seen.add(node.target)
            pending.append(node.target.body)
        pending.extend(children(node))


def _tell(program: Program, given: argparse.Namespace, stdout: TextIO) -> None:
    if given.lineage:
        lineage = program.lineage()
        stdout.write(f"{dumps({'flows': lineage.as_json()}).decode() if given.json else lineage}\n")
    if given.explain:
        stdout.write("# reads: " + (", ".join(sorted(program.reads())) or "nothing of its input") + "\n")
        stdout.write(program.source)


def _inputs(given: argparse.Namespace, stdin: TextIO) -> Iterator[Any]:
    if given.null_input:
        yield None
        return
    texts = (_read(name) for name in given.file) if given.file else iter([stdin.read()])
    if given.raw_input:
        whole = "".join(texts)
        yield from [whole] if given.slurp else whole.removesuffix("\n").split("\n") if whole else []
        return
    values: Iterable[Any] = (value for text in texts for value in parse_many(_unmarked(text) if given.seq else text))
    if given.stream:
        meter = Meter(BUDGET, None, None)
        values = (event for value in values for event in tostream(value, meter))
    yield from [list(values)] if given.slurp else values


def _unmarked(text: str) -> str:
    """Without the marks of RFC 7464; inside a string none can stand."""
    return text.replace("\x1e", " ")


# -- the run


def _layout(given: argparse.Namespace) -> Layout:
    step = "" if given.compact_output else "\t" if given.tab else " " * given.indent
    return Layout(
        step=step,
        before="\x1e" if given.seq else "",
        after="\0" if given.raw_output0 else "" if given.join_output else "\n",
        raw=given.raw_output or given.join_output or given.raw_output0,
        sort_keys=given.sort_keys,
        ascii_only=given.ascii_output,
    )


def _run(
    program: Program,
    given: argparse.Namespace,
    variables: dict[str, Any],
    stdin: TextIO,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    layout = _layout(given)
    status, came, last = OK, False, None

    def debug(value: Any) -> None:
        stderr.write('["DEBUG:",' + "".join(pieces(value)) + "]\n")

    for value in _inputs(given, stdin):
        try:
            for last in program.run(value, now=time.time(), on_debug=debug, **variables):
                came = True
                stdout.write(layout.shown(last))
        except RunError as error:
            stderr.write(f"{error}\n")
            status = FAILED
        except JqError as error:
            stderr.write(f"{error}\n")
            return FAILED
    if given.exit_status and status == OK:
        return NOTHING_CAME if not came else FALSY if last is None or last is False else OK
    return status
