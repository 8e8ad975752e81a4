"""The options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path, typer.Option("--project", "-p", envvar="CROSSDOCK_PROJECT", help="The project's folder.", show_default=False)
]
Environment = Annotated[
    str,
    typer.Option("--environment", "-e", envvar="CROSSDOCK_ENVIRONMENT", help="sandbox, staging or production."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines instead of text for people.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]

HERE = Path()
PRODUCTION = "production"
