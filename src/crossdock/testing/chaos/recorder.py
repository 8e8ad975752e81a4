"""What the hub has committed, as it was committed: the judge of two promises that no destination can see broken."""

from __future__ import annotations

from typing import Any

from crossdock.core.states import SETTLED, DeliveryState
from crossdock.core.wire import Http
from crossdock.core.work import Committed, NotCommitted, Work


class Recorder:
    """A store that remembers which requests have an intent, and which deliveries have come to their end."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._intended: set[tuple[str, bytes]] = set()
        self._ended: dict[str, DeliveryState] = {}
        self.flipped: list[str] = []
        """deliveries that left a final state"""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def apply(self, work: Work) -> Committed | NotCommitted:
        answer: Committed | NotCommitted = await self._inner.apply(work)
        if isinstance(answer, Committed):
            self._note(work)
        return answer

    def _note(self, work: Work) -> None:
        for exchange in work.exchanges:
            if exchange.effect is not None:
                request = Http.thaw(exchange.request)
                self._intended.add((request.url, request.body))
        for move in work.delivery_moves:
            before = self._ended.get(move.id)
            if before is not None:
                self.flipped.append(f"{move.id} was {before} and became {move.after}")
            if move.after in SETTLED:
                self._ended[move.id] = move.after

    def intended(self, request: Http) -> bool:
        return (request.url, request.body) in self._intended
