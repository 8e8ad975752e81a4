"""`crossdock demo`: a shop trades through the hub, and everybody looks at the books."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Annotated

import typer

from crossdock.cli.demo.curtain import Curtain
from crossdock.cli.demo.figures import figures, is_clean
from crossdock.cli.demo.play import Outcome, play
from crossdock.cli.demo.report import tell, what_to_look_at
from crossdock.cli.options import AsJson
from crossdock.cli.show import emit, note, stdout

ENDED_BY_SIGNAL = 130


def add_to(app: typer.Typer) -> None:
    app.command(short_help="A shop trades through a hub, on simulators.")(demo)


def demo(
    orders: Annotated[
        int, typer.Option(min=1, max=20_000, help="How many orders the shop takes, at most eight a second.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed tells the same story.")] = 1,
    leave: Annotated[bool, typer.Option("--exit", help="End when the books are checked, instead of staying.")] = False,
    keep: Annotated[
        Path | None, typer.Option(help="An empty folder for the project and its store, which stay.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """A shop trades through a hub on simulators of Shopify, QuickBooks and HubSpot, with duplicates, faults and a crash
    on the way; then both books are held against each other."""
    return asyncio.run(_demo(orders, seed, leave, keep, as_json))


async def _demo(orders: int, seed: int, leave: bool, keep: Path | None, as_json: bool) -> int:
    told: list[bool] = []
    stop = asyncio.Event()
    task = asyncio.current_task()
    assert task is not None

    async def watch(outcome: Outcome) -> None:
        curtain.close()
        told.append(is_clean(outcome))
        if not as_json:
            tell(outcome, stdout())
        else:
            for finding in outcome.findings:
                note(f"{finding.wrong}: {finding.about}: {finding.what}")
        if not leave:
            note(what_to_look_at(outcome))
        if as_json:
            emit(figures(outcome))
        if not leave:
            await stop.wait()

    def ended() -> None:
        if told:
            stop.set()
        else:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended)
    with Curtain() as curtain, contextlib.suppress(asyncio.CancelledError):
        await play(orders, seed, keep, curtain, watch)
    if not told:
        note("stopped; everything that the demo started is gone")
        return ENDED_BY_SIGNAL
    return 0 if told[0] else 1
