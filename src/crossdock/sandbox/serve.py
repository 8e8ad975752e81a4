"""Serves simulators on free loopback ports, several in one process."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crossdock.sandbox.admin import PREFIX, AdminDoor
from crossdock.sandbox.clock import SandboxClock
from crossdock.sandbox.sending import CUT_EXTENSION
from crossdock.sandbox.simulator import Simulator


class Served:
    """A simulator that answers at `url` until it is closed."""

    def __init__(self, simulator: Simulator, url: str, admin: str, server: uvicorn.Server) -> None:
        self.simulator = simulator
        self.url = url
        self.admin = admin
        self._server = server
        self._task: asyncio.Task[None] | None = None

    def as_line(self) -> dict[str, Any]:
        """What `crossdock sandbox NAME --json` prints. It holds secrets, though only of the sandbox."""
        return {
            "name": self.simulator.name,
            "url": self.url,
            "credentials": self.simulator.credentials(),
            "admin": self.admin,
        }

    async def start(self, listener: socket.socket) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError(f"the simulator {self.simulator.name} stopped before it answered")
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Ends webhooks and withheld answers, then the server. May be called twice."""
        await self.simulator.close()
        self._server.should_exit = True
        if self._task:
            await self._task
            self._task = None


async def serve(
    simulators: Sequence[Simulator], host: str = "127.0.0.1", time_scale: float | None = None, *, port: int = 0
) -> list[Served]:
    """Starts all or none. `time_scale`: simulated seconds in a real one; None keeps each its own clock. `port` is the
    first one's, the others follow; 0 = free ones. Raises OSError when a port is taken."""
    started: list[Served] = []
    try:
        for number, simulator in enumerate(simulators):
            if time_scale is not None:
                simulator.set_clock(SandboxClock(time_scale))
            started.append(await _serve_one(simulator, host, port + number if port else 0))
    except BaseException:
        await asyncio.gather(*(served.close() for served in started))
        raise
    return started


@contextlib.contextmanager
def serving(simulators: Sequence[Simulator], time_scale: float | None = None) -> Generator[list[Served], None, None]:
    """Serves from a thread of its own, for callers that block, such as most client libraries."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="crossdock-sandbox", daemon=True)
    thread.start()

    async def close(started: Sequence[Served]) -> None:
        await asyncio.gather(*(served.close() for served in started))

    try:
        started = asyncio.run_coroutine_threadsafe(serve(simulators, time_scale=time_scale), loop).result()
        try:
            yield started
        finally:
            asyncio.run_coroutine_threadsafe(close(started), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve_one(simulator: Simulator, host: str, port: int) -> Served:
    listener = _listen(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    simulator.url = url
    simulator.closing.clear()
    door = AdminDoor(simulator)
    config = uvicorn.Config(
        door,
        http=_CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    served = Served(simulator, url, f"{url}{PREFIX}{door.token}", _QuietServer(config))
    await served.start(listener)
    return served


def _listen(host: str, port: int) -> socket.socket:
    """The protocol is named, since asyncio turns off the delay of small writes for such sockets only:
    unnamed, each answer of two writes would wait 40 ms for an acknowledgement.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(512)
    return listener


class _QuietServer(uvicorn.Server):
    """Leaves signals to the program that serves."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _CuttableProtocol(HttpToolsProtocol):
    """Lets the app reset its connection: SO_LINGER of zero seconds makes the kernel send RST, not FIN."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        extensions: dict[str, Callable[[], None]] = {CUT_EXTENSION: self._reset}
        self.scope["extensions"] = extensions  # type: ignore[typeddict-item]

    def _reset(self) -> None:
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
