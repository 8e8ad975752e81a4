"""Puts ASGI apps on sockets, and takes them off again without cutting anybody off."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from crossdock.core.errors import CrossdockError
from crossdock.server.protocol import GuardedProtocol

MAX_CONNECTIONS = 10_000
KEEP_ALIVE_S = 30
FILES_KEPT_BACK = 256
"""File descriptors that connections may not use up: the store, the way out, the rest of the process."""
LAST_REQUEST_S = 0.5
"""How long a kept-alive connection may bring its last request when the hub stops."""
FREE_PORTS = range(8430, 8530)
LONGEST_SOCKET_PATH = 100
"""bytes; the system's own limit is 104 to 108"""


class _Server(uvicorn.Server):
    """Signals are the command's business, not the server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, GuardedProtocol)
                connection.sweep(now)
        return await super().on_tick(counter)


class Listening:
    """One app on one socket."""

    def __init__(self, app: Any, sock: socket.socket, grace_s: float = 10.0) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            ws="none",
            http=GuardedProtocol,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(grace_s) or 1,
            backlog=2048,
            limit_concurrency=_most_connections(),
        )
        self._server = _Server(config)
        self._socket = sock
        name = sock.getsockname()
        self.port = int(name[1]) if isinstance(name, tuple) else 0
        """0 for a local socket"""
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise CrossdockError("the server ended before it began")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """No new connections; requests under way are answered within the grace, and so is one more on each connection
        that is kept alive: what its sender has begun to send meets no closed door."""
        if self._task is None:
            return
        for server in self._server.servers:
            server.close()
        ends_at = asyncio.get_running_loop().time() + LAST_REQUEST_S
        while self._connections() and asyncio.get_running_loop().time() < ends_at:
            for connection in self._connections():
                connection.answers_once_more()
            await asyncio.sleep(LAST_REQUEST_S / 20)
        self._server.should_exit = True
        await self._task

    def _connections(self) -> list[GuardedProtocol]:
        return [one for one in self._server.server_state.connections if isinstance(one, GuardedProtocol)]


def tcp_socket(host: str, port: int) -> socket.socket:
    """Raises CrossdockError with what to do when the port cannot be had.

    The protocol is named, since asyncio turns off the delay of small writes for such sockets only: unnamed, an answer
    of two writes would wait 40 ms for an acknowledgement."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except (OSError, OverflowError) as error:
        sock.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise CrossdockError(
            f"cannot listen on {host}:{port}: {reason}",
            hint=f"stop what uses it, or choose another: --port {_free_port(family, host)}",
        ) from None
    return sock


def _free_port(family: socket.AddressFamily, host: str) -> int:
    """One that can be had right now, and that nothing of ours listens on by default."""
    for port in FREE_PORTS:
        with socket.socket(family, socket.SOCK_STREAM) as sock, contextlib.suppress(OSError):
            sock.bind((host, port))
            return port
    return FREE_PORTS[0]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def local_socket(path: Path) -> socket.socket:
    """A socket for this user only. A file that a dead hub left is replaced. Raises CrossdockError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_ours(path.parent):
        raise CrossdockError(f"the folder {path.parent} belongs to another user", hint="remove it, or ask for it")
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
    except OSError as error:
        sock.close()
        raise CrossdockError(f"cannot make the hub's local door {path}: {error}") from None
    path.chmod(0o600)
    return sock


def is_ours(folder: Path) -> bool:
    """Nobody else can put a socket of theirs into it."""
    try:
        status = folder.stat()
    except OSError:
        return False
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def raise_file_limit() -> None:
    """As many open files as this user may have: a connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + FILES_KEPT_BACK
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _most_connections() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(min(MAX_CONNECTIONS, soft - FILES_KEPT_BACK), 64)
