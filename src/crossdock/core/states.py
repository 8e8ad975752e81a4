"""Every legal transition, in one table each. The diagram in docs/states.md is tested against them."""

from __future__ import annotations

from enum import StrEnum


class MessageState(StrEnum):
    RECEIVED = "received"
    NORMALISED = "normalised"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    RETRYING = "retrying"
    RESOLVING = "resolving"
    HELD = "held"
    DEAD = "dead"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"


class WaitingFor(StrEnum):
    KEY = "key"
    """its turn among the deliveries of its key"""
    NEED = "need"
    """an entity that must be linked at the destination first"""
    CLAIM = "claim"
    """another delivery that is creating the same record"""
    PAUSE = "pause"
    """an asynchronous job, or a paused connection"""
    BATCH = "batch"
    """companions for one exchange"""


M, D = MessageState, DeliveryState

MESSAGE_TRANSITIONS: dict[MessageState, frozenset[MessageState]] = {
    M.RECEIVED: frozenset({M.NORMALISED, M.IGNORED, M.QUARANTINED}),
    M.QUARANTINED: frozenset({M.RECEIVED, M.NORMALISED, M.IGNORED, M.QUARANTINED, M.DISCARDED}),
    M.NORMALISED: frozenset(),
    M.IGNORED: frozenset(),
    M.DISCARDED: frozenset(),
}

DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    D.WAITING: frozenset({D.WAITING, D.SENDING, D.RETRYING, D.HELD, D.DEAD, D.SUPERSEDED, D.DELIVERED}),
    D.SENDING: frozenset({D.SENDING, D.DELIVERED, D.RETRYING, D.RESOLVING, D.DEAD, D.HELD, D.WAITING}),
    D.RETRYING: frozenset({D.RETRYING, D.SENDING, D.DELIVERED, D.DEAD, D.HELD, D.SUPERSEDED, D.WAITING}),
    D.RESOLVING: frozenset({D.RESOLVING, D.DELIVERED, D.RETRYING, D.SENDING, D.HELD, D.DEAD, D.WAITING}),
    D.HELD: frozenset({D.DELIVERED, D.WAITING, D.DISCARDED}),
    D.DEAD: frozenset({D.WAITING, D.DISCARDED, D.SUPERSEDED}),
    D.DELIVERED: frozenset(),
    D.SUPERSEDED: frozenset(),
    D.DISCARDED: frozenset(),
}

OPEN = frozenset({D.WAITING, D.SENDING, D.RETRYING, D.RESOLVING})
"""The hub will move these by itself."""
SETTLED = frozenset({D.DELIVERED, D.SUPERSEDED, D.DISCARDED})
"""Final."""
