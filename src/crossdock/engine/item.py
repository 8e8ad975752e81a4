"""A delivery at work: its event, what the map made of it, and where it stands in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from crossdock.core import json
from crossdock.core.connector import Outbound
from crossdock.core.delivery import Delivery
from crossdock.core.effects import effect_seed
from crossdock.core.event import Event
from crossdock.core.work import DeliveryMove, LaneFence, Release


@dataclass(slots=True)
class Item:
    delivery: Delivery
    event: Event
    fence: LaneFence
    """under which all of this run is written"""
    outbounds: list[Outbound] = field(default_factory=list)
    """one; with `each`, many"""
    claims: set[str] = field(default_factory=set)
    """outbounds whose key has no linked record yet: the first intent claims it"""
    fenced: bool = False
    """another worker holds its lane by now: nothing was written"""
    aliases: set[str] = field(default_factory=set)
    """outbounds whose key's record belongs to another entity: they are not linked anew"""

    def moved(self, move: DeliveryMove) -> None:
        """The store has applied this move: keep the row in step."""
        row = self.delivery
        self.delivery = replace(
            row,
            state=move.after,
            waiting_for=move.waiting_for,
            reason=move.reason,
            due_at=move.due_at,
            attempts=row.attempts if move.attempts is None else move.attempts,
            revision=row.revision if move.revision is None else move.revision,
            batch=row.batch if move.batch is None else move.batch,
            outbound=row.outbound if move.outbound is None else move.outbound,
            settled_at=row.settled_at if move.settled_at is None else move.settled_at,
        )


def freeze(outbounds: Sequence[Outbound]) -> bytes:
    return json.encode(outbounds)


def thaw(frozen: bytes) -> list[Outbound]:
    return [Outbound(**fields) for fields in json.decode(frozen)]


def releases(account: str, model: str, row: Delivery) -> tuple[Release, ...]:
    """Gives back whatever this delivery claimed: it will make nothing more, and who waits for it may go on."""
    claimed = {row.key: effect_seed(row.flow, row.event_id, "", row.generation)}
    if row.outbound:
        claimed.update({outbound.key: outbound.seed for outbound in thaw(row.outbound)})
    return tuple(Release(account, model, key, seed) for key, seed in claimed.items())
