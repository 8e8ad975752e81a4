"""What workers on one store tell each other. News may be lost: whoever waits for them also looks by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from crossdock.core import json
from crossdock.core.errors import NotJson
from crossdock.core.store import Store
from crossdock.engine.links import Entity, LinkBoard
from crossdock.engine.signals import Signals

Told = Callable[..., Awaitable[None]]
SAYS = {"ring": 1, "linked": 3, "moved": 2, "credential": 1}
"""How many words are said with news of each kind."""
LONGEST_TOLD = 200
log = structlog.get_logger("crossdock.hub")


class Neighbours:
    """`hears` says what else is done at news of a kind, with what was said. Where that fails, `fail` is told."""

    def __init__(
        self,
        store: Store,
        signals: Signals,
        board: LinkBoard,
        hears: Mapping[str, Told],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._store = store
        self._signals = signals
        self._board = board
        self._hears = hears
        self._fail = fail
        self._doing: set[asyncio.Future[None]] = set()
        self._puzzled = False

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
        kind, *said = _words(news)
        if SAYS.get(kind) != len(said):
            self._pass_over(news)
        elif kind == "ring":
            self._signals.heard(*said)
        elif kind == "linked":
            entity: Entity = (said[0], said[1], said[2])
            self._board.heard(entity)
        else:
            task = asyncio.ensure_future(self._hears[kind](*said))
            self._doing.add(task)
            task.add_done_callback(self._done)

    def _pass_over(self, news: str) -> None:
        """A newer hub's, or a stranger's: told once."""
        if not self._puzzled:
            self._puzzled = True
            log.warning("news that this hub does not understand are passed over", news=news[:LONGEST_TOLD])

    def _done(self, task: asyncio.Future[None]) -> None:
        self._doing.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)


def _words(news: str) -> list[str]:
    """[""] when these are none of a hub's: whoever reaches the store's server can send some."""
    try:
        said = json.decode(news)
    except NotJson:
        return [""]
    return said if isinstance(said, list) and said and all(isinstance(word, str) for word in said) else [""]
