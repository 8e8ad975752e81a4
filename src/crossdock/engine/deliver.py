"""The deliveries of one flow: many keys at work at once, one delivery a key, and a key in trouble delays no other."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crossdock.core.delivery import Delivery
from crossdock.core.errors import CredentialError, StoreError
from crossdock.core.event import Event
from crossdock.core.flow import Flow
from crossdock.core.ids import partition_of
from crossdock.core.states import SETTLED, DeliveryState, WaitingFor
from crossdock.core.work import Committed, DeliveryMove, LaneFence, Work
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.defects import hold_for_defect
from crossdock.engine.drive import Drive
from crossdock.engine.exchange import Exchanger
from crossdock.engine.fetch import Fetcher
from crossdock.engine.item import Item
from crossdock.engine.journal import Journal
from crossdock.engine.leases import Leases
from crossdock.engine.line import NEVER, NOBODY, Line, untried_first
from crossdock.engine.links import LinkBoard
from crossdock.engine.prepare import Prepared
from crossdock.engine.record import Rooms
from crossdock.engine.recover import leave, recover
from crossdock.engine.signals import LEASES

MOST_LINES = 20_000
"""Keys of one flow held in memory, a few hundred bytes each. Beyond that the flow plans nothing more: the backlog stays
in the stream."""
IDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells one key of one flow. Two for the same key are equal."""

    deliverer: Deliverer
    partitionkey: str

    def __call__(self) -> None:
        self.deliverer.tell(self.partitionkey)


class Deliverer:
    """One flow's deliveries. `offer` takes what was planned; `run` works until `drain` ends it gently."""

    def __init__(
        self,
        context: Context,
        exchanger: Exchanger,
        flow: Flow,
        board: LinkBoard,
        fetcher: Fetcher,
        leases: Leases,
    ) -> None:
        self._context = context
        self._exchanger = exchanger
        self.flow = flow
        self._past_dead = flow.on_dead == "skip"
        self._prepared = Prepared(context, exchanger, flow, board, fetcher)
        self._rooms = Rooms(context, exchanger, self._prepared, board, flow, leases)
        self._fences: dict[int, LaneFence] = {}
        """the partitions that are this worker's, and under which fence"""
        self._lines: dict[str, Line] = {}
        self._ready: deque[str] = deque()
        self._timers: list[tuple[float, int, str]] = []
        self._ticket = 0
        self._running: dict[asyncio.Task[None], frozenset[int]] = {}
        """what is under way, and in which partitions"""
        self._wake = asyncio.Event()
        self._stopping = False
        self._unread = False
        """more lines are in the store than were taken up"""
        self._withdrawn: set[str] = set()
        """deliveries that the planner is superseding at this moment: none of them is begun"""

    # --- what the planner sees ----------------------------------------------------------------------------------

    def room(self) -> int:
        """How many more events may be planned now. Parked keys do not count, up to MOST_LINES."""
        if self._stopping or len(self._lines) >= MOST_LINES or self._unread:
            return 0
        return max(self.flow.in_flight * 8 - len(self._ready) - len(self._running), 0)

    def offer(self, delivery: Delivery, event: Event) -> None:
        """A delivery that was just planned, after its commit."""
        if delivery.partition not in self._fences:
            return  # given up meanwhile: its next holder takes it up
        line = self._lines.get(delivery.partitionkey)
        if line is None:
            self._lines[delivery.partitionkey] = Line(delivery, event)
            self._ready.append(delivery.partitionkey)
            self._wake.set()
        else:
            line.behind = True

    def may_supersede(self, partitionkey: str) -> bool:
        """Whether deliveries of this key wait somewhere: worth asking the store which."""
        line = self._lines.get(partitionkey)
        return line is not None

    def withdraw(self, delivery: Delivery) -> bool:
        """Takes a waiting delivery out of turn so that it can be superseded; False = it is at work right now. One that
        stands behind the head of its key is not begun either, should its turn come meanwhile."""
        line = self._lines.get(delivery.partitionkey)
        if line is not None and line.head.id == delivery.id:
            if line.busy:
                return False
            line.busy = True
        self._withdrawn.add(delivery.id)
        return True

    async def superseded(self, delivery: Delivery) -> None:
        """It was (or, on failure to commit, was not): its key goes on with what the store says."""
        self._withdrawn.discard(delivery.id)
        line = self._lines.get(delivery.partitionkey)
        if line is not None and line.head.id == delivery.id:
            await self._advance(delivery.partitionkey, delivery.number - 1)

    # --- life ---------------------------------------------------------------------------------------------------

    async def take(self, fences: Mapping[int, LaneFence]) -> None:
        """These partitions are this worker's from here on, with what their last holder left open, held or dead."""
        await recover(self._context, self.flow, fences)
        self._fences.update(fences)
        await self._take_up(fences)

    async def _take_up(self, partitions: Iterable[int]) -> None:
        rows = await self._context.store.heads_of_keys(
            self.flow.name, MOST_LINES, list(partitions), past_dead=self._past_dead
        )
        self._unread = self._unread or len(rows) >= MOST_LINES
        for row in rows:
            if row.partitionkey in self._lines or row.partition not in self._fences:
                continue
            self._lines[row.partitionkey] = Line(row, behind=True)
            if row.waiting_for in {WaitingFor.NEED, WaitingFor.CLAIM}:
                self._ready.append(row.partitionkey)  # told is only who has asked in this life
            else:
                self._queue(row.partitionkey)
        self._wake.set()

    def lose(self, partitions: Collection[int]) -> None:
        """Another worker holds them, or may soon: nothing more is begun there. What is under way is written down if its
        fence still holds."""
        for partition in partitions:
            self._fences.pop(partition, None)
        for key in [key for key in self._lines if partition_of(key) in partitions]:
            del self._lines[key]

    async def give_up(self, partitions: Collection[int]) -> None:
        """Begins nothing more there, and returns when what is under way has ended."""
        self.lose(partitions)
        if ending := [task for task, places in self._running.items() if not places.isdisjoint(partitions)]:
            await asyncio.wait(ending)

    async def wake_key(self, partitionkey: str) -> None:
        """A person has moved a delivery of this key."""
        line = self._lines.get(partitionkey)
        if line is not None and line.busy:
            line.moved = True
            return
        await self._advance(partitionkey, -1)

    async def run(self) -> None:
        while not self._stopping:
            now = self._context.clock.now()
            while self._timers and self._timers[0][0] <= now:
                _, _, key = heapq.heappop(self._timers)
                line = self._lines.get(key)
                if line is not None and not line.busy and 0 < line.due_at <= now:
                    line.due_at = 0.0
                    self._ready.append(key)
            pause_s = await self._pause_s()
            while pause_s <= 0 and self._ready and len(self._running) < self.flow.in_flight:
                lines = self._next_batch()
                if lines:
                    self._start(lines)
                    pause_s = await self._pause_s()
            if self._unread and len(self._lines) < MOST_LINES // 2:
                self._unread = False
                await self._take_up(self._fences)
                continue
            await self._sleep(pause_s)

    async def drain(self, grace_s: float) -> None:
        """Starts nothing more and waits for what is under way. What does not end in time has an unknown outcome, which
        is resolved when it cannot land any more."""
        self._stopping = True
        self._wake.set()
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        held = self._fences
        cut_off = {place: held[place] for places in self._running.values() for place in places if place in held}
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)
        if cut_off:
            await leave(self._context, self.flow, cut_off, grace_s)

    # --- turns --------------------------------------------------------------------------------------------------

    async def _pause_s(self) -> float:
        """How long the destination's breaker, its wish for no calls, or a person's absence keeps this flow still."""
        if self.flow.connection in self._context.paused or not await self._context.is_connected(self.flow.connection):
            return 1.0
        gate = await self._exchanger.gate(self.flow.connection)
        if gate.breaker.is_open and self._running:
            return 1.0
        if gate.breaker.is_open:
            untried_first(self._ready, self._lines)
        return max(gate.probe_s(), gate.held_off_s)

    async def _sleep(self, pause_s: float) -> None:
        wait_s = IDLE_S
        if self._timers:
            wait_s = min(wait_s, max(self._timers[0][0] - self._context.clock.now(), 0.001))
        if pause_s > 0:
            wait_s = min(wait_s, pause_s)
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _next_batch(self) -> list[Line]:
        lines: list[Line] = []
        while self._ready and len(lines) < self.flow.action.batch_size:
            line = self._lines.get(self._ready.popleft())
            if line is None or line.busy or line.due_at > 0:
                continue
            if lines and line.head.id in self._context.suspects:
                self._ready.appendleft(line.head.partitionkey)
                break
            line.busy = True
            lines.append(line)
            if line.head.id in self._context.suspects:
                break
        return lines

    def _start(self, lines: list[Line]) -> None:
        task = asyncio.create_task(self._work(lines))
        self._running[task] = frozenset(partition_of(line.head.partitionkey) for line in lines)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._wake.set()
        self._context.signals.ring(f"room/{self.flow.name}")
        if not task.cancelled() and (error := task.exception()) is not None:
            self._context.fail(error)

    async def _work(self, lines: list[Line]) -> None:
        at_work = await self._items(lines)
        ready: list[Item] = []
        for _, item in at_work:
            try:
                stop = await self._prepared.prepare(item, Teller(self, item.delivery.partitionkey))
                if stop is None:
                    ready.append(item)
                else:
                    await self._apply_alone(item, stop)
            except Exception as error:
                await self._isolate(error, item)
        for group in self._groups(ready):
            try:
                account = await self._context.account(self.flow.connection)
                await Drive(self._rooms, account, group, await self._journal(group)).run()
            except Exception as error:
                await self._isolate(error, *group)
        for line, item in at_work:
            await self._after(line, item)

    async def _isolate(self, error: Exception, *items: Item) -> None:
        """Of the exception being handled: a defect holds these, and stops nothing else. Raises what is no defect, such
        as want of memory."""
        if isinstance(error, StoreError):
            raise error
        if isinstance(error, CredentialError):
            self._context.pause(self.flow.connection, error)
            return
        connection = self.flow.connection
        try:
            self._context.bugs.tell("a delivery is held for a defect", self.flow.name, connection=connection)
            why = bug_in(self.flow.name, whose="some")
        except MemoryError:
            self._context.at_work.dies_of("delivery", *(item.delivery.id for item in items))
            raise
        for item in items:
            await hold_for_defect(self._context, item, why)

    def _groups(self, items: list[Item]) -> list[list[Item]]:
        return [items] if self.flow.action.batch_size > 1 and items else [[item] for item in items]

    async def _journal(self, group: Sequence[Item]) -> Journal:
        """Only a delivery that has been at work before has one; a batch is composed anew."""
        row = group[0].delivery
        if self.flow.action.batch_size > 1 or not (row.outbound or row.revision):
            return Journal()
        return Journal(await self._context.store.exchanges([row.id]), row.revision)

    async def _items(self, lines: list[Line]) -> list[tuple[Line, Item]]:
        unread = [line.head.event_id for line in lines if line.event is None]
        events = {event.id: event for event in await self._context.store.events(unread)} if unread else {}
        items: list[tuple[Line, Item]] = []
        for line in lines:
            event = line.event or events.get(line.head.event_id)
            fence = self._fences.get(partition_of(line.head.partitionkey))
            if fence is None:
                continue
            if event is None:
                await self._without_event(line.head, fence)
                continue
            items.append((line, Item(line.head, event, fence)))
            line.event = None
        return items

    async def _without_event(self, row: Delivery, fence: LaneFence) -> None:
        """Nothing can be made of it: dead, or held where something may have happened already."""
        state = DeliveryState.HELD if row.state is DeliveryState.RESOLVING else DeliveryState.DEAD
        move = DeliveryMove(row.id, row.state, state, reason=f"its event {row.event_id} is not in the store any more")
        result = await self._context.store.apply(Work(self._context.work_id(), guards=(fence,), delivery_moves=(move,)))
        if not isinstance(result, Committed) and isinstance(result.guard, LaneFence):
            self._fenced(row.partition, fence)
        await self._advance(row.partitionkey, -1)

    def tell(self, partitionkey: str) -> None:
        """What a delivery of this key waits for has happened."""
        line = self._lines.get(partitionkey)
        if line is None:
            return
        if line.busy:
            line.again = True
        elif line.head.state is DeliveryState.WAITING:
            line.due_at = 0.0
            self._ready.append(partitionkey)
            self._wake.set()

    async def _apply_alone(self, item: Item, move: DeliveryMove) -> None:
        same = move.after is item.delivery.state and move.reason == item.delivery.reason
        if same and move.waiting_for is not None:
            item.moved(move)
            return
        result = await self._context.store.apply(
            Work(self._context.work_id(), guards=(item.fence,), delivery_moves=(move,))
        )
        if isinstance(result, Committed):
            item.moved(move)
            return
        item.fenced = isinstance(result.guard, LaneFence)
        rows = await self._context.store.deliveries([move.id])
        item.delivery = rows[0] if rows else item.delivery

    # --- afterwards ---------------------------------------------------------------------------------------------

    async def _after(self, line: Line, item: Item) -> None:
        row = item.delivery
        if item.fenced:
            self._fenced(row.partition, item.fence)
        if self._lines.get(row.partitionkey) is not line:
            return  # its partition was given up
        line.head = row
        if line.moved:
            await self._advance(row.partitionkey, -1)
            return
        if row.state in SETTLED or (row.state is DeliveryState.DEAD and self._past_dead):
            if line.behind:
                await self._advance(row.partitionkey, row.number)
            else:
                del self._lines[row.partitionkey]
            return
        line.busy = False
        if line.again and row.state is DeliveryState.WAITING:
            line.again = False
            line.due_at = 0.0
            self._ready.append(row.partitionkey)
            return
        line.again = False
        self._queue(row.partitionkey)

    def _fenced(self, partition: int, fence: LaneFence) -> None:
        """Another worker holds its lane by now."""
        if self._fences.get(partition) == fence:
            self.lose([partition])
        self._context.signals.heard(LEASES)

    async def _advance(self, partitionkey: str, after_number: int) -> None:
        """The key goes on with its first delivery after that number which is not settled. One that is planned while we
        look sets `behind` again, and one that a person moves sets `moved`, so neither is missed. A key that cannot be
        looked up is taken up again."""
        if partition_of(partitionkey) not in self._fences:
            return
        line = self._lines.get(partitionkey)
        if line is None:
            line = self._lines[partitionkey] = Line(NOBODY, behind=True)
        line.busy = True
        try:
            row = await self._next_row(line, partitionkey, after_number)
        except BaseException:
            if self._lines.get(partitionkey) is line:
                del self._lines[partitionkey]
                self._unread = True
                self._wake.set()
            raise
        if self._lines.get(partitionkey) is not line:
            return  # its partition was given up
        if row is None:
            del self._lines[partitionkey]
            return
        withdrawn = row.id in self._withdrawn
        self._lines[partitionkey] = Line(row, behind=True, busy=withdrawn)
        if not withdrawn:
            self._queue(partitionkey)

    async def _next_row(self, line: Line, partitionkey: str, after_number: int) -> Delivery | None:
        row, line.behind = None, True
        while (row is None and line.behind) or line.moved:
            if line.moved:
                after_number = -1
            line.behind = line.moved = False
            row = await self._context.store.next_of_key(
                self.flow.name, partitionkey, after_number, past_dead=self._past_dead
            )
        return row

    def _queue(self, partitionkey: str) -> None:
        """By the state of the key's head: now, at an instant, or when a person says so."""
        line = self._lines[partitionkey]
        row = line.head
        if row.state in {DeliveryState.HELD, DeliveryState.DEAD}:
            line.due_at = NEVER
            return
        soon = row.state is DeliveryState.WAITING and row.waiting_for is WaitingFor.KEY
        if soon or row.due_at <= self._context.clock.now():
            line.due_at = 0.0
            self._ready.append(partitionkey)
        else:
            line.due_at = row.due_at
            self._ticket += 1
            heapq.heappush(self._timers, (row.due_at, self._ticket, partitionkey))
        self._wake.set()
