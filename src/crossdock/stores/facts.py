"""What a group commit must know of the store before it can be decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from crossdock.core.delivery import ExchangeState
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.work import (
    CellVersion,
    CrossReferenceAbsent,
    Guard,
    LaneFence,
    Link,
    Release,
    Work,
)
from crossdock.core.xref import CrossReference

ReferenceKey = tuple[str, str, str]
"""(account, model, key) or (account, model, remote id)"""
Head = tuple[str, int]
"""(stream, partition)"""


@dataclass(slots=True)
class Wanted:
    """What a batch must know of the store before it can be decided: ids and keys, each once, in order."""

    works: dict[str, None] = field(default_factory=dict)
    messages: dict[str, None] = field(default_factory=dict)
    events: dict[str, None] = field(default_factory=dict)
    deliveries: dict[str, None] = field(default_factory=dict)
    exchanges: dict[str, None] = field(default_factory=dict)
    references: dict[ReferenceKey, None] = field(default_factory=dict)
    remotes: dict[ReferenceKey, None] = field(default_factory=dict)
    lanes: dict[Lane, None] = field(default_factory=dict)
    cells: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Facts:
    """What was found. What is not in a mapping is not in the store."""

    works: set[str] = field(default_factory=set)
    messages: dict[str, tuple[MessageState, str, str]] = field(default_factory=dict)
    """id → (state, content hash, connection)"""
    events: set[str] = field(default_factory=set)
    deliveries: dict[str, tuple[DeliveryState, str]] = field(default_factory=dict)
    """id → (state, flow)"""
    exchanges: dict[str, ExchangeState] = field(default_factory=dict)
    references: dict[ReferenceKey, CrossReference] = field(default_factory=dict)
    remotes: dict[ReferenceKey, str] = field(default_factory=dict)
    """(account, model, remote id) → the key that it belongs to"""
    lanes: dict[Lane, tuple[int, int]] = field(default_factory=dict)
    """lane → (position, fence)"""
    cells: dict[str, int] = field(default_factory=dict)
    """name → version"""
    heads: dict[Head, int] = field(default_factory=dict)


def wanted(works: Iterable[Work]) -> Wanted:
    want = Wanted()
    for work in works:
        want.works[work.id] = None
        for guard in work.guards:
            _want_guard(want, guard)
        for message in work.messages:
            want.messages[message.id] = None
        for message_move in work.message_moves:
            want.messages[message_move.id] = None
        for event in work.events:
            want.events[event.id] = None
        for delivery in work.deliveries:
            want.deliveries[delivery.id] = None
        for delivery_move in work.delivery_moves:
            want.deliveries[delivery_move.id] = None
        for exchange in work.exchanges:
            want.exchanges[exchange.id] = None
        for exchange_move in work.exchange_moves:
            want.exchanges[exchange_move.id] = None
        for change in work.cross_references:
            row = change if isinstance(change, Release) else change.reference
            want.references[row.account, row.model, row.key] = None
            if isinstance(change, Link) and change.reference.remote_id:
                want.remotes[row.account, row.model, change.reference.remote_id] = None
        for position in work.positions:
            want.lanes[position.lane] = None
        for cell in work.cells:
            want.cells[cell.name] = None
    return want


def _want_guard(want: Wanted, guard: Guard) -> None:
    match guard:
        case LaneFence():
            want.lanes[guard.lane] = None
        case CrossReferenceAbsent():
            want.references[guard.account, guard.model, guard.key] = None
        case CellVersion():
            want.cells[guard.name] = None
