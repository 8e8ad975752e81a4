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
from enum import StrEnum
from typing import Annotated, Any

import structlog
import typer
import uvloop

from crossdock.cli.assemble import Assembly, assembled, missing
from crossdock.cli.names import Name
from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.place import socket_path
from crossdock.cli.show import emit, say, table
from crossdock.cli.workers import Crew, HandedOver, WorkerEnded, run_crew, same_command
from crossdock.core.errors import CredentialError, CrossdockError, UsageError
from crossdock.core.flow import Connection
from crossdock.engine import crash
from crossdock.engine.accounts import check_account
from crossdock.engine.observe import Observer
from crossdock.project import Project, load_project
from crossdock.security.redaction import Redactor
from crossdock.server.face import Face
from crossdock.server.serve import Listening, is_loopback, local_socket, raise_file_limit, tcp_socket
from crossdock.telemetry import logs

GRACE_S = 10.0
SWITCH_S = 0.0005
"""Between the event loop and the store's writer: with Python's own 5 ms a busy loop starves the writer."""
GARBAGE = 10_000
"""New objects that are still there before the collector looks: events come by the thousand, and few hold cycles."""
log = structlog.get_logger("crossdock.hub")


class Role(StrEnum):
    RECEIVE = "receive"
    DELIVER = "deliver"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Wish:
    """How a hub is to run."""

    host: str
    port: int
    grace_s: float = GRACE_S
    new_accounts: tuple[str, ...] = ()
    as_json: bool = False
    workers: int = 1
    role: str = "all"
    public: bool = False


def add_to(app: typer.Typer) -> None:
    app.command(short_help="Runs the hub until Ctrl-C or SIGTERM.")(run)


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
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes that share the work; more than one needs PostgreSQL.")
    ] = 1,
    role: Annotated[
        Role, typer.Option(help="What it does: take in, deliver, or all of it; less than all needs PostgreSQL.")
    ] = Role.ALL,
    as_json: AsJson = False,
) -> int:
    """Runs the hub until Ctrl-C or SIGTERM. A second one stops it at once. Nothing is lost either way. With several
    workers, SIGHUP replaces them one after another."""
    crash.arm(os.environ.get(crash.VARIABLE, ""))
    loaded = load_project(project, environment)
    wish = Wish(
        host if host is not None else loaded.hub.host,
        port if port is not None else loaded.hub.port,
        grace,
        tuple(new_account or ()),
        as_json,
        workers,
        role.value,
        public,
    )
    if not public and not is_loopback(wish.host):
        raise UsageError(
            f"at {wish.host} every machine that reaches this one could talk to the hub",
            hint="if that is meant, add --public; behind a proxy on this machine, listen on 127.0.0.1",
        )
    if (wish.workers > 1 or wish.role != "all") and loaded.hub.store.startswith("sqlite:"):
        raise UsageError(
            "a hub on SQLite is one process that does everything",
            hint="for several, set the environment's `store` to postgresql://USER@HOST/DATABASE",
        )
    raise_file_limit()
    sys.setswitchinterval(SWITCH_S)
    handed = HandedOver.from_environment()
    if handed is not None:
        return uvloop.run(_run_worker(loaded, wish, handed))
    return uvloop.run(_run_crew(loaded, wish) if wish.workers > 1 else _run(loaded, wish))


async def _run(project: Project, wish: Wish) -> int:
    stop = _on_signals()
    with contextlib.closing(tcp_socket(wish.host, wish.port)) as sock:
        async with assembled(project, role=wish.role) as assembly:

            async def ready(port: int) -> None:
                document = await _document(assembly, wish, port)
                emit(document) if wish.as_json else _tell(project, document)

            await serve(assembly, sock, wish, stop, ready)
    return _stopped(wish)


async def _run_worker(project: Project, wish: Wish, handed: HandedOver) -> int:
    stop = _on_signals()
    handed.stop_with_the_parent(stop)
    async with assembled(project, worker=handed.name, role=wish.role) as assembly:

        async def ready(port: int) -> None:
            handed.tell(await _document(assembly, wish, port))

        face, door = handed.sockets()
        await serve(assembly, face, wish, stop, ready, door)
    log.info("stopped")
    return 0


async def _run_crew(project: Project, wish: Wish) -> int:
    stop = asyncio.Event()
    logs.configure(Redactor().mapping, stream=sys.stderr)
    options = {
        "project": str(project.folder),
        "environment": project.landscape.environment,
        "host": wish.host,
        "grace": str(wish.grace_s),
        "role": wish.role,
    }
    flags = [f"--new-account={name}" for name in wish.new_accounts]
    flags += [flag for flag, is_set in (("--public", wish.public), ("--json", wish.as_json)) if is_set]
    with (
        contextlib.closing(tcp_socket(wish.host, wish.port)) as face,
        contextlib.closing(_door(project)) as door,
        Name(project.folder, project.landscape.environment) as name,
    ):
        crew = Crew(same_command(options, flags), wish.workers, face, door, wish.grace_s, name)
        _on_signals(stop, crew.kill)
        try:
            await run_crew(crew, stop, lambda said: emit(said) if wish.as_json else _tell(project, said))
        except WorkerEnded as ended:
            return ended.code
    return _stopped(wish)


def _door(project: Project) -> socket.socket:
    return local_socket(socket_path(project.folder, project.landscape.environment))


def _stopped(wish: Wish) -> int:
    log.info("stopped")
    if wish.as_json:
        emit({"event": "stopped"})
    return 0


async def serve(
    assembly: Assembly,
    sock: socket.socket,
    wish: Wish,
    stop: asyncio.Event,
    ready: Callable[[int], Awaitable[None]],
    door_socket: socket.socket | None = None,
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
    door = Listening(assembly.acts, door_socket or _door(project), 1.0)
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


def _on_signals(stop: asyncio.Event | None = None, at_once: Callable[[], None] | None = None) -> asyncio.Event:
    """Set at the first SIGINT or SIGTERM; the second ends the process where it stands, after `at_once`: what is
    committed stays."""
    stop = stop or asyncio.Event()

    def told(number: int) -> None:
        if stop.is_set():
            if at_once is not None:
                at_once()
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


async def _document(assembly: Assembly, wish: Wish, port: int) -> Mapping[str, Any]:
    project = assembly.project
    url = f"http://{f'[{wish.host}]' if ':' in wish.host else wish.host}:{port}"
    lacking = [line for one in project.landscape.connections.values() for line in await _lacks(assembly, one)]
    log.info("started", hub=project.landscape.name, environment=project.landscape.environment, url=url)
    return {
        "event": "ready",
        "hub": project.landscape.name,
        "environment": project.landscape.environment,
        "pid": os.getpid(),
        "url": url,
        "hooks": {
            name: connection.public_url or f"{url}/hooks/{name}"
            for name, connection in project.landscape.connections.items()
            if connection.connector.webhook is not None
        },
        "flows": [{"name": one.name, "to": one.to, "guarantee": one.guarantee} for one in project.reports],
        "missing": lacking,
    }


async def _lacks(assembly: Assembly, connection: Connection) -> list[str]:
    try:
        return missing(connection, await assembly.vault.credential(connection.name))
    except CredentialError as error:
        return [f"{error.what}; {error.hint}"]


def _tell(project: Project, document: Mapping[str, Any]) -> None:
    workers = f", with {len(document['workers'])} workers" if "workers" in document else ""
    say(f"{project.landscape.name} ({project.landscape.environment}) is running{workers}")
    say("")
    hooks = (("webhooks of " + name, hook) for name, hook in document["hooks"].items())
    table(("", ""), [*hooks, ("health", f"{document['url']}/readyz")])
    say("")
    rows = [(one.name, ", ".join(one.on), f"{one.to}: {one.action}", one.guarantee) for one in project.reports]
    table(("flow", "on", "to", "guarantee"), rows)
    for line in document["missing"]:
        say(f"! {line}")
    for problem in project.warnings:
        say(f"! {problem}")
    say("")
    say("Ctrl-C stops it, and nothing is lost.")
