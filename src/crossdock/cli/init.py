"""`crossdock init`: a project to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from crossdock.cli.options import AsJson
from crossdock.cli.show import emit, say
from crossdock.core.errors import UsageError
from crossdock.project.templates import TEMPLATES, write_template


def add_to(app: typer.Typer) -> None:
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    template: Annotated[
        str, typer.Option(help="; ".join(f"{name}: {text}" for name, text in TEMPLATES.items()))
    ] = "blank",
    as_json: AsJson = False,
) -> None:
    """Writes a project to begin with."""
    try:
        files = write_template(template, folder)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be made: {error.strerror or error}", hint="name a folder that you may write to"
        ) from None
    if as_json:
        emit({"folder": str(folder), "template": template, "files": files})
        return
    say(f"{folder} is a project now: {TEMPLATES[template]}")
    for name in files:
        say(f"  {name}")
    say("")
    there = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    say(f"next: {there}crossdock check && crossdock test")
