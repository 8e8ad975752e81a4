"""News between workers, by LISTEN and NOTIFY. What is lost is found by looking, so nothing hangs on a notice.

A transaction that notifies holds up every other one that does until it has ended. So news never travel with a commit:
they are gathered after it and told, many at once, by a transaction that writes nothing and waits for no disk.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import structlog

from crossdock.stores.postgres.outage import Outage, is_lost

CHANNEL = "crossdock"
MOST_BYTES = 7000
"""of one notice; the server's limit is 8000"""
GATHER_S = 0.002
CHECK_S = 5.0
"""how often the listening connection is asked whether it lives"""
ANYTHING = ""
"""Told after a connection was lost: any news may have been missed."""
BETWEEN = "\n"
log = structlog.get_logger("crossdock.hub")


class Herald:
    def __init__(self, opened: Callable[[], Awaitable[Any]], connect: Callable[[], Awaitable[Any]]) -> None:
        """`opened` gives the pool, `connect` a connection of one's own."""
        self._opened = opened
        self._connect = connect
        self._me = uuid4().hex[:12]
        self._news: dict[str, None] = {}
        self._failing: set[str] = set()
        """what a person was told of: that news are not `told`, not `heard`"""
        self._telling: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None

    def announce(self, news: str) -> None:
        """`news` has no line breaks. The same news are told once, while they wait."""
        self._news[news] = None
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="store tells")

    def hear(self, told: Callable[[str], None]) -> None:
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(told), name="store listens")

    async def close(self) -> None:
        if self._telling is not None:
            await asyncio.wait([self._telling], timeout=1.0)
        for task in (self._telling, self._listening):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])

    def _failed(self, what: str, error: Exception) -> None:
        """A server that went away comes back. Of anything else, a changed password, a person must know: once."""
        if not is_lost(error) and what not in self._failing:
            self._failing.add(what)
            why = f"{type(error).__name__}: {error}"
            log.warning(f"no news between workers are {what}; they look by themselves, and it is tried again", why=why)

    # --- telling ------------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        while self._news:
            await asyncio.sleep(GATHER_S)
            news, self._news = list(self._news), {}
            try:
                pool = await self._opened()
                for notice in self._notices(news):
                    await pool.execute("SELECT pg_notify($1, $2)", CHANNEL, notice)
            except Exception as error:
                self._failed("told", error)
                return  # the others look by themselves
            self._failing.discard("told")

    def _notices(self, news: list[str]) -> Iterator[str]:
        lines, size = [self._me], 0
        for line in news:
            if size + len(line.encode()) > MOST_BYTES and len(lines) > 1:
                yield BETWEEN.join(lines)
                lines, size = [self._me], 0
            if len(line.encode()) <= MOST_BYTES:
                lines.append(line)
                size += len(line.encode()) + 1
        if len(lines) > 1:
            yield BETWEEN.join(lines)

    # --- listening ----------------------------------------------------------------------------------------------

    async def _listen(self, told: Callable[[str], None]) -> None:
        def heard(_connection: Any, _pid: int, _channel: str, notice: str) -> None:
            sender, *news = notice.split(BETWEEN)
            if sender != self._me:
                for line in news:
                    told(line)

        outage: Outage | None = None
        while True:
            connection: Any = None
            try:
                connection = await self._connect()
                await connection.add_listener(CHANNEL, heard)
                outage = None
                self._failing.discard("heard")
                told(ANYTHING)
                await _until_closed(connection)
                outage = Outage(ConnectionResetError("the listening connection was closed"))
            except Exception as error:
                self._failed("heard", error)
                outage = outage or Outage(error)
            finally:
                if connection is not None:
                    with contextlib.suppress(Exception):
                        connection.terminate()
            await outage.pause()


async def _until_closed(connection: Any) -> None:
    """Raises what `is_lost`, too, when nobody said that it is."""
    closed = asyncio.Event()
    connection.add_termination_listener(lambda _: closed.set())
    while not closed.is_set():
        try:
            async with asyncio.timeout(CHECK_S):
                await closed.wait()
        except TimeoutError:
            await connection.execute("SELECT 1")
