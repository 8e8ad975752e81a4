"""How the hub stands, every few seconds: into the gauges, and into the log when it matters to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import structlog

from crossdock.core import json
from crossdock.core.event import STREAM
from crossdock.core.states import OPEN, SETTLED, DeliveryState, MessageState
from crossdock.core.store import Store
from crossdock.core.work import CellWrite, Work
from crossdock.engine import intake
from crossdock.engine.supervise import Hub

EVERY_S = 5.0
MARK_S = 60.0
"""How often the clock's high-water mark is written down."""
REJECTED_S = 60.0
"""Who means harm can send any number of bad webhooks: they are told of together."""
HELD_OFF_S = 30.0
"""A platform that wants no calls for longer than this is told of."""
CLOCK = "clock"

log = structlog.get_logger("crossdock.hub")

FOR_A_PERSON = {
    DeliveryState.HELD: ("deliveries are held until a person decides", "no delivery is held any more", "holds"),
    DeliveryState.DEAD: ("deliveries are dead", "no delivery is dead any more", "dead-letters"),
    MessageState.QUARANTINED: ("messages are in quarantine", "no message is in quarantine any more", "quarantine"),
}
"""state → what is said while there are any, when there are none any more, and the command that lists them"""
UNSETTLED = tuple(state for state in DeliveryState if state not in SETTLED)


class Gauges(Protocol):
    """Implemented by `telemetry.metrics`."""

    def set_lag(self, flow: str, events: int) -> None: ...
    def set_oldest_waiting(self, flow: str, seconds: float) -> None: ...
    def set_open(self, flow: str, state: str, amount: int) -> None: ...
    def set_unread(self, connection: str, messages: int) -> None: ...
    def set_refusing(self, *, is_refusing: bool) -> None: ...
    def set_breaker(self, connection: str, *, is_open: bool) -> None: ...
    def set_paused(self, connection: str, *, is_paused: bool) -> None: ...
    def set_failing(self, connection: str, poll: str, *, is_failing: bool) -> None: ...


async def last_instant(store: Store) -> float:
    """Engine time of the hub's last life: a new one starts no earlier, whatever the wall clock says."""
    cell = await store.cell(CLOCK)
    return float(json.decode(cell.value)) if cell is not None else 0.0


async def lag_of(store: Store, flow: str) -> int:
    """Events that the flow has not planned yet."""
    heads, positions = await store.heads(STREAM), await store.positions(f"flow/{flow}", STREAM)
    return sum(head - position for head, position in zip(heads, positions, strict=True))


class Observer:
    def __init__(self, hub: Hub, gauges: Gauges) -> None:
        self._hub = hub
        self._context = hub.context
        self._gauges = gauges
        self._told: dict[tuple[str, str], object] = {}
        self._rejected_at: dict[str, float] = {}
        self._marked_at = float("-inf")

    async def run(self) -> None:
        while True:
            await self.once()
            await self._context.clock.sleep(EVERY_S)

    async def once(self) -> None:
        await self._intake()
        tallies = await self._context.store.tallies()
        for flow in self._context.landscape.flows:
            await self._flow(flow, tallies)
        for connection in self._context.landscape.connections:
            self._gauges.set_unread(connection, tallies.get(("message", connection, MessageState.RECEIVED), 0))
            self._connection(connection, tallies.get(("message", connection, MessageState.QUARANTINED), 0))
        self._polls()
        self._rejections()
        await self._mark()

    async def _intake(self) -> None:
        why = await self._context.store.refusal()
        intake.note(self._context, why)
        self._gauges.set_refusing(is_refusing=bool(why))

    async def _flow(self, flow: str, tallies: Mapping[tuple[str, str, str], int]) -> None:
        store = self._context.store
        oldest = await store.oldest_open(flow)
        self._gauges.set_lag(flow, await lag_of(store, flow))
        self._gauges.set_oldest_waiting(flow, self._context.clock.now() - oldest if oldest is not None else 0.0)
        for state in UNSETTLED:
            amount = tallies.get(("delivery", flow, state), 0)
            self._gauges.set_open(flow, state, amount)
            if state not in OPEN and self._news(flow, state, amount, at_first=0):
                _tell_amount(state, amount, flow=flow)

    def _connection(self, name: str, quarantined: int) -> None:
        why = self._context.paused.get(name, "")
        trouble = self._hub.exchanger.trouble(self._context.accounts.get(name, ""))
        self._gauges.set_paused(name, is_paused=bool(why))
        self._gauges.set_breaker(name, is_open=bool(trouble))
        if self._news(name, "paused", why, at_first=""):
            if why:
                log.warning("a connection is paused until a person acts", connection=name, why=_one_line(why))
            else:
                log.info("a connection goes on", connection=name)
        if self._news(name, "breaker", bool(trouble), at_first=False):
            if trouble:
                log.warning(
                    "a destination does not answer well, and is tried now and then", connection=name, why=trouble
                )
            else:
                log.info("a destination is well again", connection=name)
        held_off_s = self._hub.exchanger.held_off_s(self._context.accounts.get(name, ""))
        if self._news(name, "held off", held_off_s > HELD_OFF_S, at_first=False) and held_off_s:
            log.warning("a platform wants no calls for a while", connection=name, seconds=round(held_off_s))
        if self._news(name, "quarantined", quarantined, at_first=0):
            _tell_amount(MessageState.QUARANTINED, quarantined, connection=name)

    def _polls(self) -> None:
        failing = self._hub.failing_polls()
        for poller in self._hub.pollers:
            connection, _, poll = poller.name.partition("/")
            why = failing.get(poller.name, "")
            self._gauges.set_failing(connection, poll, is_failing=bool(why))
            if not self._news(poller.name, "poll", why, at_first=""):
                continue
            if why:
                log.warning("a poll brings nothing in, and is tried again", connection=connection, poll=poll, why=why)
            else:
                log.info("a poll is well again", connection=connection, poll=poll)

    def _rejections(self) -> None:
        """Once a minute for each connection at most, whoever sends what."""
        now = self._context.clock.now()
        for name, rejected in list(self._hub.receiver.rejections.items()):
            if now - self._rejected_at.get(name, float("-inf")) < REJECTED_S:
                continue
            self._rejected_at[name] = now
            del self._hub.receiver.rejections[name]
            log.warning(
                "webhooks were not authenticated, and not accepted",
                connection=name,
                amount=rejected.amount,
                last=rejected.last.detail or rejected.last.reason,
                sender=rejected.sender,
            )

    def _news(self, name: str, what: str, value: object, *, at_first: object) -> bool:
        """Whether it differs from what was last told."""
        before = self._told.get((name, what), at_first)
        self._told[name, what] = value
        return value != before

    async def _mark(self) -> None:
        """Engine time never runs backwards, not even over a restart."""
        now = self._context.clock.now()
        if now - self._marked_at >= MARK_S:
            self._marked_at = now
            await self._context.store.apply(Work(self._context.work_id(), cells=(CellWrite(CLOCK, json.encode(now)),)))


def _tell_amount(state: DeliveryState | MessageState, amount: int, **where: str) -> None:
    some, none, command = FOR_A_PERSON[state]
    if amount:
        log.warning(some, **where, amount=amount, see=f"crossdock {command} list")
    else:
        log.info(none, **where)


def _one_line(words: str) -> str:
    return "; ".join(line.strip() for line in words.splitlines())
