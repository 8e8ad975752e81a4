"""What other workers say is taken as news, not as commands: what makes no sense is passed over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from crossdock.core import json
from crossdock.engine.links import LinkBoard
from crossdock.engine.neighbours import SAYS, Neighbours
from crossdock.engine.signals import Signals
from crossdock.testing.virtual_clock import run_virtually


class Shared:
    """As much of a store as news need."""

    shared = True
    told: Callable[[str], None]

    def hear(self, told: Callable[[str], None]) -> None:
        self.told = told


def neighbours(moved: Callable[..., Awaitable[None]], failed: list[BaseException]) -> tuple[Shared, LinkBoard]:
    store, board = Shared(), LinkBoard()
    hears = {"moved": moved, "credential": moved}
    Neighbours(store, Signals(), board, hears, failed.append).start()  # type: ignore[arg-type]
    return store, board


@pytest.mark.parametrize(
    "news",
    [
        *("{", "[]", "{}", "7", "null", "[7]", "\x00", '[["ring"]]', '["ring"]', '["ring",1]'),
        *('["linked","a","b"]', '["moved","flow"]', '["moved","flow","key","more"]', '["credential"]', '["new","a"]'),
    ],
)
def test_news_that_make_no_sense_are_passed_over_and_told_once(news: str) -> None:
    done: list[tuple[str, ...]] = []
    failed: list[BaseException] = []
    linked: list[str] = []

    async def moved(*said: str) -> None:
        done.append(said)

    async def play() -> None:
        store, board = neighbours(moved, failed)
        board.wait(("a", "m", "k"), lambda: linked.append("k"))
        with structlog.testing.capture_logs() as lines:
            store.told(news)
            store.told(news)
        assert [line["log_level"] for line in lines] == ["warning"]
        store.told('["linked","a","m","k"]')
        store.told('["moved","flow","key"]')
        await asyncio.sleep(0.0)

    run_virtually(play())
    assert (linked, done, failed) == (["k"], [("flow", "key")], [])


@pytest.mark.parametrize("kind", ["moved", "credential"])
def test_what_fails_at_news_stops_the_hub_and_is_not_lost(kind: str) -> None:
    error, failed = RuntimeError("the store is gone"), list[BaseException]()

    async def fails(*_: Any) -> None:
        raise error

    async def play() -> None:
        store, _ = neighbours(fails, failed)
        store.told(json.encode([kind, *["word"] * SAYS[kind]]).decode())
        await asyncio.sleep(0.1)

    run_virtually(play())
    assert failed == [error]
