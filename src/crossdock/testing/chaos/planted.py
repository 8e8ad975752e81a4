"""Defects of the kinds that hubs really have, put into a running engine by the suite and by nothing else: the product
has no switch for them. A suite that does not find each of them is not worth its green."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import apsw
from msgspec import structs

from crossdock.core import crash
from crossdock.core.delivery import Exchange
from crossdock.core.errors import TransportError
from crossdock.core.outcome import item_failure
from crossdock.core.states import DeliveryState
from crossdock.core.verdict import Done, Items, NotDone
from crossdock.core.work import DeliveryMove, ExchangeMove, Work
from crossdock.engine import exchange as exchanging
from crossdock.engine.credentials import Credentials
from crossdock.engine.deliver import Deliverer
from crossdock.engine.drive import Drive, _answer_of
from crossdock.engine.exchange import Exchanger, Sent
from crossdock.engine.leases import Leases
from crossdock.engine.prepare import Prepared
from crossdock.engine.receive import Receiver
from crossdock.stores.batch import Batch
from crossdock.stores.sqlite import retention
from crossdock.stores.sqlite import store as opened
from crossdock.testing.chaos.disk import power_cuts
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.simulate import simulate

Patch = tuple[Any, str, Any]


Trial = Callable[[int], Ledger]


@dataclass(frozen=True, slots=True)
class Plant:
    what: str
    seen_as: frozenset[str]
    """the kinds of finding that it must come to"""
    patches: Callable[[], tuple[Patch, ...]]
    trial: Trial = simulate

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """Until the block ends."""
        patches = self.patches()
        before = [getattr(owner, name) for owner, name, _ in patches]
        for owner, name, bug in patches:
            setattr(owner, name, bug)
        try:
            yield
        finally:
            for (owner, name, _), whole in zip(patches, before, strict=True):
                setattr(owner, name, whole)

    def caught(self, seeds: range) -> int | None:
        """The first seed by which the suite finds it, as what it is; None = it goes unseen."""
        with self.planted():
            for seed in seeds:
                wrong = set(self.trial(seed).wrong)
                if self.seen_as & wrong and "ended" not in wrong:
                    return seed
        return None


def _with_zombies(seed: int) -> Ledger:
    return simulate(seed, zombies=True)


def _with_power_cuts(seed: int) -> Ledger:
    return power_cuts(seed, 20)


# --- the way in ---------------------------------------------------------------------------------------------------


def _ack_before_commit() -> tuple[Patch, ...]:
    whole = Receiver.take
    under_way: set[asyncio.Task[None]] = set()

    async def take(self: Receiver, *arguments: Any, **named: Any) -> None:
        async def later() -> None:
            await asyncio.sleep(0.2)
            with contextlib.suppress(Exception):
                await whole(self, *arguments, **named)

        task = asyncio.create_task(later())
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    return ((Receiver, "take", take),)


def _offset_before_log() -> tuple[Patch, ...]:
    whole = Receiver.take

    async def take(self: Receiver, *arguments: Any, cells: Any = (), **named: Any) -> None:
        if cells:
            await self._context.store.apply(Work(self._context.work_id(), cells=tuple(cells)))
            crash.at("poll.page")
        await whole(self, *arguments, **named)

    return ((Receiver, "take", take),)


# --- the way out --------------------------------------------------------------------------------------------------


def _intent_after_send() -> tuple[Patch, ...]:
    async def send(self: Drive, call: Any, known: Exchange | None) -> Done | Items | None:
        record = self._record
        sent = await self._exchange(call)
        crash.at("send.done")
        exchange = await record.intend(call, known)
        if exchange is None:
            return None
        if not isinstance(sent.verdict, Done | Items):
            await record.failed(exchange, sent, in_doubt=False)
            return None
        record.answered(exchange, sent, _answer_of(sent.verdict))
        if isinstance(sent.verdict, Items):
            for outbound in record.carried(call):
                failure = item_failure(sent.verdict.by_id.get(outbound.id))
                if failure is not None:
                    self._failed[outbound.id] = failure
        return sent.verdict

    return ((Drive, "_send", send),)


def _new_key_per_attempt() -> tuple[Patch, ...]:
    whole = Drive._send

    async def send(self: Drive, call: Any, known: Exchange | None) -> Done | Items | None:
        key = dict(call.request.headers).get("idempotency-key", "")
        if key and known is not None:
            other = call.request.with_headers(("idempotency-key", f"{key}{known.attempts}"))
            call = structs.replace(call, request=other)
        return await whole(self, call, known)

    return ((Drive, "_send", send),)


def _retry_renders_anew() -> tuple[Patch, ...]:
    whole = Prepared.prepare
    answered = Drive._answer

    async def prepare(self: Prepared, item: Any, again: Callable[[], None]) -> DeliveryMove | None:
        row = item.delivery
        item.delivery = structs.replace(row, outbound=b"")
        stop = await whole(self, item, again)
        item.delivery = row
        return stop

    async def answer(self: Drive, call: Any) -> Done | Items | None:
        known = self._record.journal.of(call.step)
        if known is not None and known.state != "ok":
            if known.state == "unknown" and not await self._may_resend(known):
                return None
            return await self._send(call, known)
        return await answered(self, call)

    return ((Prepared, "prepare", prepare), (Drive, "_answer", answer))


def _unknown_is_failed() -> tuple[Patch, ...]:
    def judge_failure(error: TransportError) -> NotDone:
        return NotDone(error.what)

    return ((exchanging, "judge_failure", judge_failure),)


def _batch_by_position() -> tuple[Patch, ...]:
    whole = Exchanger.send

    async def send(self: Exchanger, connection: str, call: Any, **named: Any) -> Sent:
        sent = await whole(self, connection, call, **named)
        if isinstance(sent.verdict, Items) and call.items:
            in_order = dict(zip(call.items, sent.verdict.by_id.values(), strict=False))
            return replace(sent, verdict=Items(in_order))
        return sent

    return ((Exchanger, "send", send),)


def _order_lost_on_retry() -> tuple[Patch, ...]:
    whole = Deliverer._after
    under_way: set[asyncio.Task[None]] = set()

    async def after(self: Deliverer, *about: Any) -> None:
        row = getattr(about[-1], "delivery", about[-1])
        in_backoff = row.state in {DeliveryState.RETRYING, DeliveryState.RESOLVING}
        if not in_backoff or not self._lines[row.partitionkey].behind:
            await whole(self, *about)
            return

        async def later() -> None:
            await asyncio.sleep(max(row.due_at - self._context.clock.now(), 0.0) + 1.0)
            await self.wake_key(row.partitionkey)

        task = asyncio.create_task(later())
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        self._lines[row.partitionkey].head = row
        await self._advance(row.partitionkey, row.number)

    return ((Deliverer, "_after", after),)


# --- tokens, leases, moves, clean-up ------------------------------------------------------------------------------


def _refresh_without_lock() -> tuple[Patch, ...]:
    whole = Credentials.renew

    async def renew(self: Credentials, connection: str, used: Any, *, refused: bool = True) -> Any:
        self._locks = _Unlocked()
        return await whole(self, connection, used, refused=refused)

    return ((Credentials, "renew", renew),)


class _Unlocked(dict[str, Any]):
    def setdefault(self, key: str, default: Any = None) -> Any:
        return contextlib.nullcontext()


def _lease_by_local_clock() -> tuple[Patch, ...]:
    whole = Leases.renew

    async def renew(self: Leases) -> None:
        context = self._context
        self._context = replace(context, clock=_Wall(context.clock))
        try:
            await whole(self)
        finally:
            self._context = context

    return ((Leases, "renew", renew),)


class _Wall:
    """Tells the wall clock's time as if it were the engine's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def now(self) -> float:
        return float(self._inner.civil())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _recovery_without_cas() -> tuple[Patch, ...]:
    whole = Batch._move_exchange

    def move_delivery(self: Batch, move: DeliveryMove) -> None:
        known = self.facts.deliveries.get(move.id)
        if known is None:
            return
        state, flow = known
        self._put(self.changes.delivery_moves, move.id, move)
        if state is not move.after:
            self._put(self.facts.deliveries, move.id, (move.after, flow))
            self._tally("delivery", flow, state, -1)
            self._tally("delivery", flow, move.after, 1)

    def move_exchange(self: Batch, move: ExchangeMove) -> None:
        state = self.facts.exchanges.get(move.id)
        whole(self, move if state is None else structs.replace(move, before=state))

    return ((Batch, "_move_delivery", move_delivery), (Batch, "_move_exchange", move_exchange))


def _purge_before_settle() -> tuple[Patch, ...]:
    def prune_effects(cursor: Any, _: Any, before: float, limit: int) -> int:
        rows = cursor.execute("SELECT id FROM deliveries WHERE planned_at < ? LIMIT ?", (before, limit)).fetchall()
        for (identity,) in rows:
            cursor.execute("DELETE FROM exchanges WHERE batch = ?", (identity,))
        return 0

    kinds: Mapping[str, Any] = {**retention._KINDS, "effects": prune_effects}
    return ((retention, "_KINDS", kinds),)


def _normal_sync() -> tuple[Patch, ...]:
    whole = vars(opened)["connect_writer"]

    def connect_writer(path: str) -> apsw.Connection:
        connection: apsw.Connection = whole(path)
        connection.pragma("synchronous", "NORMAL")
        return connection

    return ((opened, "connect_writer", connect_writer),)


def _plant(what: str, seen_as: str, patches: Callable[[], tuple[Patch, ...]], trial: Trial = simulate) -> Plant:
    return Plant(what, frozenset(seen_as.split()), patches, trial)


PLANTS: dict[str, Plant] = {
    "ack-before-commit": _plant("a sender is answered before its message is durable", "lost", _ack_before_commit),
    "intent-after-send": _plant("a request leaves before its intent is durable", "unwritten", _intent_after_send),
    "new-key-per-attempt": _plant("a repeat carries another key", "doubled", _new_key_per_attempt),
    "offset-before-log": _plant("a poll's cursor moves before its rows are durable", "lost", _offset_before_log),
    "normal-sync": _plant("a commit is not flushed", "lost", _normal_sync, _with_power_cuts),
    "refresh-without-lock": _plant("every caller renews the token by itself", "lockouts", _refresh_without_lock),
    "lease-by-local-clock": _plant(
        "a lease is measured by the wall clock", "stuck silent", _lease_by_local_clock, _with_zombies
    ),
    "retry-renders-anew": _plant("a repeat is built by today's map", "changed unwritten", _retry_renders_anew),
    "unknown-is-failed": _plant("an answer that never came counts as a no", "doubled", _unknown_is_failed),
    "recovery-without-cas": _plant("a row is moved whatever has become of it", "flipped", _recovery_without_cas),
    "batch-by-position": _plant("a batch's answers are taken in their order", "lost", _batch_by_position),
    "order-lost-on-retry": _plant("what is in backoff is overtaken", "inversions", _order_lost_on_retry),
    "purge-before-settle": _plant("the journal of what is open is cleaned away", "doubled lost", _purge_before_settle),
}
LATER = {"redirect-unchecked": "access", "abort-without-fence": "two-phase"}
"""Planted with the parts that they belong to."""
