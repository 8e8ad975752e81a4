"""`crossdock audit`: do the sums agree?"""

from __future__ import annotations

import asyncio

import typer

from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import Place, place_of
from crossdock.cli.show import emit, say, table
from crossdock.engine.audit import Sum
from crossdock.engine.audit import audit as audit_store


def add_to(app: typer.Typer) -> None:
    app.command(short_help="Counts everything in two ways.")(audit)


def audit(project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> int:
    """Counts everything in two ways: nothing is lost or doubled where they agree."""
    sums = asyncio.run(_sums(place_of(project, environment)))
    wrong = [one for one in sums if not one.agrees]
    if as_json:
        emit({"ok": not wrong, "sums": [_document(one) for one in sums]})
        return 1 if wrong else 0
    rows = [
        (one.scope, one.what, f"{one.counted:,}", f"{one.found:,}", "" if one.agrees else "✗", _parts(one))
        for one in sums
    ]
    table(("scope", "sum", "counted#", "found#", "", "of"), rows)
    say("")
    say("the sums agree" if not wrong else f"{len(wrong)} of {len(sums)} sums do not agree")
    return 1 if wrong else 0


async def _sums(place: Place) -> list[Sum]:
    async with place.reading() as store:
        return await audit_store(store, place.connections, place.flows)


def _document(one: Sum) -> dict[str, object]:
    return {
        "scope": one.scope,
        "sum": one.what,
        "counted": one.counted,
        "found": one.found,
        "parts": one.parts,
        "agrees": one.agrees,
    }


def _parts(one: Sum) -> str:
    return ", ".join(f"{amount:,} {what}" for what, amount in sorted(one.parts.items()) if amount)
