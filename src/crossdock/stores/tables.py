"""What every store keeps, in one form: by it a hub moves from one store to another.

A row's values are in the order of its table's columns; identities are text, places are (stream, partition, number).
Rows of deliveries and exchanges come in the order in which they were made. Leases do not move: a hub that moves is
stopped. Fences do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TABLES: Mapping[str, Sequence[str]] = {
    "works": ("id", "applied_at"),
    "heads": ("stream", "partition", "number"),
    "lanes": ("reader", "stream", "partition", "position", "fence", "worker", "until"),
    "payloads": ("id", "chunk", "added_at", "data"),
    "arrivals": ("id", "connection", "received_at", "headers", "payload", "payload_bytes", "payload_sha256"),
    "messages": (
        "stream", "partition", "number", "id", "arrival_id", "connection", "topic", "order_hint", "content_hash",
        "body", "body_bytes", "body_sha256", "received_at", "hydrate", "remote_id", "state", "reason", "record",
        "record_bytes", "record_sha256",
    ),
    "events": (
        "partition", "number", "id", "connection", "account", "model", "major", "verb", "key", "partitionkey",
        "version", "occurred_at", "cause", "origin", "trail", "data", "stale", "appended_at",
    ),
    "entities": ("account", "model", "key", "version", "event_id"),
    "deliveries": (
        "id", "flow", "event_id", "key", "partitionkey", "partition", "number", "state", "waiting_for", "reason",
        "due_at", "attempts", "generation", "revision", "batch", "outbound", "planned_at", "settled_at",
    ),
    "exchanges": (
        "id", "batch", "connection", "step", "revision", "effect", "request", "request_hash", "state", "answer",
        "why", "first_sent_at", "ended_at", "attempts",
    ),
    "effects": ("id", "delivery_id", "exchange_id", "item", "step"),
    "attempts": ("exchange_id", "number", "started_at", "ended_at", "outcome", "status", "detail"),
    "cross_references": (
        "account", "model", "key", "state", "remote_id", "effect_id", "version", "fingerprint", "moved_to", "trail",
        "updated_at",
    ),
    "cells": ("name", "version", "value"),
    "counts": ("scope", "name", "amount"),
    "tallies": ("kind", "name", "state", "amount"),
}  # fmt: skip
"""Table → columns, in the order in which they are copied."""

MOVED = "moved"
"""The cell that says where the store went. It is not copied."""

AT_ONCE = 2000
"""Rows that travel together."""
LARGE_AT_ONCE = 50


def at_once(table: str) -> int:
    """Rows of this table that travel together: a payload's are 1 MiB each."""
    return LARGE_AT_ONCE if table == "payloads" else AT_ONCE
