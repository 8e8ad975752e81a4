"""`crossdock run`: the hub itself, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import structlog
import typer
import uvloop

from crossdock.cli.assemble import Assembly, assembled, missing
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import socket_path
from crossdock.cli.show import emit, say, table
from crossdock.core.errors import CredentialError, CrossdockError, UsageError
from crossdock.core.flow import Connection
from crossdock.engine import crash
from crossdock.engine.accounts import check_account
from crossdock.engine.observe import Observer
from crossdock.project import Project, load_project
from crossdock.server.face import Face
from crossdock.server.serve import Listening, is_loopback, local_socket, raise_file_limit, tcp_socket

GRACE_S = 10.0
SWITCH_S = 0.0005
"""Between the event loop and the store's writer: with Python's own 5 ms a busy loop starves the writer."""
GARBAGE = 10_000
"""New objects that are still there before the collector looks: events come by the thousand, and few hold cycles."""
log = structlog.get_logger("crossdock.hub")


@dataclass(frozen=True, slots=True)
class Wish:
    """How a hub is to run."""

    host: str
    port: int
    grace_s: float = GRACE_S
    new_accounts: tuple[str, ...] = ()
    as_json: bool = False


def add_to(app: typer.Typer) -> None:
    app.command()(run)


def run(
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    host: Annotated[str | None, typer.Option(help="Address to listen on; else the project's.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; else the project's. 0 = a free one.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Other machines may reach it.")] = False,
    grace: Annotated[float, typer.Option(min=0, max=600, help="Seconds in which it stops when told to.")] = GRACE_S,
    new_account: Annotated[
        list[str] | None, typer.Option("--new-account", help="This connection leads to another account from now on.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Runs the hub until Ctrl-C or SIGTERM. A second one stops it at once. Nothing is lost either way."""
    crash.arm(os.environ.get(crash.VARIABLE, ""))
    loaded = load_project(project, environment)
    wish = Wish(
        host if host is not None else loaded.hub.host,
        port if port is not None else loaded.hub.port,
        grace,
        tuple(new_account or ()),
        as_json,
    )
    if not public and not is_loopback(wish.host):
        raise UsageError(
            f"at {wish.host} every machine that reaches this one could talk to the hub",
            hint="if that is meant, add --public; behind a proxy on this machine, listen on 127.0.0.1",
        )
    raise_file_limit()
    sys.setswitchinterval(SWITCH_S)
    return uvloop.run(_run(loaded, wish))


async def _run(project: Project, wish: Wish) -> int:
    stop = _on_signals()
    with contextlib.closing(tcp_socket(wish.host, wish.port)) as sock:
        async with assembled(project) as assembly:
            await serve(assembly, sock, wish, stop, lambda port: _announce(assembly, wish, port))
    log.info("stopped")
    if wish.as_json:
        emit({"event": "stopped"})
    return 0


async def serve(
    assembly: Assembly, sock: socket.socket, wish: Wish, stop: asyncio.Event, ready: Callable[[int], Awaitable[None]]
) -> None:
    """Until told to `stop`, within the grace. `ready` is awaited once it listens, with its port. Raises CrossdockError
    when it cannot start, and whatever it cannot go on with."""
    hub, project = assembly.hub, assembly.project
    for name in project.landscape.connections:
        declared, new = project.accounts.get(name, ""), name in wish.new_accounts
        try:
            credential = await assembly.vault.credential(name)
        except CredentialError as error:
            hub.context.pause(name, error)
            continue
        await check_account(hub.context, name, credential, declared=declared, new=new)
    await hub.start()
    door_socket = local_socket(socket_path(project.folder, project.landscape.environment))
    door = Listening(assembly.acts, door_socket, 1.0)
    face = Listening(Face(hub, assembly.exposition), sock, wish.grace_s / 2)
    await door.start()
    await face.start()
    gc.collect()
    gc.freeze()  # the project and its compiled maps stay: the collector need not look at them again
    gc.set_threshold(GARBAGE, 20, 20)
    observer = asyncio.create_task(Observer(hub, assembly.metrics).run())
    observer.add_done_callback(_told(hub.context.fail))
    await ready(face.port)
    failed = await _until(stop, hub.failed())
    now = asyncio.get_running_loop().time
    ends_at = now() + wish.grace_s
    log.info("stopping", grace_s=wish.grace_s)
    with contextlib.suppress(CrossdockError) if failed else contextlib.nullcontext():
        observer.cancel()
        await asyncio.gather(face.stop(), door.stop())
        await hub.stop(0.0 if failed else max(ends_at - now() - 1.0, 0.0))
    if failed is not None:
        raise failed


def _on_signals() -> asyncio.Event:
    """Set at the first SIGINT or SIGTERM; the second ends the process where it stands: what is committed stays."""
    stop = asyncio.Event()

    def told(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told, number)
    return stop


async def _until(stop: asyncio.Event, failed: Awaitable[BaseException]) -> BaseException | None:
    """None = told to stop."""
    stopping, failing = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(failed)
    await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    failing.cancel()
    return failing.result() if failing.done() and not failing.cancelled() else None


def _told(fail: Callable[[BaseException], None]) -> Callable[[asyncio.Task[None]], None]:
    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            fail(error)

    return ended


# --- what it says when it has started -----------------------------------------------------------------------------


async def _announce(assembly: Assembly, wish: Wish, port: int) -> None:
    project = assembly.project
    url = f"http://{f'[{wish.host}]' if ':' in wish.host else wish.host}:{port}"
    hooks = {
        name: connection.public_url or f"{url}/hooks/{name}"
        for name, connection in project.landscape.connections.items()
        if connection.connector.webhook is not None
    }
    lacking = [line for one in project.landscape.connections.values() for line in await _lacks(assembly, one)]
    log.info("started", hub=project.landscape.name, environment=project.landscape.environment, url=url)
    if wish.as_json:
        emit(_document(project, url, hooks, lacking))
    else:
        _tell(project, url, hooks, lacking)


async def _lacks(assembly: Assembly, connection: Connection) -> list[str]:
    try:
        return missing(connection, await assembly.vault.credential(connection.name))
    except CredentialError as error:
        return [f"{error.what}; {error.hint}"]


def _document(project: Project, url: str, hooks: Mapping[str, str], lacking: list[str]) -> Mapping[str, Any]:
    return {
        "event": "ready",
        "hub": project.landscape.name,
        "environment": project.landscape.environment,
        "pid": os.getpid(),
        "url": url,
        "hooks": hooks,
        "flows": [{"name": one.name, "to": one.to, "guarantee": one.guarantee} for one in project.reports],
        "missing": lacking,
    }


def _tell(project: Project, url: str, hooks: Mapping[str, str], lacking: list[str]) -> None:
    say(f"{project.landscape.name} ({project.landscape.environment}) is running")
    say("")
    table(("", ""), [*(("webhooks of " + name, hook) for name, hook in hooks.items()), ("health", f"{url}/readyz")])
    say("")
    rows = [(one.name, ", ".join(one.on), f"{one.to}: {one.action}", one.guarantee) for one in project.reports]
    table(("flow", "on", "to", "guarantee"), rows)
    for line in lacking:
        say(f"! {line}")
    for problem in project.warnings:
        say(f"! {problem}")
    say("")
    say("Ctrl-C stops it, and nothing is lost.")
