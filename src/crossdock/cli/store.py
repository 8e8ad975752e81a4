"""`crossdock store`: a hub's past, kept safe and moved."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, progress, say
from crossdock.core.errors import UsageError
from crossdock.project.settings import store_url
from crossdock.stores import copy as moves
from crossdock.stores.sqlite import backup as backups

group = typer.Typer(name="store", help="Where the hub keeps all it knows.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="sqlite:PATH or postgresql://USER@HOST/DATABASE")],
    target: Annotated[str, typer.Argument(metavar="TO", help="A new file, or an empty database.")],
    project: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Moves a stopped hub to another store: all of it, or nothing."""
    source_url, target_url = store_url(project, source), store_url(project, target)
    amounts = asyncio.run(moves.copy(source_url, target_url, progress))
    if as_json:
        emit({"from": moves.named(source), "to": moves.named(target), "rows": amounts})
        return
    say(f"{sum(amounts.values()):,} rows were copied to {moves.named(target)}")
    say(f"Name it in crossdock.yaml as the environment's `store`; {moves.named(source)} opens no more.")


@group.command()
def reopen(project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """Takes a store into use again that was copied elsewhere; the copy must not be."""
    place = place_of(project, environment)
    asyncio.run(moves.reopen(place.store_url))
    if as_json:
        emit({"store": moves.named(place.store_url)})
    else:
        say(f"{moves.named(place.store_url)} opens again")


@group.command()
def backup(to: File, project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> None:
    """A whole copy of the store in one file, also while the hub runs."""
    place = place_of(project, environment)
    size = backups.back_up(_file(place, f"pg_dump --schema=crossdock --file={to}"), to)
    if as_json:
        emit({"file": str(to), "bytes": size})
    else:
        say(f"{to}: {size:,} bytes, complete and checked")
        say("Keep the key of the secrets too, elsewhere: without it the backup's credentials cannot be read.")


@group.command()
def restore(
    backup: File, project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False
) -> None:
    """Puts a backup in the store's place, while no hub runs. What happened since is not in it."""
    place = place_of(project, environment)
    kept = backups.restore(_file(place, f"psql --file={backup}"), backup)
    if as_json:
        emit({"store": place.store_url, "kept": str(kept) if kept else None})
        return
    say(f"{moves.named(place.store_url)} is as it was when {backup} was made")
    if kept:
        say(f"What was there is kept as {kept}.")
    say("What was delivered since then is not known any more: senders' repeats and polls bring it again.")


def _file(place: Place, with_postgres: str) -> Path:
    scheme, _, path = place.store_url.partition(":")
    if scheme != "sqlite":
        raise UsageError(
            "a store on PostgreSQL is kept safe with PostgreSQL's own tools",
            hint=f"{with_postgres} {moves.named(place.store_url)}",
        )
    return Path(path)
