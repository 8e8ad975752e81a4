"""Effects: how an action can be made to happen once, and under which identity."""

from __future__ import annotations

from enum import StrEnum

from crossdock.core.ids import digest


class EffectClass(StrEnum):
    """How an action can be made to happen once. An action lists those it has, in order of use."""

    NATIVE_KEY = "native_key"
    """the platform remembers our key and answers a repeat with the first result"""
    UPSERT = "upsert"
    """the same stable external id writes the same record again"""
    LOOKUP = "lookup"
    """a marker written with the record lets us find it afterwards"""
    INBOX = "inbox"
    """an inbox row commits at the destination together with the change"""
    TWO_PHASE = "two_phase"
    """prepared first, committed by decision"""
    NONE = "none"
    """nothing helps: an unknown outcome is a person's decision"""


def delivery_id(flow: str, event_id: str, generation: int = 0) -> str:
    return digest("delivery", flow, event_id, generation)


def effect_seed(flow: str, event_id: str, item: str, generation: int) -> str:
    """What all steps of one item share; see `effect_id`. Attempt numbers and clocks are never part of it."""
    return digest("effect", flow, event_id, item, generation)


def effect_id(seed: str, step: str) -> str:
    return digest(seed, step)


def provider_key(effect: str, revision: int) -> str:
    """The idempotency key that the platform sees: 32 hex digits; new bytes (a revision) get a new key."""
    return digest(effect, revision)
