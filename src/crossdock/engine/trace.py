"""The whole life of an entity across systems, from the store alone: what came in, what it meant, what went out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crossdock.core.delivery import Attempt, Delivery, Exchange
from crossdock.core.event import Event
from crossdock.core.keys import native_key
from crossdock.core.message import Message, message_id
from crossdock.core.store import Store
from crossdock.core.xref import CrossReference
from crossdock.engine.journal import journals_of
from crossdock.engine.merging import decisions
from crossdock.engine.scan import that_mention

MOST_SCANNED = 200_000
"""Events that are searched for a value that is neither a key nor an id: the newest ones."""
MOST_EVENTS = 5_000


@dataclass(frozen=True, slots=True)
class Story:
    """In the order of time. A message that led to no event stands alone."""

    keys: tuple[str, ...]
    """the entities, the one that was asked for first"""
    messages: tuple[Message, ...]
    events: tuple[Event, ...]
    deliveries: tuple[Delivery, ...]
    exchanges: Mapping[str, Sequence[Exchange]]
    """delivery id → its journal"""
    attempts: Mapping[str, Sequence[Attempt]]
    """exchange id → each time it was sent"""
    references: tuple[CrossReference, ...]
    decisions: Mapping[str, str]
    """event id → how what a system told of a shared entity was decided"""


async def trace(store: Store, wanted: str, connections: Iterable[str]) -> Story | None:
    """`wanted` is an entity's key, the id of a delivery, event or message, what a sender calls its message, a record's
    id at some platform, or a value such as an order's number that events hold. None when nothing is known of it."""
    connections = tuple(connections)
    messages = await store.messages([wanted, *(message_id(name, wanted) for name in connections)])
    events = await _events_of_id(store, wanted) or await _events_of_key(store, wanted, connections)
    if not events:
        events = await that_mention(store, wanted, {message.id for message in messages}, MOST_SCANNED)
    if not events and not messages:
        return None
    return await _story(store, events, messages)


async def _events_of_id(store: Store, wanted: str) -> Sequence[Event]:
    deliveries = await store.deliveries([wanted])
    return await store.events([wanted, *(row.event_id for row in deliveries)])


async def _events_of_key(store: Store, wanted: str, connections: Iterable[str]) -> Sequence[Event]:
    """By its key, by its record's id where it came from, by its record's id where it was written."""
    references = await store.cross_references(remote_ids=[wanted])
    keys = [wanted, *(native_key(name, wanted) for name in connections), *(one.key for one in references)]
    found: list[Event] = []
    for key in dict.fromkeys(keys):
        found += await store.events(key=key)
    return found


async def _story(store: Store, found: Sequence[Event], alone: Sequence[Message]) -> Story:
    """All that shares a key or a partition key with what was found: an order's refunds and payments are its own."""
    keys = dict.fromkeys(key for event in found for key in (event.key, event.partitionkey))
    events = {event.id: event for event in found}
    for key in list(keys):
        for event in await store.events(key=key, limit=MOST_EVENTS):
            events[event.id] = event
            keys[event.key] = None
    ordered = sorted(events.values(), key=lambda event: (event.appended_at, event.number))[:MOST_EVENTS]
    causes = await store.messages(list(dict.fromkeys(event.cause for event in ordered)), limit=MOST_EVENTS)
    messages = {message.id: message for message in (*alone, *causes)}
    deliveries = await store.deliveries(event_ids=[event.id for event in ordered], limit=MOST_EVENTS * 4)
    exchanges, attempts = await _journals(store, deliveries)
    references = await store.cross_references(keys=list(keys), limit=MOST_EVENTS)
    return Story(
        tuple(keys),
        tuple(sorted(messages.values(), key=lambda message: (message.received_at, message.number))),
        tuple(ordered),
        tuple(sorted(deliveries, key=lambda row: (row.planned_at, row.flow, row.generation))),
        exchanges,
        attempts,
        tuple(sorted(references, key=lambda one: one.updated_at)),
        await _decisions(store, ordered),
    )


async def _decisions(store: Store, events: Sequence[Event]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for model, key in dict.fromkeys((event.model, event.key) for event in events):
        found |= await decisions(store, model, key)
    return found


async def _journals(
    store: Store, deliveries: Sequence[Delivery]
) -> tuple[Mapping[str, Sequence[Exchange]], Mapping[str, Sequence[Attempt]]]:
    exchanges = await journals_of(store, deliveries)
    sent = await store.attempts(list({one.id: None for journal in exchanges.values() for one in journal}))
    attempts: dict[str, list[Attempt]] = {}
    for attempt in sent:
        attempts.setdefault(attempt.exchange_id, []).append(attempt)
    return exchanges, attempts
