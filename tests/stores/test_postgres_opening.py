"""A connection is watched by the system: a server that is gone without a word is noticed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
import structlog
import uvloop

from crossdock.stores.postgres import PostgresStore, opening


@asynccontextmanager
async def a_connection() -> AsyncIterator[asyncio.Transport]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield writer.transport  # type: ignore[misc]
    finally:
        writer.close()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_over_a_network_ends_when_the_other_end_acknowledges_nothing(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def watched() -> None:
        async with a_connection() as transport:
            await opening._watch(SimpleNamespace(_transport=transport))
            there = transport.get_extra_info("socket")
            assert there.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            for name, value in opening.OURS.items():
                assert there.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(watched())


async def test_the_driver_shows_the_socket_of_every_connection(url: str) -> None:
    opening._tell_unwatched.cache_clear()
    with structlog.testing.capture_logs() as lines:
        store = PostgresStore(url)
        await store.counts()
        await store.close()
        alone = await opening.connect_alone(url)
    assert isinstance(alone._transport.get_extra_info("socket").fileno(), int)
    await alone.close()
    assert not lines


async def test_a_driver_that_shows_no_socket_is_told_of_once_and_used_all_the_same() -> None:
    opening._tell_unwatched.cache_clear()
    with structlog.testing.capture_logs() as lines:
        for hidden in (SimpleNamespace(), SimpleNamespace(_transport=object())):
            await opening._watch(hidden)
    assert ["not watched" in line["event"] for line in lines] == [True]
