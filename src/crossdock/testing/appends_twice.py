"""A store whose log repeats every append, as one that cannot join the commit may: readers must survive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crossdock.core.errors import StoreError
from crossdock.core.work import Committed, NotCommitted, Work

if TYPE_CHECKING:
    from crossdock.core.store import Store


class AppendsTwice:
    """Everything but `apply` is the inner store's."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def apply(self, work: Work) -> Committed | NotCommitted:
        answer = await self._inner.apply(work)
        if isinstance(answer, Committed):
            again = Work(
                id=f"{work.id}/again",
                payloads=work.payloads,
                arrivals=work.arrivals,
                messages=work.messages,
                events=work.events,
                entities=work.entities,
                deliveries=work.deliveries,
                exchanges=work.exchanges,
                effects=work.effects,
                attempts=work.attempts,
            )
            try:
                repeated = await self._inner.apply(again)
            except StoreError:
                return answer  # it closed in between: the first append stands
            assert isinstance(repeated, Committed), "appends have no guards"
            assert not repeated.numbers, "a repeated append takes no number"
        return answer
