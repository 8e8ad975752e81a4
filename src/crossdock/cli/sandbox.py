"""`crossdock sandbox`: simulators of platforms to try things on."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from crossdock.cli.options import AsJson
from crossdock.cli.show import emit, note, say
from crossdock.core.errors import CrossdockError, UsageError
from crossdock.models.violation import nearest
from crossdock.sandbox.catalogue import SIMULATORS, make
from crossdock.sandbox.serve import Served, serve
from crossdock.sandbox.simulator import Simulator


def add_to(app: typer.Typer) -> None:
    app.command(short_help="Serves simulators of platforms until Ctrl-C.")(sandbox)


def sandbox(
    names: Annotated[list[str], typer.Argument(help=f"Which platforms: {', '.join(SIMULATORS)}.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the first one; 0 = free ones.")] = 0,
    time_scale: Annotated[float, typer.Option(min=0.01, help="Simulated seconds in a real one.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Faults and ids follow from it.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Serves simulators until Ctrl-C: one JSON line each, with URL, credentials and admin door."""
    for name in names:
        if name not in SIMULATORS:
            meant = nearest(name, SIMULATORS)
            hint = f"did you mean {meant}?" if meant else f"there are: {', '.join(SIMULATORS)}"
            raise UsageError(f"there is no simulator {name!r}", hint=hint)
    asyncio.run(_serve([_make(name, seed) for name in names], port, time_scale, as_json))


def _make(name: str, seed: int) -> Simulator:
    try:
        return make(name, seed=seed)
    except ModuleNotFoundError as error:
        raise CrossdockError(
            f"the simulator {name} needs {error.name}, which is not installed", hint='pip install "crossdock[sandbox]"'
        ) from None


async def _serve(simulators: list[Simulator], port: int, time_scale: float, as_json: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        served = await serve(simulators, time_scale=time_scale, port=port)
    except (OSError, OverflowError) as error:
        raise CrossdockError(f"cannot listen: {error}", hint="leave --port away, and free ones are taken") from None
    for one in served:
        _tell(one, as_json)
    note("Ctrl-C stops them; what they hold is gone then")
    await stop.wait()
    await asyncio.gather(*(one.close() for one in served))


def _tell(one: Served, as_json: bool) -> None:
    line = one.as_line()
    if as_json:
        emit(line)
        return
    say(f"{line['name']}  {line['url']}")
    for name, value in line["credentials"].items():
        say(f"    {name}: {value}")
    say(f"    admin: {line['admin']}")
