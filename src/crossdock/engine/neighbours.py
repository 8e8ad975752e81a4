"""What workers on one store tell each other. News may be lost: whoever waits for them also looks by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from crossdock.core import json
from crossdock.core.store import Store
from crossdock.engine.links import Entity, LinkBoard
from crossdock.engine.signals import Signals

Told = Callable[..., Awaitable[None]]


class Neighbours:
    """`hears` says what else is done at news of a kind, with what was said."""

    def __init__(self, store: Store, signals: Signals, board: LinkBoard, hears: dict[str, Told]) -> None:
        self._store = store
        self._signals = signals
        self._board = board
        self._hears = hears
        self._doing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        if self._store.shared:
            self._signals.abroad = lambda name: self.tell("ring", name)
            self._board.abroad = lambda entity: self.tell("linked", *entity)
            self._store.hear(self._heard)

    def tell(self, kind: str, *said: str) -> None:
        if self._store.shared:
            self._store.announce(json.encode([kind, *said]).decode())

    def _heard(self, news: str) -> None:
        if not news:
            self._signals.heard_anything()
            return
        kind, *said = json.decode(news.encode())
        if kind == "ring":
            self._signals.heard(*said)
        elif kind == "linked":
            entity: Entity = (said[0], said[1], said[2])
            self._board.heard(entity)
        elif kind in self._hears:
            task = asyncio.ensure_future(self._do(self._hears[kind], said))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)

    async def _do(self, told: Told, said: list[str]) -> None:
        await told(*said)
