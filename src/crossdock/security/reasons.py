"""Why something did not go well is said in the words of platforms and of what came in: it is made fit to be kept once,
where everything that a hub keeps goes through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from crossdock.core.store import Store
from crossdock.core.work import Committed, NotCommitted, Work

Fit = Callable[[str], str]
"""Such as `redaction.Redactor.reason`."""

REASONS: Final = {
    "messages": "reason",
    "message_moves": "reason",
    "deliveries": "reason",
    "delivery_moves": "reason",
    "exchanges": "why",
    "exchange_moves": "why",
    "attempts": "detail",
}
"""Rows of a Work → where each has its reason."""


class FitReasons:
    """A store in which no reason holds a secret. Everything but `apply` is the inner store's."""

    def __init__(self, inner: Store, fit: Fit) -> None:
        self._inner = inner
        self._fit = fit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def apply(self, work: Work) -> Committed | NotCommitted:
        return await self._inner.apply(fitted(work, self._fit))


def fitted(work: Work, fit: Fit) -> Work:
    """The same Work, each of its reasons made fit. Answers stay as they came: an action is driven again from them."""
    changed: dict[str, Any] = {}
    for kind, reason in REASONS.items():
        rows: tuple[Any, ...] = getattr(work, kind)
        if any(getattr(row, reason) for row in rows):
            changed[kind] = tuple(replace(row, **{reason: fit(getattr(row, reason))}) for row in rows)
    return replace(work, **changed) if changed else work
