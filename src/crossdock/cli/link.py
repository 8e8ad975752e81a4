"""`crossdock link`: connects what exists on both sides already, before a flow would create it a second time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from crossdock.cli.acting import acting
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, progress, say, table
from crossdock.core.errors import UsageError

AT_ONCE = 20
WELL = {"linked", "would link"}


def add_to(app: typer.Typer) -> None:
    app.command(short_help="Links what exists on both sides already.")(link)


def link(
    connection: Annotated[str, typer.Argument(help="Where the records are.")],
    model: Annotated[str, typer.Argument(help="What they are: customer, product, …")],
    by: Annotated[str, typer.Option(help="Only entities that have this field, such as email.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tells what it would link.")] = False,
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """Looks for a record of every known entity that has none there, and links what is certain."""
    place = place_of(project, environment)
    looked, match = asyncio.run(_link(place, connection, model, by, dry_run))
    sums = Counter(one["result"] for one in looked)
    if as_json:
        emit(
            {
                "connection": connection,
                "model": model,
                "dry_run": dry_run,
                "match": match,
                "entities": looked,
                "sums": sums,
            }
        )
    else:
        say(f"{connection} {model}: known by {', '.join(match)}")
        rows = [(one["key"], one["result"], one["remote_id"], one["why"]) for one in looked]
        table(("key", "result", "record", "why"), rows)
        say("")
        say(", ".join(f"{amount:,} {result}" for result, amount in sums.items()) or "every known one is linked already")
    return 1 if sums["failed"] or sums["taken"] else 0


async def _link(
    place: Place, connection: str, model: str, by: str, dry_run: bool
) -> tuple[list[Mapping[str, Any]], Sequence[str]]:
    looked: list[Mapping[str, Any]] = []
    async with acting(place) as perform:
        said = {"connection": connection, "model": model}
        unlinked = await perform("unlinked", **said)
        ids, match = unlinked["ids"], unlinked["match"]
        if by and not _is_among(by, match):
            raise UsageError(f"{connection} does not look for {model} by {by}", hint=f"it looks by {', '.join(match)}")
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            looked += (await perform("link", ids=some, by=by, dry_run=dry_run, **said))["looked"]
            progress("looked for", start + len(some), len(ids))
    return looked, match


def _is_among(by: str, match: Sequence[str]) -> bool:
    """`email` is in "e-mail address": match keys are words for a person."""
    wanted = by.lower().replace("-", "").replace("_", " ")
    return any(wanted in words.lower().replace("-", "") for words in match)
