"""The record behind a message: what came in whole, or what is fetched because only an id came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crossdock.core import json
from crossdock.core.errors import ForAPerson, NotJson
from crossdock.core.flow import Connection
from crossdock.core.message import Message
from crossdock.core.retry import RetryPolicy, next_attempt_at
from crossdock.core.states import MessageState
from crossdock.core.verdict import NotDone, Refused, Unknown
from crossdock.engine.context import Context
from crossdock.engine.exchange import Exchanger
from crossdock.engine.reads import ReadFailed, run_reads

PATIENCE = RetryPolicy(attempts=30, max_delay_s=60.0)
"""About 25 minutes; longer where the platform does not answer anybody."""
TOGETHER = 3
"""How often a record is asked for among others."""
UNREAD = frozenset({MessageState.RECEIVED, MessageState.QUARANTINED})


class Stuck(NamedTuple):
    """Why a record cannot be had right now, and until when to wait."""

    until: float
    why: str


class Quarantine(Exception):
    """This message cannot be understood; `reason` is for a person."""


def must_be_fetched(message: Message) -> bool:
    return bool(message.hydrate) and message.state in UNREAD


class Records:
    """Of one connection."""

    def __init__(self, context: Context, exchanger: Exchanger, connection: Connection) -> None:
        self._context = context
        self._exchanger = exchanger
        self._connection = connection
        self._tries: dict[str, int] = {}
        """of the messages whose record could not be had"""

    async def of(self, messages: Sequence[Message]) -> tuple[Mapping[str, Any], Mapping[str, Stuck]]:
        """(message id → its record, decoded, or the Quarantine it ends in; message id → when to try again, and why)."""
        bodies = await self._context.store.payloads([message.body for message in messages])
        records: dict[str, Any] = {}
        stuck: dict[str, Stuck] = {}
        to_fetch: dict[str, list[Message]] = {}
        for message in messages:
            if message.state not in UNREAD:
                continue
            if message.hydrate:
                to_fetch.setdefault(message.hydrate, []).append(message)
                continue
            with self._context.at_work.on("message", message.id):
                records[message.id] = _decode(bodies.get(message.body.id))
        for name, wanting in to_fetch.items():
            await self._hydrate(name, wanting, records, stuck)
        return records, stuck

    async def _hydrate(
        self, name: str, messages: Sequence[Message], records: dict[str, Any], stuck: dict[str, Stuck]
    ) -> None:
        """Fetches what is not kept beside its message already."""
        hydrate = self._connection.connector.hydrates.get(name)
        if hydrate is None:
            unknown = Quarantine(f"its connector does not know how to fetch {name!r}")
            records.update((message.id, unknown) for message in messages)
            return
        size = max(hydrate.batch_size, 1)
        kept = {message.id: await self._context.store.record(message.id) for message in messages}
        known = await self._context.store.payloads([ref for ref in kept.values() if ref is not None])
        for message in messages:
            ref = kept[message.id]
            if ref is not None and ref.id in known:
                records[message.id] = _decode(known[ref.id])
        missing = [message for message in messages if message.id not in records]
        for chunk in self._chunks(missing, size):
            steps = hydrate.fetch({message.id: message.remote_id for message in chunk})
            what = f"the record behind {name!r}"
            try:
                fetched = await run_reads(
                    self._context, self._exchanger, self._connection.name, steps, what, self._connection.deadline_s
                )
            except ReadFailed as failed:
                for message in chunk:
                    found = await self._failed(message, failed.verdict)
                    if isinstance(found, Stuck):
                        stuck[message.id] = found
                    else:
                        records[message.id] = found
                continue
            except ForAPerson as error:
                records.update((message.id, Quarantine(error.what)) for message in chunk)
                continue
            if not isinstance(fetched, Mapping):
                nothing = Quarantine(f"the connector's code for {what} made no records of its answers")
                records.update((message.id, nothing) for message in chunk)
                continue
            for message in chunk:
                self._tries.pop(message.id, None)
                records[message.id] = fetched.get(message.id)

    def _chunks(self, messages: Sequence[Message], size: int) -> Iterator[Sequence[Message]]:
        """What has failed a few times is asked for by itself: it may be what spoils the answer for all."""
        alone = [message for message in messages if self._tries.get(message.id, 0) >= TOGETHER]
        together = [message for message in messages if message not in alone]
        for start in range(0, len(together), size):
            yield together[start : start + size]
        for message in alone:
            yield [message]

    async def _failed(self, message: Message, verdict: NotDone | Refused | Unknown) -> Stuck | Quarantine:
        """A lane waits for its record, but not for ever where the platform answers everybody else."""
        now, wait_s = self._context.clock.now(), getattr(verdict, "wait_s", None)
        if isinstance(verdict, Refused):
            self._tries.pop(message.id, None)
            return Quarantine(f"its record cannot be read: {verdict.why}")
        if isinstance(verdict, NotDone) and not verdict.counts:
            return Stuck(now + (wait_s or PATIENCE.first_delay_s), verdict.why)
        tries = self._tries[message.id] = self._tries.get(message.id, 0) + 1
        due_at = next_attempt_at(PATIENCE, tries, now, wait_s=wait_s, jitter=self._context.random())
        if due_at is not None:
            return Stuck(due_at, verdict.why)
        if (await self._exchanger.gate(self._connection.name)).breaker.is_open:
            return Stuck(now + PATIENCE.max_delay_s, verdict.why)
        del self._tries[message.id]
        return Quarantine(f"its record could not be read in {tries} attempts: {verdict.why}")


def _decode(body: bytes | None) -> Any:
    if body is None:
        return Quarantine("its bytes are not in the store any more")
    try:
        return json.decode(body)
    except NotJson as error:
        return Quarantine(error.what)
