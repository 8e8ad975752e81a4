"""The door to a store: one write, a few reads. A contract suite in `testing/` holds every store to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange
from crossdock.core.event import Event
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Committed, Entity, NotCommitted, Work
from crossdock.core.xref import CrossReference


class Leased(Struct, frozen=True, gc=False):
    """A lane held by this worker: where its reader stands and the fence under which it may write."""

    position: int
    fence: int


class Worker(Struct, frozen=True, gc=False):
    """A process that works on the hub's store."""

    name: str
    role: str
    """`receive` | `deliver` | `all`"""


class Cell(Struct, frozen=True, gc=False):
    version: int
    value: bytes


class Store(Protocol):
    """All instants come from the caller. Reads see every commit that finished before they began."""

    shared: bool
    """Whether other processes may be at work on it."""

    async def apply(self, work: Work) -> Committed | NotCommitted:
        """Atomic and durable when it returns. The Work's id is stored: applying the same id again changes nothing
        and answers Committed. In a group commit a refused neighbour harms nobody. Raises StoreError when the
        outcome cannot be durable; then nothing may be acknowledged. That is NotNow for a Work with arrivals while there
        is no room for more; any other Work then waits until it can be written."""
        ...

    async def refusal(self) -> str:
        """Why nothing that comes in is accepted at this moment, for a person; "" = it is."""
        ...

    async def applied(self, work_id: str) -> bool:
        """Whether this Work was committed: answers commit-unknown. Ids are kept at least one day."""
        ...

    async def lease(self, lanes: Sequence[Lane], worker: str, until: float, now: float) -> Mapping[Lane, Leased]:
        """Those of the lanes that this worker holds from now until `until`; others are held elsewhere. A new holder
        gets a higher fence, also where it held the lane before and gave it back. Renewing keeps the fence. `until` =
        now only gives back what is this worker's. A store shared by machines counts `until - now` by its own clock."""
        ...

    async def workers(self, worker: Worker, until: float, now: float) -> Sequence[Worker]:
        """Signs the worker in until `until` (= now: signs it off); returns all that are signed in, by name."""
        ...

    def announce(self, news: str) -> None:
        """Tells the other workers, soon, what has just been committed: a line of text. It may get lost."""
        ...

    def hear(self, told: Callable[[str], None]) -> None:
        """`told` is called with the other workers' news; with "" when some may have been missed."""
        ...

    async def time(self) -> float | None:
        """Seconds since the epoch by the store's own clock, for those who share it; None: it has none."""
        ...

    async def read(self, after: Mapping[Lane, int], limit: int) -> Sequence[Message] | Sequence[Event]:
        """What follows each lane's position, in number order within a lane, at most `limit` rows in all.
        The lanes share one stream. Gapless: a number is only read when all before it are committed."""
        ...

    async def heads(self, stream: str) -> Sequence[int]:
        """The last number of each of the 32 partitions; 0 = empty."""
        ...

    async def positions(self, reader: str, stream: str) -> Sequence[int]:
        """How far the reader has come in each of the 32 partitions; 0 where it never began."""
        ...

    async def payloads(self, refs: Iterable[PayloadRef]) -> Mapping[str, bytes]:
        """By payload id. Ids that retention has removed are left out."""
        ...

    # --- what the engine asks by name ---------------------------------------------------------------------------

    async def messages(
        self,
        ids: Sequence[str] = (),
        *,
        connection: str = "",
        state: MessageState | None = None,
        reason: str = "",
        limit: int = 100,
    ) -> Sequence[Message]:
        """By ids, or the newest first of a connection and state; with a `state`, those whose reason begins so."""
        ...

    async def arrival(self, arrival_id: str) -> Arrival | None: ...

    async def record(self, message_id: str) -> PayloadRef | None:
        """The hydrated record kept beside a message."""
        ...

    async def events(self, ids: Sequence[str] = (), *, key: str = "", limit: int = 1000) -> Sequence[Event]:
        """By ids, or those of an entity key or partition key, oldest first."""
        ...

    async def entities(self, keys: Iterable[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Entity]:
        """Newest known versions by (account, model, key)."""
        ...

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
        """Those that match all that is given, in (partition, number) order."""
        ...

    async def next_of_key(
        self, flow: str, partitionkey: str, after_number: int, *, past_dead: bool = False
    ) -> Delivery | None:
        """The first delivery of this key after that number that is not settled (any state but the final three), nor
        dead if that is passed over."""
        ...

    async def heads_of_keys(
        self, flow: str, limit: int, partitions: Collection[int] | None = None, *, past_dead: bool = False
    ) -> Sequence[Delivery]:
        """At most one delivery a key: the first that is open or held, or dead unless that is passed over; oldest first.
        What a restarted hub picks up again. Of these partitions, or of all."""
        ...

    async def keys_under_way(self, flow: str, keys: Collection[str]) -> Collection[str]:
        """Those of these entity keys of which the flow has a delivery that is sending or resolving."""
        ...

    async def exchanges(self, batches: Sequence[str]) -> Sequence[Exchange]:
        """The journal of these batches or deliveries, in the order in which they were made."""
        ...

    async def effects(self, delivery_ids: Sequence[str]) -> Sequence[Effect]: ...

    async def attempts(self, exchange_ids: Sequence[str]) -> Sequence[Attempt]: ...

    async def cross_references(
        self,
        *,
        account: str = "",
        model: str = "",
        keys: Sequence[str] = (),
        remote_ids: Sequence[str] = (),
        limit: int = 1000,
    ) -> Sequence[CrossReference]:
        """By account and model with keys or remote ids; or all of a key over every account (account "")."""
        ...

    async def claimed_keys(self, account: str, model: str, until: float) -> Collection[str]:
        """All that were claimed there at that instant or before, and are not linked yet."""
        ...

    async def cell(self, name: str) -> Cell | None: ...

    async def cells(self, prefix: str) -> Mapping[str, Cell]: ...

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """(scope, name) → amount."""
        ...

    async def tallies(self) -> Mapping[tuple[str, str, str], int]:
        """Rows by state: ("message", connection, state) and ("delivery", flow, state) → how many are there now."""
        ...

    async def oldest_open(self, flow: str) -> float | None:
        """When the oldest delivery that is not settled was planned."""
        ...

    async def prune(self, before: Mapping[str, float], limit: int) -> Mapping[str, int]:
        """Removes settled rows older than the instant of their kind (`payloads`, `messages`, `events`, `effects`),
        at most `limit` of each; returns how many of each went. Nothing open, held or dead is ever removed."""
        ...

    async def close(self) -> None:
        """After everything queued is durable."""
        ...
