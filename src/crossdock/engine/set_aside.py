"""What came in and may be the hub's own is in quarantine until it is known; then it is read again, by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from crossdock.core.errors import CrossdockError, StoreError
from crossdock.core.lanes import Lane
from crossdock.core.message import Message
from crossdock.core.states import MessageState
from crossdock.engine.context import Context
from crossdock.engine.leases import Leases
from crossdock.engine.whose import NotKnownYet

LOOK_S = 10.0
MOST = 1000
"""Of a connection's quarantine, the newest, are looked through."""
_WHY = "it may be the record that"


def why(delivery: str) -> str:
    return (
        f"{_WHY} delivery {delivery} was making when its answer was lost. It is read again by itself as soon as that"
        " delivery is settled"
    )


class SetAside:
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
        self._next_at = 0.0

    def noted(self) -> None:
        """One more is set aside."""
        self._searched = frozenset()

    async def look(self) -> None:
        held = frozenset(self._leases.positions(self._lanes))
        if held <= self._searched or self._context.clock.now() < self._next_at:
            return
        self._next_at = self._context.clock.now() + LOOK_S
        self._searched = held
        quarantined = await self._context.store.messages(
            connection=self._connection, state=MessageState.QUARANTINED, limit=MOST
        )
        for message in sorted(quarantined, key=lambda one: (one.partition, one.number)):
            if message.reason.startswith(_WHY) and self._lanes[message.partition] in held:
                await self._read(message)

    async def _read(self, message: Message) -> None:
        self._searched = frozenset()
        try:
            await self._again(message)
        except StoreError:
            raise
        except (CrossdockError, NotKnownYet):
            pass  # not now: its record cannot be read, or somebody else has decided on it; the next look tells
