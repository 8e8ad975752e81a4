"""The record behind a message: what came in whole, or what is fetched because only an id came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crossdock.core import json
from crossdock.core.errors import ForAPerson, NotJson
from crossdock.core.flow import Connection
from crossdock.core.message import Message
from crossdock.core.states import MessageState
from crossdock.core.verdict import Refused
from crossdock.engine.context import Context
from crossdock.engine.exchange import Exchanger
from crossdock.engine.reads import ReadFailed, run_reads

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
        for start in range(0, len(missing), size):
            chunk = missing[start : start + size]
            steps = hydrate.fetch({message.id: message.remote_id for message in chunk})
            what = f"the record behind {name!r}"
            try:
                fetched = await run_reads(
                    self._context, self._exchanger, self._connection.name, steps, what, self._connection.deadline_s
                )
            except ReadFailed as failed:
                for message in chunk:
                    if isinstance(failed.verdict, Refused):
                        records[message.id] = Quarantine(f"its record cannot be read: {failed.verdict.why}")
                    else:
                        wait_s = getattr(failed.verdict, "wait_s", None) or 2.0
                        stuck[message.id] = Stuck(self._context.clock.now() + wait_s, failed.verdict.why)
                continue
            except ForAPerson as error:
                records.update((message.id, Quarantine(error.what)) for message in chunk)
                continue
            for message in chunk:
                records[message.id] = fetched.get(message.id)


def _decode(body: bytes | None) -> Any:
    if body is None:
        return Quarantine("its bytes are not in the store any more")
    try:
        return json.decode(body)
    except NotJson as error:
        return Quarantine(error.what)
