"""Asks a platform what is new. The cursor is committed together with the rows of its page.

A poll in trouble stops nothing else: it is parked, and told of."""

from __future__ import annotations

from typing import Any

from crossdock.core import crash, json
from crossdock.core.connector import Poll
from crossdock.core.errors import ForAPerson, NotNow, StoreError
from crossdock.core.flow import Connection
from crossdock.core.ids import partition_of
from crossdock.core.lanes import Lane
from crossdock.core.retry import RetryPolicy, wait_for_platform_at
from crossdock.core.verdict import NotDone, Refused, Unknown
from crossdock.core.work import CellWrite
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.exchange import Exchanger
from crossdock.engine.leases import Leases
from crossdock.engine.reads import ReadFailed, run_reads
from crossdock.engine.receive import Receiver

IDLE_S = 5.0
PACE = RetryPolicy(first_delay_s=15.0, max_delay_s=900.0)
"""While it cannot be read."""


class Poller:
    def __init__(
        self,
        context: Context,
        exchanger: Exchanger,
        receiver: Receiver,
        connection: Connection,
        poll: Poll,
        leases: Leases,
    ) -> None:
        self._context = context
        self._exchanger = exchanger
        self._receiver = receiver
        self._connection = connection
        self._poll = poll
        self._cell = f"poll/{connection.name}/{poll.name}"
        self._what = f"the poll {poll.name!r}"
        self._failures = 0
        self.name = f"{connection.name}/{poll.name}"
        self._leases = leases
        self.lane = Lane("poll", f"poll/{self.name}", partition_of(self.name))
        """who holds it asks; two that ask at once would waste calls, and lose nothing"""
        self.trouble = ""
        """why the last page could not be had; "" = it could"""

    async def run(self) -> None:
        every_s = self._connection.polls.get(self._poll.name, self._poll.every_s)
        while True:
            if not self._leases.holds(self.lane):
                await self._context.signals.wait(self.lane.stream, IDLE_S)
                continue
            try:
                more = await self.once()
            except ReadFailed as failed:
                await self._read_failed(failed.verdict)
            except NotNow:
                await self._context.clock.sleep(PACE.first_delay_s)
            except StoreError:
                raise
            except ForAPerson as stop:
                await self._park(stop.what)
            except Exception:
                await self._park(bug_in(self._what))
            else:
                self._failures, self.trouble = 0, ""
                if not more:
                    await self._context.clock.sleep(every_s)

    async def once(self) -> bool:
        """One page. True when another one waits. Raises ReadFailed, ForAPerson, StoreError, and whatever else a defect
        of the connector's code makes of it."""
        cell = await self._context.store.cell(self._cell)
        cursor: Any = json.decode(cell.value) if cell is not None else None
        steps = self._poll.read(cursor, self._context.clock.civil())
        name, deadline_s = self._connection.name, self._connection.deadline_s
        page = await run_reads(self._context, self._exchanger, name, steps, self._what, deadline_s)
        if page.more and page.cursor == cursor:
            raise ForAPerson(f"{self._what} says that more waits, and would read the same page again")
        body = json.encode({"poll": self._poll.name, "parts": [part.identity for part in page.parts]})
        headers = {"crossdock-poll": self._poll.name}
        cells = [CellWrite(self._cell, json.encode(page.cursor))]
        await self._receiver.take(self._connection, body, headers, page.parts, cells=cells)
        crash.at("poll.page")
        return page.more

    async def _read_failed(self, verdict: NotDone | Refused | Unknown) -> None:
        """A wait that the platform asks for is no trouble, nor is it one of the poll that its connection is paused."""
        wait_s = (verdict.wait_s or 0.0) if isinstance(verdict, NotDone) else 0.0
        if isinstance(verdict, NotDone) and not verdict.counts:
            await self._context.clock.sleep(wait_s or PACE.first_delay_s)
        else:
            await self._park(verdict.why, wait_s)

    async def _park(self, why: str, wait_s: float = 0.0) -> None:
        """Asks less and less often, until it goes again; meanwhile `trouble` says why it does not."""
        self._failures, self.trouble = self._failures + 1, why
        now, jitter = self._context.clock.now(), self._context.random()
        due_at = wait_for_platform_at(PACE, self._failures, now, wait_s=None, jitter=jitter)
        await self._context.clock.sleep(max(due_at - now, wait_s))
