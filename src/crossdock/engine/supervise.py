"""One hub: everything a landscape needs, started in order, watched, and stopped with nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any

from crossdock.core import crash, json
from crossdock.core.errors import CredentialError, UsageError
from crossdock.core.flow import Flow
from crossdock.core.lanes import lanes_of
from crossdock.core.work import CellVersion, CellWrite, Count, Position, Work
from crossdock.engine.context import Context
from crossdock.engine.deliver import Deliverer
from crossdock.engine.exchange import Exchanger
from crossdock.engine.fetch import Fetcher
from crossdock.engine.leases import Leases
from crossdock.engine.links import LinkBoard
from crossdock.engine.neighbours import Neighbours
from crossdock.engine.normalise import Normaliser
from crossdock.engine.operate import Operator
from crossdock.engine.plan import Planner
from crossdock.engine.poison import set_aside_deadly
from crossdock.engine.poll import Poller
from crossdock.engine.receive import Receiver
from crossdock.engine.retain import Retention
from crossdock.engine.signals import LEASES

CREDENTIAL_CHECK_S = 5.0
SIGN_OFF_S = 2.0
"""Where the store does not answer, the others learn by the lease that this worker is gone."""

Run = Callable[[], Coroutine[Any, Any, None]]


class Hub:
    """Started once, stopped once."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.exchanger = Exchanger(context)
        self.leases = Leases(context, self._counted)
        self.board = LinkBoard()
        self.receiver = Receiver(context)
        fetcher = Fetcher(context, self.receiver)
        landscape = context.landscape
        self.deliverers = {
            name: Deliverer(context, self.exchanger, flow, self.board, fetcher, self.leases)
            for name, flow in landscape.flows.items()
        }
        self.planners = {name: Planner(context, deliverer, self.leases) for name, deliverer in self.deliverers.items()}
        self.normalisers = {
            name: Normaliser(context, self.exchanger, connection, self.leases)
            for name, connection in landscape.connections.items()
        }
        self.pollers = [
            Poller(context, self.exchanger, self.receiver, connection, connection.connector.polls[poll], self.leases)
            for connection in landscape.connections.values()
            for poll in connection.polls
        ]
        self.retention = Retention(context)
        self._neighbours = Neighbours(
            context.store,
            context.signals,
            self.board,
            {"moved": self._wake, "credential": self._reread_credential},
            context.fail,
        )
        self._tasks: list[asyncio.Task[Any]] = []
        self._reading: list[asyncio.Task[Any]] = []
        self.ready = False

    async def start(self) -> None:
        """Takes up its share of what is open, then reads, plans and delivers. Raises StoreError."""
        await set_aside_deadly(self.context, self.context.at_work.take_over())
        self._neighbours.start()
        for flow in self.context.landscape.flows.values():
            await self._begin(flow)
        runs = [*self._receiving(), *self._delivering()]
        await self.leases.start()
        for deliverer in self.deliverers.values():
            self._tasks.append(self._watched(deliverer.run()))
        self._tasks.append(self._watched(self.leases.run()))
        self._tasks.append(self._watched(self._mind_credentials()))
        self._reading += [self._watched(run()) for run in runs]
        self.ready = True

    def _receiving(self) -> Iterator[Run]:
        if self.context.role == "deliver":
            return
        for poller in self.pollers:
            self.leases.serve([poller.lane], "receive")
            yield poller.run

    def _delivering(self) -> Iterator[Run]:
        if self.context.role == "receive":
            return
        for normaliser in self.normalisers.values():
            self.leases.serve(normaliser.lanes, "deliver")
            yield normaliser.run
        for planner in self.planners.values():
            self.leases.serve(planner.lanes, "deliver", self.deliverers[planner.flow.name])
            yield planner.run
        self.leases.serve([self.retention.lane], "deliver")
        yield partial(self.retention.run, self.leases)

    def failing_polls(self) -> Mapping[str, str]:
        """`connection/poll` → why its last page could not be had."""
        return {poller.name: poller.trouble for poller in self.pollers if poller.trouble}

    async def failed(self) -> BaseException:
        """Returns when a stage met what it cannot survive."""
        while not self.context.failed:
            await self.context.signals.wait("failed", 60.0)
        return self.context.failed[0]

    async def stop(self, grace_s: float = 10.0) -> None:
        """Reads and plans nothing more, lets what is under way end within the grace, and leaves the rest in the
        journal: the next start resolves it. The store stays open: its owner closes it."""
        self.ready = False
        await _cancel(self._reading)
        crash.at("shutdown.drain")
        self.exchanger.close()
        await asyncio.gather(*(deliverer.drain(grace_s) for deliverer in self.deliverers.values()))
        await _cancel(self._tasks)
        if not self.context.failed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGN_OFF_S):
                    await self.leases.stop()
        self.context.at_work.close()

    def _counted(self, workers: int) -> None:
        self.exchanger.workers = workers

    async def rewind(self, flow: str, who: str) -> None:
        """One flow back to the beginning of the stream, between two of its plans. What is settled stays settled.
        Raises UsageError."""
        planner = self.planners.get(flow)
        if planner is None:
            raise UsageError(f"the hub runs no flow {flow!r}", hint=f"it runs: {', '.join(self.planners)}")
        async with planner.turn:
            self.leases.set_back(await Operator(self.context, who).rewind(flow))
        self.context.signals.ring(LEASES)
        self.context.signals.ring(f"events/{flow}")

    async def moved(self, flow: str, partitionkey: str) -> None:
        """A person has moved a delivery of this key."""
        await self._wake(flow, partitionkey)
        self._neighbours.tell("moved", flow, partitionkey)

    async def _wake(self, flow: str, partitionkey: str) -> None:
        deliverer = self.deliverers.get(flow)
        if deliverer is not None:
            await deliverer.wake_key(partitionkey)

    async def credential_changed(self, connection: str) -> None:
        """A person has connected or set a secret: what waited for it goes on."""
        await self._reread_credential(connection)
        self._neighbours.tell("credential", connection)

    async def _reread_credential(self, connection: str) -> None:
        self.receiver.forget(connection)
        self.exchanger.credentials.forget(connection)
        self.context.paused.pop(connection, None)
        try:
            await self.context.learn_account(connection)
        except CredentialError as error:
            self.context.pause(connection, error)

    async def _begin(self, flow: Flow) -> None:
        """A new flow starts where it says: by default with what comes from now on."""
        cell = f"begun/{flow.name}"
        if await self.context.store.cell(cell) is not None:
            return
        now = self.context.clock.now()
        positions: tuple[Position, ...] = ()
        counts: tuple[Count, ...] = ()
        if flow.begin == "now":
            heads = await self.context.store.heads("events")
            lanes = lanes_of(f"flow/{flow.name}", "events")
            positions = tuple(Position(lane, heads[lane.partition]) for lane in lanes if heads[lane.partition])
            counts = (Count(f"flow/{flow.name}", "passed", sum(heads)),) if any(heads) else ()
        work = Work(
            self.context.work_id(),
            guards=(CellVersion(cell, 0),),
            positions=positions,
            cells=(CellWrite(cell, json.encode({"at": now, "from": flow.begin})),),
            counts=counts,
        )
        await self.context.store.apply(work)

    async def _mind_credentials(self) -> None:
        """A paused connection is tried again when the vault holds something else for it."""
        seen: dict[str, object] = {}
        while True:
            for name in list(self.context.paused):
                held = await self._held(name)
                if name in seen and seen[name] != held:
                    await self.credential_changed(name)
                seen[name] = held
            for name in set(seen) - set(self.context.paused):
                del seen[name]
            await self.context.clock.sleep(CREDENTIAL_CHECK_S)

    async def _held(self, name: str) -> object:
        """The credential, or why there is none to be had."""
        try:
            return await self.context.vault.credential(name)
        except CredentialError as error:
            return error.what

    def _watched(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.context.fail(error)


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()
