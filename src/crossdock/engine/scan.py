"""Reads the events stream as a reader without a position: for a person's questions, never on the way of the data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from crossdock.core.event import STREAM, Event
from crossdock.core.lanes import lanes_of
from crossdock.core.store import Store

PAGE = 1000


async def pages(store: Store, most: int) -> AsyncIterator[Sequence[Event]]:
    """The newest `most` events or so, evenly over the partitions; pages in the order of their partitions."""
    heads = await store.heads(STREAM)
    after = {lane: max(heads[lane.partition] - _share(most, heads), 0) for lane in lanes_of("scan", STREAM)}
    after = {lane: number for lane, number in after.items() if number < heads[lane.partition]}
    while after:
        events = [event for event in await store.read(after, PAGE) if isinstance(event, Event)]
        if not events:
            return
        yield events
        lanes = {lane.partition: lane for lane in after}
        for event in events:
            after[lanes[event.partition]] = event.number
        after = {lane: number for lane, number in after.items() if number < heads[lane.partition]}


def _share(most: int, heads: Sequence[int]) -> int:
    return most if sum(heads) <= most else -(-most // len(heads))


async def newest_of(store: Store, model: str) -> dict[str, str]:
    """Every entity of the model that the stream still holds: key → id of its newest event."""
    newest: dict[str, str] = {}
    async for events in pages(store, sum(await store.heads(STREAM))):
        for event in events:
            if event.model == model and not (event.stale and event.key in newest):
                newest[event.key] = event.id
    return newest


async def that_mention(store: Store, text: str, causes: Collection[str], most: int) -> list[Event]:
    """Events with this value somewhere in their data (an order's number, an e-mail address), or caused by one of these
    messages, oldest first."""
    wanted = text.encode()
    found: list[Event] = []
    async for events in pages(store, most):
        found += [event for event in events if event.cause in causes or _holds(event.data, wanted)]
    return sorted(found, key=lambda event: event.appended_at)


def _holds(data: bytes, wanted: bytes) -> bool:
    """As a whole value: `1001` is neither in `10010` nor in `#1001`'s middle of a word."""
    start = data.find(wanted)
    while start >= 0:
        before, behind = data[start - 1 : start], data[start + len(wanted) : start + len(wanted) + 1]
        if before in (b'"', b":", b"#", b"[", b",") and behind in (b'"', b",", b"}", b"]"):
            return True
        start = data.find(wanted, start + 1)
    return False
