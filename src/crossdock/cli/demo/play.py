"""The demo from curtain up to curtain down: simulators, a hub, a shop that trades, a crash, rest, and the books."""

from __future__ import annotations

import asyncio
import contextlib
import secrets as chance
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from crossdock.cli.demo.access import let_in
from crossdock.cli.demo.books import Books, read_books
from crossdock.cli.demo.check import Finding, check
from crossdock.cli.demo.children import Child
from crossdock.cli.demo.curtain import Curtain, how_many
from crossdock.cli.demo.deeds import Deeds
from crossdock.cli.demo.desk import Desk
from crossdock.cli.demo.landscape import ENVIRONMENT, write_project
from crossdock.cli.demo.mischief import DUPLICATES, SHUFFLE_S
from crossdock.cli.demo.rest import Backlog, Standing, at_rest
from crossdock.cli.demo.trader import Trader
from crossdock.cli.place import Place, place_of
from crossdock.core.errors import CrossdockError, UsageError
from crossdock.engine.audit import Sum, audit

LOOPBACK: Final = "127.0.0.1"
HUB_PORTS: Final = range(21_000, 31_000)
PLATFORMS: Final = ("shopify", "quickbooks", "hubspot")
FOLDER: Final = "joannas-shop"
TIME_SCALE: Final = 40.0
"""Simulated seconds in a real one: a minute's rate limit passes in 1.5 s. An access token of an hour lives 90 s, which
is long enough to be used, and short enough that a long play sees it renewed."""

SECONDS_AN_ORDER: Final = 0.12
SHORTEST_S: Final = 3.0
PATIENCE_S: Final = 120.0
"""for the hub to come to rest, and as much again for each 500 orders"""

LISTS: Final[Mapping[str, Sequence[str]]] = {
    "shopify": ("books", "customers"),
    "quickbooks": ("invoice", "payment", "refundreceipt", "customer"),
    "hubspot": ("contacts", "deals"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that there is to tell."""

    orders: int
    seed: int
    folder: Path
    hub_url: str
    admins: Mapping[str, str]
    """platform → its simulator's admin door"""
    books: Books
    findings: Sequence[Finding]
    standing: Standing
    sums: Sequence[Sum]
    """the hub's own audit"""
    before: int
    """customers that the shop had already"""
    known: int
    """of those, in QuickBooks already"""
    happened: Mapping[str, int]
    faults: Mapping[str, Mapping[str, int]]
    """platform → kind → how often"""
    webhooks: Mapping[str, int]
    crashes: int
    deeds: Deeds
    seconds: float


Watch = Callable[[Outcome], Awaitable[None]]
"""Called when all is told and everything still runs; when it returns, everything is stopped."""


async def play(orders: int, seed: int, keep: Path | None, curtain: Curtain, watch: Watch) -> None:
    """Whatever happens, the processes that it started are gone when it ends. Raises CrossdockError."""
    started_at = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(keep))
        folder.mkdir(parents=True, exist_ok=True)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        curtain.says("simulators of Shopify, QuickBooks and HubSpot start")
        desks = await stack.enter_async_context(_simulators(folder, seed, session))
        port = _free_port()
        write_project(folder, desks, port=port, time_scale=TIME_SCALE)
        place = place_of(folder, ENVIRONMENT)
        await let_in(place, desks, session)
        trader = Trader(desks["shopify"], list(desks.values()), orders, seed, _span_s(orders))
        await trader.open()
        hub = _Hub(folder, session)
        stack.push_async_callback(hub.stop)
        await hub.start()
        curtain.says(f"a hub runs at {hub.url}, on the project {folder}")
        await desks["shopify"].send_webhooks_to(f"{hub.url}/hooks/shopify", duplicates=DUPLICATES, shuffle_s=SHUFFLE_S)
        await _trade(trader, place, desks["shopify"], hub, curtain)
        await asyncio.gather(*(desk.go_wrong({}) for desk in desks.values()))
        standing = await _rest(place, desks["shopify"], hub, orders, curtain)
        await hub.look()
        watched = await _outcome(orders, seed, folder, desks, place, trader, hub, standing, started_at)
        await watch(watched)


class _Hub:
    """One hub, in as many lives as it takes."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self._folder = folder
        self._session = session
        self._child: Child | None = None
        self.deeds = Deeds()
        self.crashes = 0
        self.url = ""

    async def start(self) -> None:
        """Raises CrossdockError."""
        arguments = ("run", "--project", str(self._folder), "--environment", ENVIRONMENT, "--json")
        child = await Child.start(*arguments, log=self._folder / "hub.log")
        try:
            self.url = (await child.line())["url"]
        except BaseException:
            await asyncio.shield(child.kill())
            raise
        self._child = child

    async def crash(self) -> None:
        """kill -9, and a new life."""
        await self.look()
        assert self._child is not None
        child, self._child = self._child, None
        await child.kill()
        self.crashes += 1
        self.deeds.died()
        await self.start()

    async def look(self) -> None:
        """At what it has done. Raises CrossdockError when it does not answer."""
        assert self._child is not None
        try:
            await self.deeds.look(self.url, self._session)
        except (aiohttp.ClientError, TimeoutError):
            raise await self._child.silent() from None

    async def check(self) -> None:
        """Raises CrossdockError when it has ended by itself."""
        if self._child is not None:
            await self._child.check()

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop()


async def _trade(trader: Trader, place: Place, shop: Desk, hub: _Hub, curtain: Curtain) -> None:
    bar = curtain.bar("the shop trades", "things happened")
    backlog = Backlog(place, shop)

    async def halfway() -> None:
        curtain.says("kill -9 for the hub, in the middle of everything; a new one takes over")
        await hub.crash()

    async def look(done: int, total: int) -> bool:
        bar.moved(done, total)
        await hub.check()
        return await backlog.is_short()

    try:
        await trader.play(look, halfway)
    finally:
        bar.close()
    placed = how_many(trader.happened["place_order"])
    curtain.says(f"the shop closes after {placed}; from here on nothing goes wrong on purpose")


async def _rest(place: Place, shop: Desk, hub: _Hub, orders: int, curtain: Curtain) -> Standing:
    bar = curtain.bar("the hub comes to rest", "loose ends tied")
    most = 1

    async def look(now: Standing) -> None:
        nonlocal most
        await hub.check()
        most = max(most, now.left)
        bar.moved(most - now.left, most)

    try:
        return await at_rest(place, shop, PATIENCE_S * (1 + orders / 500), look)
    finally:
        bar.close()


async def _outcome(
    orders: int,
    seed: int,
    folder: Path,
    desks: Mapping[str, Desk],
    place: Place,
    trader: Trader,
    hub: _Hub,
    standing: Standing,
    started_at: float,
) -> Outcome:
    lists = {name: {kind: await desks[name].list(kind) for kind in kinds} for name, kinds in LISTS.items()}
    books = read_books(lists["shopify"], lists["quickbooks"], lists["hubspot"])
    stats: dict[str, Mapping[str, Any]] = {name: await desk.stats() for name, desk in desks.items()}
    async with place.reading() as store:
        sums = await audit(store, place.connections, place.flows)
    return Outcome(
        orders=orders,
        seed=seed,
        folder=folder,
        hub_url=hub.url,
        admins={name: desk.admin for name, desk in desks.items()},
        books=books,
        findings=check(books),
        standing=standing,
        sums=sums,
        before=trader.before,
        known=trader.known,
        happened=Counter(trader.happened),
        faults={name: stat["faults"] for name, stat in stats.items()},
        webhooks=stats["shopify"]["webhooks"],
        crashes=hub.crashes,
        deeds=hub.deeds,
        seconds=time.monotonic() - started_at,
    )


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """A folder of the demo's own, gone at the end; or the one that is to be kept."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="crossdock-demo-", ignore_cleanup_errors=True) as folder:
            yield Path(folder) / FOLDER
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"{keep} is not an empty folder", hint="name one that is, or that is not there yet")
    yield keep.resolve()


@contextlib.asynccontextmanager
async def _simulators(folder: Path, seed: int, session: aiohttp.ClientSession) -> AsyncIterator[dict[str, Desk]]:
    arguments = ("sandbox", *PLATFORMS, "--json", "--seed", str(seed), "--time-scale", f"{TIME_SCALE:g}")
    child = await Child.start(*arguments, log=folder / "simulators.log")
    try:
        desks = [Desk(await child.line(), child, session) for _ in PLATFORMS]
        yield {desk.name: desk for desk in desks}
    finally:
        await child.stop()


def _span_s(orders: int) -> float:
    return max(orders * SECONDS_AN_ORDER, SHORTEST_S)


def _free_port() -> int:
    """One that no system gives to a caller as its own: while the hub is down its webhooks go on calling, and a call
    that came from the very port it goes to would reach itself, and keep the next hub out."""
    for port in chance.SystemRandom().sample(HUB_PORTS, len(HUB_PORTS)):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind((LOOPBACK, port))
            return port
    raise CrossdockError(f"no port from {HUB_PORTS.start} to {HUB_PORTS.stop - 1} is free for the hub")
