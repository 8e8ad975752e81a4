"""`crossdock`: every command, one way out for errors.

Exit codes: 0 well, 1 found a problem, 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from crossdock import __version__
from crossdock.cli import (
    audit,
    check,
    connect,
    dead_letters,
    holds,
    init,
    jq,
    link,
    quarantine,
    rewind,
    sandbox,
    secrets,
    status,
    trace,
)
from crossdock.cli import (
    run as run_command,
)
from crossdock.cli.show import emit, error_document, error_lines, note
from crossdock.core.errors import CrossdockError, UsageError

app = typer.Typer(
    name="crossdock",
    help="A self-hosted hub that connects systems on different platforms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for group in (init, check, run_command, status, trace, rewind, link, audit, connect, sandbox, jq):
    group.add_to(app)
for group in (dead_letters, holds, quarantine, secrets):
    app.add_typer(group.app)


@app.callback()
def _crossdock() -> None:
    pass


@app.command()
def version() -> None:
    """The program's version."""
    print(__version__)


def main(arguments: Sequence[str]) -> int:
    """The exit code. No exception and no traceback gets out, unless CROSSDOCK_TRACEBACK asks for it."""
    as_json = "--json" in arguments
    try:
        code = app(args=list(arguments), prog_name="crossdock", standalone_mode=False)
    except CrossdockError as error:
        return _failed(error, as_json)
    except typer.TyperException as error:
        if not (said := error.format_message()):
            return error.exit_code
        return _failed(UsageError(said, hint="crossdock COMMAND --help tells more"), as_json)
    except (typer.Abort, KeyboardInterrupt):
        note("stopped")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _failed(_unexpected(error), as_json)
    return code if isinstance(code, int) else 0


def run() -> None:
    sys.exit(main(sys.argv[1:]))


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
