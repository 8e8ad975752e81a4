"""Asks a platform what is new. The cursor is committed together with the rows of its page."""

from __future__ import annotations

from typing import Any

from crossdock.core import crash, json
from crossdock.core.connector import Poll
from crossdock.core.flow import Connection
from crossdock.core.work import CellWrite
from crossdock.engine.context import Context
from crossdock.engine.exchange import Exchanger
from crossdock.engine.reads import ReadFailed, run_reads
from crossdock.engine.receive import Receiver

TROUBLE_S = 15.0


class Poller:
    def __init__(
        self, context: Context, exchanger: Exchanger, receiver: Receiver, connection: Connection, poll: Poll
    ) -> None:
        self._context = context
        self._exchanger = exchanger
        self._receiver = receiver
        self._connection = connection
        self._poll = poll
        self._cell = f"poll/{connection.name}/{poll.name}"

    async def run(self) -> None:
        every_s = self._connection.polls.get(self._poll.name, self._poll.every_s)
        while True:
            try:
                more = await self.once()
            except ReadFailed as failed:
                wait_s = getattr(failed.verdict, "wait_s", None) or TROUBLE_S
                await self._context.clock.sleep(max(wait_s, 1.0))
                continue
            if not more:
                await self._context.clock.sleep(every_s)

    async def once(self) -> bool:
        """One page. True when another one waits. Raises ReadFailed."""
        cell = await self._context.store.cell(self._cell)
        cursor: Any = json.decode(cell.value) if cell is not None else None
        steps = self._poll.read(cursor, self._context.clock.civil())
        page = await run_reads(
            self._context, self._exchanger, self._connection.name, steps, f"the poll {self._poll.name!r}"
        )
        body = json.encode({"poll": self._poll.name, "parts": [part.identity for part in page.parts]})
        headers = {"crossdock-poll": self._poll.name}
        cells = [CellWrite(self._cell, json.encode(page.cursor))]
        await self._receiver.take(self._connection, body, headers, page.parts, cells=cells)
        crash.at("poll.page")
        return page.more
