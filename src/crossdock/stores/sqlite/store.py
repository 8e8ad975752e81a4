"""The store on one SQLite file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, TypeVar

import apsw

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange
from crossdock.core.errors import StoreError
from crossdock.core.event import Event
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.store import Cell, Leased, Worker
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Committed, Entity, NotCommitted, Work
from crossdock.core.xref import CrossReference
from crossdock.stores.sqlite import reads
from crossdock.stores.sqlite.damage import damage
from crossdock.stores.sqlite.disk import Room
from crossdock.stores.sqlite.leases import lease
from crossdock.stores.sqlite.opening import MEMORY, Holder, connect_reader, connect_writer, unusable
from crossdock.stores.sqlite.queue import Executor, Inline, Threaded
from crossdock.stores.sqlite.retention import prune
from crossdock.stores.sqlite.writer import Writer
from crossdock.stores.steady import steady_clock

P = ParamSpec("P")
T = TypeVar("T")

READERS = 2
FEW = 8
"""Rows by their own keys that are read in the caller's thread: some 20 µs, where a turn of another thread costs 100."""


class _Reads:
    """Runs queries: in a small pool of threads, or at once in the caller's. Each thread has a connection of its own,
    or all share the one given."""

    def __init__(self, path: str, connection: apsw.Connection | None) -> None:
        self._path = path
        self._connection = connection
        self._pool = None if connection is not None else ThreadPoolExecutor(READERS, f"read {Path(path).name}")
        self._local = threading.local()

    def at_once(self, query: Callable[Concatenate[apsw.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """For few rows by their own keys. Raises StoreError."""
        if self._connection is None and self._pool is None:
            raise StoreError("the store is closed")
        return self._answer(self._connection or self._own(), query, *args, **kwargs)

    async def ask(self, query: Callable[Concatenate[apsw.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises StoreError."""
        if self._connection is not None:
            return self._answer(self._connection, query, *args, **kwargs)
        if self._pool is None:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: self._answer(self._own(), query, *args, **kwargs))

    def _own(self) -> apsw.Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = connect_reader(self._path)
        connection: apsw.Connection = self._local.connection
        return connection

    def _answer(
        self,
        connection: apsw.Connection,
        query: Callable[Concatenate[apsw.Cursor, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        try:
            return query(connection.cursor(), *args, **kwargs)
        except apsw.Error as error:
            raise damage(self._path, error) or StoreError(f"{self._path} cannot be read: {error}") from error

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        if hasattr(self._local, "connection"):
            self._local.connection.close()
            del self._local.connection


class SqliteStore:
    """See `core.store.Store` for what each method promises.

    `executor="thread"`: one writer thread with group commit, reads in a small pool; for a hub. `"inline"`: everything
    happens in the caller before the call returns; for simulation, and for `path=":memory:"`.
    `now` dates payloads and Work ids for retention: by default a clock that no jump of the wall's moves; a simulation
    gives its own.
    Raises StoreError when the file is held by another hub, is newer than this program, or cannot be used.
    """

    shared = False

    def __init__(
        self,
        path: str | Path,
        *,
        executor: Literal["thread", "inline"] = "thread",
        now: Callable[[], float] | None = None,
    ) -> None:
        name = str(path)
        if name == MEMORY and executor != "inline":
            raise StoreError("a store in memory runs inline")
        self._holder = None if name == MEMORY else Holder(Path(name))
        if self._holder is not None:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            self._holder.take()
        try:
            connection = connect_writer(name)
            try:
                writer = Writer(connection, name, now or steady_clock())
            except apsw.Error as error:
                connection.close()
                raise unusable(name, error) from error
        except BaseException:
            self._let_go()
            raise
        self._executor: Executor | None = (
            Threaded(writer, Path(name).name, Room(Path(name))) if executor == "thread" else Inline(writer)
        )
        self._reads = _Reads(name, connection if executor == "inline" else None)
        self._path = name

    @classmethod
    def open_readonly(cls, path: str | Path) -> SqliteStore:
        """Reads a store that a hub may be writing; every write raises StoreError."""
        store = cls.__new__(cls)
        store._path = str(path)
        store._holder = None
        store._executor = None
        store._reads = _Reads(store._path, connect_reader(store._path))
        return store

    def _let_go(self) -> None:
        if self._holder is not None:
            self._holder.release()
            self._holder = None

    def _writing(self) -> Executor:
        if self._executor is None:
            raise StoreError(f"{self._path} is closed, or open for reading only")
        return self._executor

    async def close(self) -> None:
        self._reads.close()
        executor, self._executor = self._executor, None
        if isinstance(executor, Inline):
            executor.close()
        elif executor is not None:
            await asyncio.get_running_loop().run_in_executor(None, executor.close)
        self._let_go()

    # --- writes -------------------------------------------------------------------------------------------------

    async def apply(self, work: Work) -> Committed | NotCommitted:
        return await self._writing().apply(work)

    async def lease(self, lanes: Sequence[Lane], worker: str, until: float, now: float) -> Mapping[Lane, Leased]:
        return await self._writing().run(lambda cursor, writer: lease(cursor, writer, lanes, worker, until, now))

    async def workers(self, worker: Worker, until: float, now: float) -> Sequence[Worker]:
        """One process holds the file."""
        return [worker] if until > now else []

    async def time(self) -> float | None:
        return None

    def announce(self, news: str) -> None:
        """There is nobody else."""

    def hear(self, told: Callable[[str], None]) -> None:
        """There is nobody else."""

    async def prune(self, before: Mapping[str, float], limit: int) -> Mapping[str, int]:
        return await self._writing().run(lambda cursor, writer: prune(cursor, writer, before, limit))

    async def refusal(self) -> str:
        if self._executor is None:
            return ""
        try:
            return await self._executor.refusal()
        except StoreError as error:
            return error.what

    # --- reads --------------------------------------------------------------------------------------------------

    async def applied(self, work_id: str) -> bool:
        return self._reads.at_once(reads.applied, work_id)

    async def read(self, after: Mapping[Lane, int], limit: int) -> Sequence[Message] | Sequence[Event]:
        return await self._reads.ask(reads.read, after, limit)

    async def heads(self, stream: str) -> Sequence[int]:
        return await self._reads.ask(reads.heads, stream)

    async def positions(self, reader: str, stream: str) -> Sequence[int]:
        return await self._reads.ask(reads.positions, reader, stream)

    async def payloads(self, refs: Iterable[PayloadRef]) -> Mapping[str, bytes]:
        return await self._reads.ask(reads.payloads, refs)

    async def messages(
        self,
        ids: Sequence[str] = (),
        *,
        connection: str = "",
        state: MessageState | None = None,
        reason: str = "",
        limit: int = 100,
    ) -> Sequence[Message]:
        return await self._reads.ask(reads.messages, ids, connection, state, reason, limit)

    async def arrival(self, arrival_id: str) -> Arrival | None:
        return await self._reads.ask(reads.arrival, arrival_id)

    async def record(self, message_id: str) -> PayloadRef | None:
        return self._reads.at_once(reads.record, message_id)

    async def events(self, ids: Sequence[str] = (), *, key: str = "", limit: int = 1000) -> Sequence[Event]:
        return await self._reads.ask(reads.events, ids, key, limit)

    async def entities(self, keys: Iterable[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Entity]:
        return await self._reads.ask(reads.entities, keys)

    async def deliveries(
        self,
        ids: Sequence[str] = (),
        *,
        event_ids: Sequence[str] = (),
        flow: str = "",
        states: Iterable[DeliveryState] = (),
        waiting_for: WaitingFor | None = None,
        partitionkey: str = "",
        partitions: Collection[int] | None = None,
        limit: int = 1000,
    ) -> Sequence[Delivery]:
        return await self._reads.ask(
            reads.deliveries, ids, event_ids, flow, states, waiting_for, partitionkey, limit, partitions
        )

    async def next_of_key(
        self, flow: str, partitionkey: str, after_number: int, *, past_dead: bool = False
    ) -> Delivery | None:
        return self._reads.at_once(reads.next_of_key, flow, partitionkey, after_number, past_dead)

    async def heads_of_keys(
        self, flow: str, limit: int, partitions: Collection[int] | None = None, *, past_dead: bool = False
    ) -> Sequence[Delivery]:
        return await self._reads.ask(reads.heads_of_keys, flow, limit, partitions, past_dead)

    async def keys_under_way(self, flow: str, keys: Collection[str]) -> Collection[str]:
        return await self._reads.ask(reads.keys_under_way, flow, keys)

    async def exchanges(self, batches: Sequence[str]) -> Sequence[Exchange]:
        if len(batches) == 1:
            return self._reads.at_once(reads.exchanges, batches)
        return await self._reads.ask(reads.exchanges, batches)

    async def effects(self, delivery_ids: Sequence[str]) -> Sequence[Effect]:
        return await self._reads.ask(reads.effects, delivery_ids)

    async def attempts(self, exchange_ids: Sequence[str]) -> Sequence[Attempt]:
        return await self._reads.ask(reads.attempts, exchange_ids)

    async def cross_references(
        self,
        *,
        account: str = "",
        model: str = "",
        keys: Sequence[str] = (),
        remote_ids: Sequence[str] = (),
        limit: int = 1000,
    ) -> Sequence[CrossReference]:
        if 0 < len(keys) + len(remote_ids) <= FEW:
            return self._reads.at_once(reads.cross_references, account, model, keys, remote_ids, limit)
        return await self._reads.ask(reads.cross_references, account, model, keys, remote_ids, limit)

    async def claimed_keys(self, account: str, model: str, until: float) -> Collection[str]:
        return await self._reads.ask(reads.claimed_keys, account, model, until)

    async def cell(self, name: str) -> Cell | None:
        return self._reads.at_once(reads.cell, name)

    async def cells(self, prefix: str) -> Mapping[str, Cell]:
        return await self._reads.ask(reads.cells, prefix)

    async def counts(self) -> Mapping[tuple[str, str], int]:
        return await self._reads.ask(reads.counts)

    async def tallies(self) -> Mapping[tuple[str, str, str], int]:
        return await self._reads.ask(reads.tallies)

    async def oldest_open(self, flow: str) -> float | None:
        return await self._reads.ask(reads.oldest_open, flow)
