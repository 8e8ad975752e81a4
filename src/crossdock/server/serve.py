"""Puts ASGI apps on sockets, and takes them off again without cutting anybody off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from crossdock.core.errors import CrossdockError

MAX_CONNECTIONS = 10_000


class _Quiet(uvicorn.Server):
    """Signals are the command's business, not the server's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
            http="httptools",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=int(grace_s) or 1,
            backlog=2048,
            limit_concurrency=MAX_CONNECTIONS,
        )
        self._server = _Quiet(config)
        self._socket = sock
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        name = self._socket.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise CrossdockError("the server ended before it began")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """No new connections; requests under way are answered within the grace."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def tcp_socket(host: str, port: int) -> socket.socket:
    """Raises CrossdockError with what to do when the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise CrossdockError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="stop what uses it, or choose another: --port 8081",
        ) from None
    return sock


def local_socket(path: Path) -> socket.socket:
    """A socket for this user only. A file that a dead hub left is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(path))
    path.chmod(0o600)
    return sock
