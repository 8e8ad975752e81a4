"""One group commit, decided: which Works hold, and what their union changes. Pure; every store shares it.

A store looks up the facts that the Works need (`stores.facts.wanted`) in a few statements, lets `Batch` decide Work
by Work in the order in which they came, and writes `Batch.changes` in a few statements. A refused Work has changed
nothing, so its neighbours need no savepoint (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from crossdock.core import event as events
from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange
from crossdock.core.event import Event
from crossdock.core.lanes import Lane
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DELIVERY_TRANSITIONS, MESSAGE_TRANSITIONS, MessageState
from crossdock.core.wire import PayloadRef
from crossdock.core.work import (
    CellVersion,
    CellWrite,
    Claim,
    Committed,
    CrossReferenceAbsent,
    DeliveryMove,
    Entity,
    ExchangeMove,
    Guard,
    LaneFence,
    Link,
    MessageMove,
    NotCommitted,
    Payload,
    Release,
    Work,
)
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores.facts import Facts, Head, ReferenceKey


@dataclass(slots=True)
class Changes:
    """What to write. Appends first, then moves; everything is keyed, so nothing is written twice."""

    works: dict[str, None] = field(default_factory=dict)
    payloads: dict[str, Payload] = field(default_factory=dict)
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    messages: dict[str, tuple[Message, int, int]] = field(default_factory=dict)
    """id → (message, partition, number)"""
    message_moves: dict[str, tuple[MessageState, str, PayloadRef | None]] = field(default_factory=dict)
    """id → (state, reason, record or None to keep it)"""
    events: dict[str, tuple[Event, int, int]] = field(default_factory=dict)
    """id → (event, partition, number)"""
    entities: dict[ReferenceKey, Entity] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    delivery_moves: dict[str, DeliveryMove] = field(default_factory=dict)
    """several moves of one delivery are merged into one"""
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    exchange_moves: dict[str, ExchangeMove] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    attempts: dict[tuple[str, int], Attempt] = field(default_factory=dict)
    references: dict[ReferenceKey, CrossReference | None] = field(default_factory=dict)
    """None: removed"""
    gave_up: dict[ReferenceKey, None] = field(default_factory=dict)
    """the cross-references that had another remote id before"""
    positions: dict[Lane, int] = field(default_factory=dict)
    cells: dict[str, tuple[int, bytes] | None] = field(default_factory=dict)
    """name → (version, value); None: removed"""
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    tallies: dict[tuple[str, str, str], int] = field(default_factory=dict)
    heads: dict[Head, int] = field(default_factory=dict)


class _Refusal(Exception):
    def __init__(self, answer: NotCommitted) -> None:
        self.answer = answer


_ABSENT: Any = object()


class Batch:
    """Decides Works one after another over `facts`, which it keeps up to date; gathers what is to be written."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.changes = Changes()
        self._undo: list[tuple[MutableMapping[Any, Any], Any, Any]] = []

    def decide(self, work: Work) -> Committed | NotCommitted:
        """Committed means: as soon as the batch is durable."""
        if work.id in self.facts.works or work.id in self.changes.works:
            return Committed(repeated=_appended(work))
        self._undo.clear()
        try:
            for guard in work.guards:
                self._check(guard)
            committed = self._append(work)
            self._move(work)
            self._refer(work)
            self._count(work)
        except _Refusal as refusal:
            for mapping, key, before in reversed(self._undo):
                if before is _ABSENT:
                    mapping.pop(key, None)
                else:
                    mapping[key] = before
            return refusal.answer
        self.changes.works[work.id] = None
        return committed

    def _put(self, mapping: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def _drop(self, mapping: MutableMapping[Any, Any], key: Any) -> None:
        if key in mapping:
            self._undo.append((mapping, key, mapping.pop(key)))

    def _tally(self, kind: str, name: str, state: str, amount: int) -> None:
        key = (kind, name, state)
        self._put(self.changes.tallies, key, self.changes.tallies.get(key, 0) + amount)

    # --- guards -------------------------------------------------------------------------------------------------

    def _check(self, guard: Guard) -> None:
        found: str | None
        match guard:
            case LaneFence():
                position, fence = self.facts.lanes.get(guard.lane, (0, 0))
                found = None if fence == guard.fence else f"fence {fence}"
                if found is None and guard.position not in (None, position):
                    found = f"position {position}"
            case CrossReferenceAbsent():
                there = self.facts.references.get((guard.account, guard.model, guard.key))
                found = None if there is None else _told(there)
            case CellVersion():
                version = self.facts.cells.get(guard.name, 0)
                found = None if version == guard.version else f"version {version}"
        if found is not None:
            raise _Refusal(NotCommitted(guard, found))

    # --- appends ------------------------------------------------------------------------------------------------

    def _append(self, work: Work) -> Committed:
        facts, changes, put = self.facts, self.changes, self._put
        repeated: list[str] = []
        conflicts: list[str] = []
        numbers: dict[str, int] = {}
        idle: set[str] = set()
        for message in work.messages:
            known = facts.messages.get(message.id)
            if known is not None:
                repeated.append(message.id)
                idle.add(message.body.id)
                if known[1] != message.content_hash:
                    conflicts.append(message.id)
                continue
            partition = message.partition
            numbers[message.id] = number = self._next(message.stream, partition)
            put(changes.messages, message.id, (message, partition, number))
            put(facts.messages, message.id, (message.state, message.content_hash, message.connection))
            self._tally("message", message.connection, message.state, 1)
        if not repeated or len(repeated) < len(work.messages):
            idle.difference_update(arrival.payload.id for arrival in work.arrivals)
            for arrival in work.arrivals:
                if arrival.id not in changes.arrivals:
                    put(changes.arrivals, arrival.id, arrival)
            for payload in work.payloads:
                if payload.ref.id not in changes.payloads and payload.ref.id not in idle:
                    put(changes.payloads, payload.ref.id, payload)
        for event in work.events:
            if event.id in facts.events or event.id in changes.events:
                repeated.append(event.id)
                continue
            partition = event.partition
            numbers[event.id] = number = self._next(events.STREAM, partition)
            put(changes.events, event.id, (event, partition, number))
        for entity in work.entities:
            key = (entity.account, entity.model, entity.key)
            newest = changes.entities.get(key)
            if newest is None or entity.version >= newest.version:
                put(changes.entities, key, entity)
        for delivery in work.deliveries:
            if delivery.id in facts.deliveries:
                repeated.append(delivery.id)
                continue
            put(changes.deliveries, delivery.id, delivery)
            put(facts.deliveries, delivery.id, (delivery.state, delivery.flow))
            self._tally("delivery", delivery.flow, delivery.state, 1)
        for exchange in work.exchanges:
            if exchange.id not in facts.exchanges:
                put(changes.exchanges, exchange.id, exchange)
                put(facts.exchanges, exchange.id, exchange.state)
        for effect in work.effects:
            if effect.id not in changes.effects:
                put(changes.effects, effect.id, effect)
        for attempt in work.attempts:
            if (attempt.exchange_id, attempt.number) not in changes.attempts:
                put(changes.attempts, (attempt.exchange_id, attempt.number), attempt)
        return Committed(frozenset(repeated), frozenset(conflicts), numbers)

    def _next(self, stream: str, partition: int) -> int:
        number = self.facts.heads.get((stream, partition), 0) + 1
        self._put(self.facts.heads, (stream, partition), number)
        self._put(self.changes.heads, (stream, partition), number)
        return number

    # --- moves --------------------------------------------------------------------------------------------------

    def _move(self, work: Work) -> None:
        for message_move in work.message_moves:
            self._move_message(message_move)
        for delivery_move in work.delivery_moves:
            self._move_delivery(delivery_move)
        for exchange_move in work.exchange_moves:
            self._move_exchange(exchange_move)

    def _move_message(self, move: MessageMove) -> None:
        known = self.facts.messages.get(move.id)
        if known is None:
            raise _Refusal(NotCommitted(move, "no such message"))
        state, content_hash, connection = known
        if state is not move.before:
            raise _Refusal(NotCommitted(move, state))
        if move.after not in MESSAGE_TRANSITIONS[state]:
            raise _Refusal(NotCommitted(move, f"{state} may not become {move.after}"))
        earlier = self.changes.message_moves.get(move.id)
        record = move.record if move.record is not None or earlier is None else earlier[2]
        self._put(self.changes.message_moves, move.id, (move.after, move.reason, record))
        self._put(self.facts.messages, move.id, (move.after, content_hash, connection))
        self._tally("message", connection, state, -1)
        self._tally("message", connection, move.after, 1)

    def _move_delivery(self, move: DeliveryMove) -> None:
        known = self.facts.deliveries.get(move.id)
        if known is None:
            raise _Refusal(NotCommitted(move, "no such delivery"))
        state, flow = known
        if state is not move.before:
            raise _Refusal(NotCommitted(move, state))
        if move.after not in DELIVERY_TRANSITIONS[state]:
            raise _Refusal(NotCommitted(move, f"{state} may not become {move.after}"))
        earlier = self.changes.delivery_moves.get(move.id)
        self._put(self.changes.delivery_moves, move.id, move if earlier is None else _merged(earlier, move))
        if state is not move.after:
            self._put(self.facts.deliveries, move.id, (move.after, flow))
            self._tally("delivery", flow, state, -1)
            self._tally("delivery", flow, move.after, 1)

    def _move_exchange(self, move: ExchangeMove) -> None:
        state = self.facts.exchanges.get(move.id)
        if state is not move.before:
            raise _Refusal(NotCommitted(move, "no such exchange" if state is None else state))
        earlier = self.changes.exchange_moves.get(move.id)
        if earlier is not None:
            move = replace(
                move,
                answer=earlier.answer if move.answer is None else move.answer,
                attempts=earlier.attempts if move.attempts is None else move.attempts,
            )
        self._put(self.changes.exchange_moves, move.id, move)
        self._put(self.facts.exchanges, move.id, move.after)

    # --- cross-references ---------------------------------------------------------------------------------------

    def _refer(self, work: Work) -> None:
        for change in work.cross_references:
            match change:
                case Claim():
                    self._claim(change.reference)
                case Link():
                    self._link(change)
                case Release():
                    self._release(change)

    def _claim(self, wish: CrossReference) -> None:
        key = (wish.account, wish.model, wish.key)
        there = self.facts.references.get(key)
        if there is not None and there.state is not LinkState.CLAIMED:
            taken = replace(
                there,
                fingerprint=wish.fingerprint,
                effect_id=wish.effect_id,
                trail=wish.trail,
                updated_at=wish.updated_at,
            )
            self._write(key, taken)
        elif there is None or there.effect_id == wish.effect_id:
            claimed = wish.state is LinkState.CLAIMED and not wish.remote_id
            self._write(key, wish if claimed else replace(wish, state=LinkState.CLAIMED, remote_id=""))
        else:
            raise _Refusal(NotCommitted(CrossReferenceAbsent(*key), _told(there)))

    def _link(self, change: Link) -> None:
        wish = change.reference
        key = (wish.account, wish.model, wish.key)
        there = self.facts.references.get(key)
        if wish.remote_id:
            remote = (wish.account, wish.model, wish.remote_id)
            owner = self.facts.remotes.get(remote)
            if owner is not None and owner != wish.key:
                raise _Refusal(NotCommitted(change, f"{wish.remote_id} is already linked to {owner}"))
            self._put(self.facts.remotes, remote, wish.key)
        if there is not None and there.remote_id and there.remote_id != wish.remote_id:
            self._drop(self.facts.remotes, (wish.account, wish.model, there.remote_id))
            self._put(self.changes.gave_up, key, None)
        state = LinkState.MOVED if wish.state is LinkState.MOVED else LinkState.LINKED
        self._write(key, wish if wish.state is state else replace(wish, state=state))

    def _release(self, change: Release) -> None:
        key = (change.account, change.model, change.key)
        there = self.facts.references.get(key)
        if there is not None and there.state is LinkState.CLAIMED and there.effect_id == change.effect_id:
            self._drop(self.facts.references, key)
            self._put(self.changes.references, key, None)

    def _write(self, key: ReferenceKey, reference: CrossReference) -> None:
        self._put(self.facts.references, key, reference)
        self._put(self.changes.references, key, reference)

    # --- positions, cells, counts -------------------------------------------------------------------------------

    def _count(self, work: Work) -> None:
        facts, changes = self.facts, self.changes
        for step in work.positions:
            position, fence = facts.lanes.get(step.lane, (0, 0))
            if step.number > position or step.back:
                self._put(facts.lanes, step.lane, (step.number, fence))
                self._put(changes.positions, step.lane, step.number)
        for cell in work.cells:
            self._write_cell(cell)
        for count in work.counts:
            key = (count.scope, count.name)
            self._put(changes.counts, key, changes.counts.get(key, 0) + count.amount)

    def _write_cell(self, cell: CellWrite) -> None:
        if cell.value is None:
            self._drop(self.facts.cells, cell.name)
            self._put(self.changes.cells, cell.name, None)
        else:
            version = self.facts.cells.get(cell.name, 0) + 1
            self._put(self.facts.cells, cell.name, version)
            self._put(self.changes.cells, cell.name, (version, cell.value))


def _merged(earlier: DeliveryMove, later: DeliveryMove) -> DeliveryMove:
    """Two moves as one: what the later leaves alone is as the earlier left it."""
    return replace(
        later,
        before=earlier.before,
        attempts=earlier.attempts if later.attempts is None else later.attempts,
        revision=earlier.revision if later.revision is None else later.revision,
        batch=earlier.batch if later.batch is None else later.batch,
        outbound=earlier.outbound if later.outbound is None else later.outbound,
        settled_at=earlier.settled_at if later.settled_at is None else later.settled_at,
    )


def _told(reference: CrossReference | None) -> str:
    if reference is None:
        return "no such cross-reference"
    if reference.state is LinkState.CLAIMED:
        return f"claimed by {reference.effect_id}"
    return f"{reference.state} to {reference.remote_id}"


def _appended(work: Work) -> frozenset[str]:
    ids = [message.id for message in work.messages]
    ids += [event.id for event in work.events]
    ids += [delivery.id for delivery in work.deliveries]
    return frozenset(ids)
