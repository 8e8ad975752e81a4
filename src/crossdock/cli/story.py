"""A trace as a tree for people and as a document for machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from crossdock.cli.show import instant, plain
from crossdock.core import json
from crossdock.core.delivery import Attempt, Delivery, Exchange, tries_of
from crossdock.core.event import Event
from crossdock.core.message import Message
from crossdock.core.states import DeliveryState
from crossdock.core.wire import Sql, thaw
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.trace import Story

TRIED_AGAIN = (DeliveryState.RETRYING, DeliveryState.RESOLVING)
Texts = Mapping[str, str]
"""message id → its body; empty = bodies are not wanted"""


def as_tree(story: Story, texts: Texts) -> Tree:
    tree = Tree(Text(plain(", ".join(story.keys) or "a message by itself")))
    told: set[str] = set()
    for event in story.events:
        if event.cause not in told:
            told.add(event.cause)
            _add_message(tree, story, event.cause, texts)
    for message in story.messages:
        if message.id not in told:
            _add_message(tree, story, message.id, texts)
    if story.references:
        records = tree.add("records")
        for reference in story.references:
            records.add(Text(plain(_reference_line(reference))))
    return tree


def _add_message(tree: Tree, story: Story, identity: str, texts: Texts) -> None:
    message = next((one for one in story.messages if one.id == identity), None)
    if message is None:
        branch = tree.add(Text(plain(f"message {identity}, not kept any more")))
    else:
        branch = tree.add(Text(plain(_message_line(message))))
        if identity in texts:
            branch.add(Text(plain(texts[identity])))
    for event in story.events:
        if event.cause == identity:
            _add_event(branch, story, event, bodies=bool(texts))


def _add_event(tree: Tree, story: Story, event: Event, *, bodies: bool) -> None:
    branch = tree.add(Text(plain(_event_line(event))))
    if event.id in story.decisions:
        branch.add(Text(plain(story.decisions[event.id])))
    if bodies:
        branch.add(Text(plain(event.data.decode())))
    for row in story.deliveries:
        if row.event_id == event.id:
            _add_delivery(branch, story, row, bodies=bodies)


def _add_delivery(tree: Tree, story: Story, row: Delivery, *, bodies: bool) -> None:
    branch = tree.add(Text(plain(_delivery_line(row)), style="" if row.settled_at else "bold"))
    for exchange in story.exchanges[row.id]:
        twig = branch.add(Text(plain(_exchange_line(exchange))))
        if bodies:
            twig.add(Text(plain(thaw(exchange.request).body.decode("utf-8", "replace"))))
        for attempt in story.attempts.get(exchange.id, ()):
            twig.add(Text(plain(_attempt_line(exchange, attempt))))


def _message_line(message: Message) -> str:
    why = f": {message.reason}" if message.reason else ""
    return f"{instant(message.received_at)}  {message.connection} {message.topic}  {message.state}{why}  ({message.id})"


def _event_line(event: Event) -> str:
    notes = [*(["stale"] if event.stale else []), *(["our own write, come back"] if event.origin else [])]
    notes += ["what holds now"] if not event.account else []
    return "  ".join([f"{event.type} {event.key}", *notes, f"({event.id})"])


def _delivery_line(row: Delivery) -> str:
    state = f"waiting for {row.waiting_for}" if row.waiting_for and row.state == "waiting" else str(row.state)
    at = f"{instant(row.settled_at)}  " if row.settled_at else ""
    again = f", time {row.generation + 1}" if row.generation else ""
    why = f" ({row.reason})" if row.reason else ""
    due = f", next at {instant(row.due_at)}" if row.state in TRIED_AGAIN and row.due_at else ""
    return f"{at}{row.flow}: {state}{again}{why}{due}  ({row.id})"


def _exchange_line(exchange: Exchange) -> str:
    request = thaw(exchange.request)
    why = f": {exchange.why}" if exchange.why else ""
    return f"{exchange.step}: {request.method} {request.url}  {exchange.state}{why}"


def _attempt_line(exchange: Exchange, attempt: Attempt) -> str:
    wire = "SQL" if isinstance(thaw(exchange.request), Sql) else "HTTP"
    took = f"{max(attempt.ended_at - attempt.started_at, 0.0) * 1000:.0f} ms"
    status = f"{wire} {attempt.status}" if attempt.status else "no answer"
    return f"{instant(attempt.started_at)}  {status} in {took}: {attempt.outcome}"


def _reference_line(reference: CrossReference) -> str:
    match reference.state:
        case LinkState.MOVED:
            said = f"kept in the record of {reference.moved_to}"
        case LinkState.CLAIMED:
            said = "being created"
        case _:
            said = reference.remote_id
    return f"{reference.account}: {reference.model} {said}  ({reference.key})"


# --- for machines -------------------------------------------------------------------------------------------------


def as_document(story: Story, texts: Texts) -> dict[str, Any]:
    return {
        "keys": story.keys,
        "messages": [_message(message, texts) for message in story.messages],
        "events": [_event(story, event, bodies=bool(texts)) for event in story.events],
        "records": [
            {
                "account": one.account,
                "model": one.model,
                "key": one.key,
                "state": str(one.state),
                "remote_id": one.remote_id,
                "moved_to": one.moved_to,
                "version": one.version,
                "updated_at": instant(one.updated_at),
            }
            for one in story.references
        ],
    }


def _message(message: Message, texts: Texts) -> dict[str, Any]:
    return {
        "id": message.id,
        "connection": message.connection,
        "topic": message.topic,
        "state": str(message.state),
        "reason": message.reason,
        "received_at": instant(message.received_at),
        "bytes": message.body.size_bytes,
        **({"body": texts[message.id]} if message.id in texts else {}),
    }


def _event(story: Story, event: Event, *, bodies: bool) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "key": event.key,
        "partitionkey": event.partitionkey,
        "account": event.account,
        "version": event.version,
        "cause": event.cause,
        "origin": event.origin,
        "stale": event.stale,
        **({"decision": story.decisions[event.id]} if event.id in story.decisions else {}),
        "appended_at": instant(event.appended_at),
        **({"data": json.decode(event.data)} if bodies else {}),
        "deliveries": [_delivery(story, row, bodies) for row in story.deliveries if row.event_id == event.id],
    }


def _delivery(story: Story, row: Delivery, bodies: bool) -> dict[str, Any]:
    return {
        "id": row.id,
        "flow": row.flow,
        "state": str(row.state),
        "waiting_for": row.waiting_for and str(row.waiting_for),
        "reason": row.reason,
        "attempts": tries_of(row, story.exchanges[row.id]),
        "generation": row.generation,
        "planned_at": instant(row.planned_at),
        "next_attempt_at": instant(row.due_at) if row.state in TRIED_AGAIN else "",
        "settled_at": instant(row.settled_at),
        "exchanges": [_exchange(story, exchange, bodies) for exchange in story.exchanges[row.id]],
    }


def _exchange(story: Story, exchange: Exchange, bodies: bool) -> dict[str, Any]:
    request = thaw(exchange.request)
    sent = story.attempts.get(exchange.id, ())
    return {
        "id": exchange.id,
        "step": exchange.step,
        "state": str(exchange.state),
        "why": exchange.why,
        "method": request.method,
        "url": request.url,
        **({"body": request.body.decode("utf-8", "replace")} if bodies else {}),
        "attempts": [
            {
                "number": one.number,
                "started_at": instant(one.started_at),
                "ended_at": instant(one.ended_at),
                "status": one.status,
                "outcome": str(one.outcome),
                "detail": one.detail,
            }
            for one in sent
        ],
    }
