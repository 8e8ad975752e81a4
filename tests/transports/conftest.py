"""A server that answers with exactly the bytes a test wants, or cuts the line: no HTTP library in between."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

Play = Callable[["Line"], Awaitable[None]]


class Line:
    """One connection, from the server's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[bytes]) -> None:
        self._reader = reader
        self._writer = writer
        self._requests = requests

    async def request(self) -> bytes:
        """The next request, head and body."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for row in head.lower().split(b"\r\n"):
            if row.startswith(b"content-length:"):
                length = int(row.split(b":")[1])
        whole = head + await self._reader.readexactly(length)
        self._requests.append(whole)
        return whole

    async def read(self, count: int) -> bytes:
        return await self._reader.readexactly(count)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self, body: bytes = b"", status: str = "200 OK", *headers: str) -> None:
        head = "".join(f"{row}\r\n" for row in (f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}"))
        await self.send(head.encode("latin-1") + b"\r\n" + body)

    def reset(self) -> None:
        """RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def drop(self) -> None:
        self._writer.transport.abort()

    async def wait_for_end(self) -> None:
        """Until the client hangs up."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass


class RawServer:
    def __init__(self, port: int, requests: list[bytes], lines: list[Line]) -> None:
        self.port = port
        self.requests = requests
        self.lines = lines
        """one for each connection that was made"""


@contextlib.asynccontextmanager
async def _raw_server(play: Play, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    requests: list[bytes] = []
    lines: list[Line] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer, requests)
        lines.append(line)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await play(line)
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, limit=2**20)
    try:
        yield RawServer(server.sockets[0].getsockname()[1], requests, lines)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in lines:
            line.drop()
        await asyncio.sleep(0)  # the sockets close in the next turn of the loop


@pytest.fixture
def raw_server() -> Callable[..., contextlib.AbstractAsyncContextManager[RawServer]]:
    """`async with raw_server(play) as server`: `play` says what is done with each connection."""
    return _raw_server
