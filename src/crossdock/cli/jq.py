"""`crossdock jq`: the mapping language by itself."""

from __future__ import annotations

import sys

import typer

from crossdock.jq.command import run


def add_to(app: typer.Typer) -> None:
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(context_settings=settings, add_help_option=False)(jq)


def jq(context: typer.Context) -> int:
    """Runs a jq program over JSON, in the language of the maps. `crossdock jq --help` lists its options."""
    return run(list(context.args), sys.stdin, sys.stdout, sys.stderr)
