"""`crossdock`: every command, one way out for errors.

Exit codes: 0 well, 1 found a problem, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from crossdock import __version__
from crossdock.cli.show import begin, emit, error_document, error_lines, note
from crossdock.core.errors import CrossdockError, UsageError

COMMANDS = {
    "init": "init",
    "check": "check",
    "test": "check",
    "run": "run",
    "status": "status",
    "trace": "trace",
    "dead-letters": "dead_letters",
    "holds": "holds",
    "quarantine": "quarantine",
    "rewind": "rewind",
    "perform-again": "rewind",
    "link": "link",
    "audit": "audit",
    "store": "store",
    "connect": "connect",
    "secrets": "secrets",
    "sandbox": "sandbox",
    "jq": "jq",
    "demo": "demo.command",
}
"""command → the module that adds it"""


def build(wanted: str = "") -> typer.Typer:
    """The program with this command alone, since importing the others takes longer than most commands do; with all of
    them when there is no such command."""
    app = typer.Typer(
        name="crossdock",
        help="A self-hosted hub that connects systems on different platforms.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback()(_crossdock)
    modules = [COMMANDS[wanted]] if wanted in COMMANDS else list(dict.fromkeys(COMMANDS.values()))
    if wanted == "--version":
        modules = []
    for module in modules:
        import_module(f"crossdock.cli.{module}").add_to(app)
    return app


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def _crossdock(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="The program's version.")
    ] = False,
) -> None:
    """With a callback, one command is still a command of its own."""


def main(arguments: Sequence[str]) -> int:
    """The exit code. No exception and no traceback gets out, unless CROSSDOCK_TRACEBACK asks for it."""
    as_json = "--json" in arguments
    begin()
    try:
        code = build(arguments[0] if arguments else "")(
            args=list(arguments) or ["--help"], prog_name="crossdock", standalone_mode=False
        )
    except CrossdockError as error:
        return _failed(error, as_json)
    except typer.TyperException as error:
        said = error.format_message()
        if said.startswith("Usage:"):  # a group without a command: its help
            print(said)
            return error.exit_code
        return _failed(UsageError(said, hint="crossdock COMMAND --help tells more"), as_json)
    except (typer.Abort, KeyboardInterrupt):
        note("stopped")
        return 130
    except BrokenPipeError:
        return _nobody_reads()
    except Exception as error:
        return _failed(_unexpected(error), as_json)
    return code if isinstance(code, int) else 0


def run() -> None:
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _nobody_reads()
    sys.exit(code)


def _nobody_reads() -> int:
    """Whoever read this (`| head`) has gone: what is still to be written goes nowhere, and without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _failed(error: CrossdockError, as_json: bool) -> int:
    if as_json:
        emit(error_document(error))
    else:
        note(error_lines(error))
    return 2 if isinstance(error, UsageError) else 1


def _unexpected(error: Exception) -> CrossdockError:
    """A bug of ours: its traceback goes to a file of this user's, not to the screen."""
    if os.environ.get("CROSSDOCK_TRACEBACK"):
        traceback.print_exc()
    descriptor, name = tempfile.mkstemp(prefix="crossdock-error-", suffix=".log")
    with os.fdopen(descriptor, "w") as file:
        file.write(f"crossdock {__version__}\n\n")
        traceback.print_exception(error, file=file)
    return CrossdockError(
        f"this should not have happened: {type(error).__name__}: {error}",
        hint=f"The details are in {Path(name)}; please report them. CROSSDOCK_TRACEBACK=1 shows them at once.",
    )
