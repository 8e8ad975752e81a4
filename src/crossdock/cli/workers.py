"""Several workers of one hub on this machine: started together, started again when they end, one address for all.

The parent holds the sockets and never touches the store. Its workers inherit the sockets, so that whoever is free
answers, and a sender whose worker is being replaced waits for the next one instead of being turned away.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import structlog

from crossdock.cli.names import Name
from crossdock.core import json
from crossdock.core.errors import CrossdockError

HANDED_OVER = "CROSSDOCK_HANDED_OVER"
"""In a worker's environment: what its parent gave it."""
SOON_S = 0.5
LATE_S = 10.0
"""A worker that ends is started again at once; one that ends again and again, ever later, up to this."""
log = structlog.get_logger("crossdock.hub")


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What a worker has from its parent."""

    name: str
    """the same for every life of this worker, so that it takes its own lanes again at once"""
    face: int
    door: int
    tells: int
    """a pipe: the worker writes one line, what it says when it is ready"""
    life: int
    """a pipe that ends with the parent: then the worker stops, too"""

    @classmethod
    def from_environment(cls) -> Self | None:
        said = os.environ.pop(HANDED_OVER, "")
        return cls(**json.decode(said.encode())) if said else None

    def sockets(self) -> tuple[socket.socket, socket.socket]:
        return socket.socket(fileno=self.face), socket.socket(fileno=self.door)

    def tell(self, document: Mapping[str, Any]) -> None:
        os.write(self.tells, json.encode(document) + b"\n")
        os.close(self.tells)

    def stop_with_the_parent(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(self.life)
            stop.set()

        loop.add_reader(self.life, ended)


class WorkerEnded(CrossdockError):
    """It could not start; it has said why itself."""

    def __init__(self, code: int) -> None:
        super().__init__("a worker could not start", hint="it has said why above")
        self.code = code if code > 0 else 1


class Crew:
    """`command` starts one worker."""

    def __init__(
        self, command: Sequence[str], amount: int, face: socket.socket, door: socket.socket, grace_s: float, name: Name
    ) -> None:
        self._command = list(command)
        self._name = name
        self._face = face
        self._door = door
        self._grace_s = grace_s
        self._posts = [_Post(f"{name.text}:{number}") for number in range(1, amount + 1)]
        self._life = os.pipe()
        self._keeping: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> Mapping[str, Any]:
        """The first one alone, since it brings the store up to date; returns what it says. Raises WorkerEnded."""
        first, *others = self._posts
        said = await self._start(first)
        for post in others:
            await self._start(post)
        self._keeping = [asyncio.create_task(self._keep(post)) for post in self._posts]
        return {**said, "pid": os.getpid(), "workers": self.pids}

    @property
    def pids(self) -> list[int]:
        return [post.process.pid for post in self._posts if post.process is not None]

    async def replace(self) -> None:
        """One after another: each has ended well before its successor starts, and that one is ready before the next
        ends."""
        for post in self._posts:
            if self._stopping:
                return
            post.ready.clear()
            post.asked = True
            _signal(post.process, signal.SIGTERM)
            await post.ready.wait()
        log.info("every worker was replaced", workers=self.pids)

    async def stop(self) -> None:
        """Within the grace; whoever has not ended then is killed: nothing is lost by that."""
        self._stopping = True
        for post in self._posts:
            _signal(post.process, signal.SIGTERM)
            post.ready.set()
        ending = [asyncio.create_task(post.process.wait()) for post in self._posts if post.process is not None]
        if ending:
            await asyncio.wait(ending, timeout=self._grace_s + 5.0)
        self.kill()
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*ending, *self._keeping, return_exceptions=True)
        for end in self._life:
            os.close(end)

    def kill(self) -> None:
        for post in self._posts:
            _signal(post.process, signal.SIGKILL)

    # --- one worker ---------------------------------------------------------------------------------------------

    async def _keep(self, post: _Post) -> None:
        """For as long as the crew works. A worker that was asked to go, or lived for a while, is followed at once."""
        pause_s = 0.0
        now = asyncio.get_running_loop().time
        while post.process is not None:
            began = now()
            code = await post.process.wait()
            if self._stopping:
                return
            if not post.asked:
                pause_s = 0.0 if now() - began > LATE_S else min(max(pause_s * 2, SOON_S), LATE_S)
                log.warning("a worker ended; it is started again", worker=post.name, code=code, after_s=pause_s)
            post.asked = False
            await asyncio.sleep(pause_s)
            if self._stopping:
                return
            with contextlib.suppress(WorkerEnded):
                await self._start(post)

    async def _start(self, post: _Post) -> Mapping[str, Any]:
        """Returns what it says when it is ready. Raises WorkerEnded."""
        said, tells = os.pipe()
        handed: dict[str, Any] = {
            "name": post.name,
            "face": self._face.fileno(),
            "door": self._door.fileno(),
            "tells": tells,
            "life": self._life[0],
        }
        try:
            post.process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, HANDED_OVER: json.encode(handed).decode()},
                pass_fds=(handed["face"], handed["door"], tells, self._life[0], *self._name.locks),
            )
        finally:
            os.close(tells)
        line = await asyncio.to_thread(_line, said)
        if not line:
            raise WorkerEnded(await post.process.wait())
        post.ready.set()
        document: Mapping[str, Any] = json.decode(line)
        return document


class _Post:
    """A worker's place: its name stays, its process changes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self.asked = False
        """to go"""


def _line(end: int) -> bytes:
    """The one line that is written into the pipe; nothing when its writer ended."""
    with os.fdopen(end, "rb") as pipe:
        return pipe.readline()


def _signal(process: asyncio.subprocess.Process | None, number: signal.Signals) -> None:
    if process is not None and process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def same_command(arguments: Mapping[str, str | None], flags: Sequence[str] = ()) -> list[str]:
    """`crossdock run` with these options, by the same Python."""
    said = [part for name, value in arguments.items() if value is not None for part in (f"--{name}", value)]
    return [sys.executable, "-m", "crossdock", "run", *said, *flags]


Told = Callable[[Mapping[str, Any]], None]


async def run_crew(crew: Crew, stop: asyncio.Event, told: Told) -> None:
    """Until told to `stop`. SIGHUP replaces every worker, one after another."""
    replacing: asyncio.Task[None] | None = None

    def replace() -> None:
        nonlocal replacing
        if replacing is None or replacing.done():
            replacing = asyncio.create_task(crew.replace())

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, replace)
    try:
        told(await crew.start())
        await stop.wait()
    finally:
        if replacing is not None:
            replacing.cancel()
        await crew.stop()
