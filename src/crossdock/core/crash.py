"""Named points on the way of the data at which a test may end the process. A running hub passes them at no cost."""

from __future__ import annotations

from collections.abc import Callable

POINTS: dict[str, str] = {
    "ingest.read": "a webhook is authentic; nothing of it is written",
    "ingest.inserted": "its rows are in the open transaction, which is not committed",
    "ingest.committed": "it is durable; its sender has no answer yet",
    "ingest.acked": "its sender has its answer",
    "dedupe.hit": "a message came that was there already",
    "blob.written": "a large body is in the open transaction",
    "claim.leased": "lanes were leased",
    "map.done": "events are made; nothing of them is written",
    "events.committed": "events are durable; no flow has been told",
    "plan.committed": "deliveries are planned; none has begun",
    "intent.committed": "an intent is durable; not a byte of its request has left",
    "send.mid_body": "half of a request has left",
    "response.read": "an answer was read, and not yet understood",
    "send.done": "an answer is understood; its outcome is not written",
    "outcome.committed": "an outcome is durable",
    "xref.written": "a cross-reference is durable with it",
    "retry.scheduled": "the wait before another attempt is durable",
    "dlq.moved": "a dead letter is durable",
    "batch.partial": "some items of a batch are done and others are not, durably",
    "replay.generation": "a person's perform-again is durable",
    "token.answered": "a platform gave new tokens; they are not written",
    "token.persisted": "new tokens are durable; nobody has used them",
    "poll.page": "a page and its cursor are durable",
    "migrate.step": "a step of a migration is in the open transaction",
    "retention.deleted": "rows that nobody needs any more are gone",
    "checkpoint.start": "the store begins to copy its log into its file",
    "shutdown.drain": "a hub that was told to stop reads nothing more",
}
"""Point → what is true there."""

LATER: dict[str, str] = {
    "broker.logged": "brokers",
    "broker.acked": "brokers",
    "tpc.prepared_1": "two-phase",
    "tpc.prepared_all": "two-phase",
    "tpc.decided": "two-phase",
    "tpc.committed_1": "two-phase",
    "tcc.tried": "two-phase",
}
"""Points of what is not built yet → the part that they come with."""

_watching: Callable[[str], None] | None = None


def at(point: str) -> None:
    """Says that the way of the data has come here."""
    if _watching is not None:
        _watching(point)


def watch(watching: Callable[[str], None] | None) -> None:
    """Calls it with each point that is passed from now on, on whatever thread passes it; None = nobody watches."""
    global _watching
    _watching = watching
