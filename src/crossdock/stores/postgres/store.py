"""The store on PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange
from crossdock.core.errors import StoreError
from crossdock.core.event import Event
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.secret import Secret
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.store import Cell, Leased, Worker
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Committed, Entity, NotCommitted, Work
from crossdock.core.xref import CrossReference
from crossdock.stores.postgres import leases, reads
from crossdock.stores.postgres.committer import ANSWERS_WITHIN_S, RACES, Committer
from crossdock.stores.postgres.gathering import Gathering
from crossdock.stores.postgres.herald import Herald
from crossdock.stores.postgres.opening import connect, connect_alone, driver
from crossdock.stores.postgres.outage import AWAY, OUTAGE_S, Outage, is_lost
from crossdock.stores.postgres.retention import forget_works, prune
from crossdock.stores.postgres.shapes import ARRIVAL, ATTEMPT, EFFECT, EXCHANGE, ref_of
from crossdock.stores.steady import steady_clock

P = ParamSpec("P")
T = TypeVar("T")

SLOTS = 64
"""Rows that one sum is kept in."""


class PostgresStore:
    """See `core.store.Store` for what each method promises. Connects, and brings the schema up to date, at first use.

    `now` dates payloads and Work ids for retention. Raises StoreError when the driver is missing, the server cannot
    be reached, or the schema is newer than this program.
    """

    shared = True

    def __init__(
        self, url: str, *, now: Callable[[], float] | None = None, time: Literal["database", "caller"] = "database"
    ) -> None:
        driver()
        self._url = Secret(url)
        self._now = now or steady_clock()
        self._by_database = time == "database"
        self._opening: asyncio.Task[Any] | None = None
        slot = random.randrange(SLOTS)  # noqa: S311 - two workers in one wait for each other, no more
        self._committer = Committer(self._opened, self._now, slot)
        self._herald = Herald(self._opened, lambda: connect_alone(url))
        self._links = Gathering(self._links_of)
        self._closed = False
        self._asking: asyncio.Task[str] | None = None
        """whether anybody is there"""

    async def _opened(self) -> Any:
        """The pool; one that could not be opened is tried again."""
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            self._opening = asyncio.create_task(connect(self._url.reveal()), name="store opens")
        return await asyncio.shield(self._opening)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise StoreError("the store is closed")

    async def _ask(self, query: Callable[Concatenate[Any, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """A lost server is waited for, and what it gave up in favour of somebody else's transaction is asked again.
        Raises StoreError."""
        self._refuse_when_closed()
        asyncpg = driver()
        pool = await self._opened()
        outage: Outage | None = None
        races = 0
        while True:
            try:
                async with pool.acquire() as connection:
                    return await query(connection, *args, **kwargs)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                races += 1
                if races == RACES:
                    raise StoreError(f"PostgreSQL cannot answer: {error}") from error
                continue
            except Exception as error:
                if not is_lost(error):
                    if isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
                        raise StoreError(f"PostgreSQL cannot answer: {error}") from error
                    raise
                outage = outage or Outage(error)
                if self._closed or outage.lasted_s > OUTAGE_S:
                    raise outage.lost() from error
            await outage.pause()

    async def _rows(self, query: str, *values: object) -> Sequence[Any]:
        async def fetch(connection: Any) -> Sequence[Any]:
            rows: Sequence[Any] = await connection.fetch(query, *values)
            return rows

        return await self._ask(fetch)

    async def close(self) -> None:
        self._closed = True
        await self._committer.drain()
        await self._herald.close()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        opening, self._opening = self._opening, None
        if opening is not None:
            await asyncio.wait([opening])
            if opening.exception() is None:
                await opening.result().close()

    # --- writes -------------------------------------------------------------------------------------------------

    async def apply(self, work: Work) -> Committed | NotCommitted:
        self._refuse_when_closed()
        return await self._committer.apply(work)

    async def refusal(self) -> str:
        if (away := self._committer.away) is not None:
            return away.what
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._why_away(), name="store asks")
        await asyncio.wait([self._asking], timeout=ANSWERS_WITHIN_S)
        return self._asking.result() if self._asking.done() else AWAY

    async def _why_away(self) -> str:
        """Returned, not raised: whoever asked may have stopped listening."""
        try:
            await self._rows("SELECT 1")
        except StoreError as error:
            return error.what
        return ""

    async def lease(self, lanes: Sequence[Lane], worker: str, until: float, now: float) -> Mapping[Lane, Leased]:
        return await self._ask(leases.lease, lanes, worker, until - now, self._time(now))

    async def workers(self, worker: Worker, until: float, now: float) -> Sequence[Worker]:
        found = await self._ask(leases.workers, worker, until - now, self._time(now))
        self._committer.workers = max(len(found), 1)
        return found

    async def time(self) -> float | None:
        rows = await self._rows(f"SELECT {leases.DATABASE_TIME}")
        now: float = rows[0][0]
        return now

    def _time(self, now: float) -> str:
        return leases.DATABASE_TIME if self._by_database else leases.instant(now)

    def announce(self, news: str) -> None:
        self._refuse_when_closed()
        self._herald.announce(news)

    def hear(self, told: Callable[[str], None]) -> None:
        self._refuse_when_closed()
        self._herald.hear(told)

    async def prune(self, before: Mapping[str, float], limit: int) -> Mapping[str, int]:
        removed = {kind: await self._ask(prune, kind, instant, limit) for kind, instant in before.items()}
        await self._ask(forget_works, self._now(), limit)
        return removed

    # --- reads --------------------------------------------------------------------------------------------------

    async def applied(self, work_id: str) -> bool:
        return bool(await self._rows("SELECT 1 FROM works WHERE id = $1", work_id))

    async def read(self, after: Mapping[Lane, int], limit: int) -> Sequence[Message] | Sequence[Event]:
        return await self._ask(reads.read, after, limit)

    async def heads(self, stream: str) -> Sequence[int]:
        return await self._ask(reads.heads, stream)

    async def positions(self, reader: str, stream: str) -> Sequence[int]:
        return await self._ask(reads.positions, reader, stream)

    async def payloads(self, refs: Iterable[PayloadRef]) -> Mapping[str, bytes]:
        query = "SELECT id, data FROM payloads WHERE id = ANY($1::text[]) ORDER BY id, chunk"
        chunks: dict[str, list[bytes]] = {}
        for identity, data in await self._rows(query, [ref.id for ref in refs]):
            chunks.setdefault(identity, []).append(data)
        return {identity: b"".join(parts) for identity, parts in chunks.items()}

    async def messages(
        self,
        ids: Sequence[str] = (),
        *,
        connection: str = "",
        state: MessageState | None = None,
        reason: str = "",
        limit: int = 100,
    ) -> Sequence[Message]:
        return await self._ask(reads.messages, ids, connection, state, reason, limit)

    async def arrival(self, arrival_id: str) -> Arrival | None:
        rows = await self._rows(f"SELECT {ARRIVAL.select} FROM arrivals WHERE id = $1", arrival_id)  # noqa: S608 - constants
        return ARRIVAL.of(rows[0]) if rows else None

    async def record(self, message_id: str) -> PayloadRef | None:
        query = "SELECT record, record_bytes, record_sha256 FROM messages WHERE id = $1 AND record IS NOT NULL"
        rows = await self._rows(query, message_id)
        return ref_of(rows[0], "record") if rows else None

    async def events(self, ids: Sequence[str] = (), *, key: str = "", limit: int = 1000) -> Sequence[Event]:
        return await self._ask(reads.events, ids, key, limit)

    async def entities(self, keys: Iterable[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Entity]:
        return await self._ask(reads.entities, keys)

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
        return await self._ask(
            reads.deliveries, ids, event_ids, flow, states, waiting_for, partitionkey, partitions, limit
        )

    async def next_of_key(
        self, flow: str, partitionkey: str, after_number: int, *, past_dead: bool = False
    ) -> Delivery | None:
        return await self._ask(reads.next_of_key, flow, partitionkey, after_number, past_dead)

    async def heads_of_keys(
        self, flow: str, limit: int, partitions: Collection[int] | None = None, *, past_dead: bool = False
    ) -> Sequence[Delivery]:
        return await self._ask(reads.heads_of_keys, flow, limit, partitions, past_dead)

    async def keys_under_way(self, flow: str, keys: Collection[str]) -> Collection[str]:
        return await self._ask(reads.keys_under_way, flow, keys)

    async def exchanges(self, batches: Sequence[str]) -> Sequence[Exchange]:
        query = f"SELECT {EXCHANGE.select} FROM exchanges WHERE batch = ANY($1::text[]) ORDER BY seq"  # noqa: S608 - constants
        return EXCHANGE.all(await self._rows(query, list(batches)))

    async def effects(self, delivery_ids: Sequence[str]) -> Sequence[Effect]:
        query = f"SELECT {EFFECT.select} FROM effects WHERE delivery_id = ANY($1::text[])"  # noqa: S608 - constants
        return EFFECT.all(await self._rows(query, list(delivery_ids)))

    async def attempts(self, exchange_ids: Sequence[str]) -> Sequence[Attempt]:
        query = (
            f"SELECT {ATTEMPT.select} FROM attempts WHERE exchange_id = ANY($1::text[])"  # noqa: S608 - constants
            " ORDER BY started_at, number"
        )
        return ATTEMPT.all(await self._rows(query, list(exchange_ids)))

    async def cross_references(
        self,
        *,
        account: str = "",
        model: str = "",
        keys: Sequence[str] = (),
        remote_ids: Sequence[str] = (),
        limit: int = 1000,
    ) -> Sequence[CrossReference]:
        if account and model and len(keys) == 1 and not remote_ids:
            return await self._links.of(account, model, keys[0])
        return await self._ask(reads.cross_references, account, model, keys, remote_ids, limit)

    async def _links_of(self, account: str, model: str, keys: Sequence[str]) -> Sequence[CrossReference]:
        return await self._ask(reads.cross_references, account, model, keys, (), len(keys))

    async def claimed_keys(self, account: str, model: str, until: float) -> Collection[str]:
        return await self._ask(reads.claimed_keys, account, model, until)

    async def cell(self, name: str) -> Cell | None:
        rows = await self._rows("SELECT version, value FROM cells WHERE name = $1", name)
        return Cell(*rows[0]) if rows else None

    async def cells(self, prefix: str) -> Mapping[str, Cell]:
        return await self._ask(reads.cells, prefix)

    async def counts(self) -> Mapping[tuple[str, str], int]:
        rows = await self._rows("SELECT scope, name, sum(amount)::bigint FROM counts GROUP BY scope, name")
        return {(scope, name): amount for scope, name, amount in rows}

    async def tallies(self) -> Mapping[tuple[str, str, str], int]:
        rows = await self._rows(
            "SELECT kind, name, state, sum(amount)::bigint FROM tallies"
            " GROUP BY kind, name, state HAVING sum(amount) <> 0"
        )
        return {(kind, name, state): amount for kind, name, state, amount in rows}

    async def oldest_open(self, flow: str) -> float | None:
        query = f"SELECT min(planned_at) FROM deliveries WHERE {reads.UNSETTLED} AND flow = $1"  # noqa: S608 - constants
        oldest: float | None = (await self._rows(query, flow))[0][0]
        return oldest
