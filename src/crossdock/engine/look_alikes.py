"""What came in and may be the hub's own is in quarantine until it is known; then it is read again, by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from crossdock.core.errors import CrossdockError, StoreError
from crossdock.core.lanes import Lane
from crossdock.core.message import Message
from crossdock.core.states import MessageState
from crossdock.engine.context import Context
from crossdock.engine.leases import Leases
from crossdock.engine.ours import IN_DOUBT
from crossdock.engine.whose import NotKnownYet

LOOK_S = 10.0
MOST = 1000
"""Of one connection's, the newest, are looked at together."""
Record = tuple[str, str]
"""(model, id at the platform)"""
_WHY = "it may be the record that"


def why(delivery: str) -> str:
    return (
        f"{_WHY} delivery {delivery} was making when its answer was lost. It is read again by itself as soon as that"
        " delivery is settled"
    )


class LookAlikes:
    """One connection's, in the lanes that this worker holds."""

    def __init__(
        self,
        context: Context,
        connection: str,
        lanes: Sequence[Lane],
        leases: Leases,
        again: Callable[[Message], Awaitable[str]],
    ) -> None:
        self._context = context
        self._connection = connection
        self._lanes = lanes
        self._leases = leases
        self._again = again
        self._searched: frozenset[Lane] = frozenset()
        """lanes in which there is none"""
        self._looked: frozenset[Lane] = frozenset()
        """lanes of the last look: another's that becomes this worker's may hold some"""
        self._next_at = 0.0
        self._first: dict[Record, tuple[str, str]] = {}
        """record → (the message that told of it first, the delivery that may have made it)"""
        self._records: dict[str, Record] = {}
        """message → what it tells of"""

    def note(self, message: Message, record: Record, delivery: str) -> None:
        """It is set aside, and so is whatever else comes in about the record."""
        self._searched = frozenset()
        self._first.setdefault(record, (message.id, delivery))
        self._records[message.id] = record

    def behind(self, message: Message, record: Record) -> str:
        """The delivery that may have made it, where what was told of it before waits; "" = nothing does."""
        first, delivery = self._first.get(record, ("", ""))
        return delivery if first != message.id else ""

    async def look(self) -> None:
        held = frozenset(self._leases.positions(self._lanes))
        soon = self._context.clock.now() < self._next_at
        if held <= self._searched or (soon and held <= self._looked):
            return
        self._next_at = self._context.clock.now() + LOOK_S
        self._searched = self._looked = held
        quarantined = await self._context.store.messages(
            connection=self._connection, state=MessageState.QUARANTINED, reason=_WHY, limit=MOST
        )
        waiting = [one for one in quarantined if self._lanes[one.partition] in held]
        await self._forget_gone({one.id for one in waiting})
        if waiting:
            self._searched = frozenset()
        in_doubt = await self._in_doubt()
        for message in sorted(waiting, key=lambda one: (one.partition, one.number)):
            record = self._records.get(message.id, ("", ""))
            if self._first.get(record, ("", ""))[1] not in in_doubt:
                await self._read(message)

    async def _in_doubt(self) -> Collection[str]:
        """Deliveries of which nobody knows yet what they have made."""
        ids = sorted({delivery for _, delivery in self._first.values()})
        rows = await self._context.store.deliveries(ids, limit=len(ids)) if ids else ()
        return {row.id for row in rows if row.state in IN_DOUBT}

    async def _read(self, message: Message) -> None:
        try:
            reason = await self._again(message)
        except StoreError:
            raise
        except (CrossdockError, NotKnownYet):
            return  # not now: its record cannot be read, or somebody else has decided on it; the next look tells
        if not reason.startswith(_WHY):
            self._forget({message.id})

    async def _forget_gone(self, waiting: Collection[str]) -> None:
        """A person may have discarded it, or has had it read again."""
        if ids := [message for message in self._records if message not in waiting]:
            messages = await self._context.store.messages(ids, limit=len(ids))
            open_ = {MessageState.RECEIVED, MessageState.QUARANTINED}
            self._forget({one.id for one in messages if one.state not in open_})

    def _forget(self, messages: Collection[str]) -> None:
        self._first = {record: one for record, one in self._first.items() if one[0] not in messages}
        self._records = {message: record for message, record in self._records.items() if message not in messages}
