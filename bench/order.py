"""Whether every key's messages arrive in order while workers are killed, and what that order costs.

    python bench/order.py [--keys N] [--messages N] [--workers N] [--every S] [--seconds N] [--json]

On PostgreSQL (a server of its own, durable). First `keys` records get `messages` newer states each, one after another
as their sender is told that the one before is accepted, and every `every` seconds one of the workers that have been up
for ten is killed, to be started again by its parent. The destination keeps the order in which effects came to it:
`inversions` are those of a key that came after a newer one, `lost` those that never came, `doubled` those that came
twice under two keys.

Then, on a hub that nobody kills, the same load as fast as it goes: each message of its record, which is kept in order,
and each of a record of its own, which has none to keep. `order_ratio` is the former's events/s over the latter's.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from _figures import tell
from _hub import RunningHub, emptied, free_port, shared_out, write_project
from _wire import Sink, length, open_sink_of, order, signed_post

from crossdock.testing.services import Postgres

CONNECTIONS = 32
BACKLOG = 1024
"""Accepted and not there: above it nothing more is sent."""
PATIENCE_S = 120.0
TURNS = 4
LIVED_S = 10.5
"""A worker that ends sooner than after ten seconds is started again ever later: soon none would be left to kill."""
KEY = b"idempotency-key:"


@dataclass
class Arrived:
    """What the destination has, by record, in the order in which it came; a repeat under its key is none."""

    states: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    keys: set[str] = field(default_factory=set)

    @property
    def amount(self) -> int:
        return len(self.keys)

    def took(self, key: str, body: bytes) -> None:
        if key in self.keys:
            return
        self.keys.add(key)
        record, _, state = said(body, b'"DocNumber":"').partition("/")
        self.states[record].append(int(state))

    def inversions(self) -> int:
        return sum(
            after < newest
            for states in self.states.values()
            for newest, after in zip(itertools.accumulate(states, max), states[1:], strict=False)
        )

    def doubled(self) -> int:
        return sum(len(states) - len(set(states)) for states in self.states.values())

    def different(self) -> int:
        return sum(len(set(states)) for states in self.states.values())


def said(body: bytes, name: bytes) -> str:
    at = body.index(name) + len(name)
    return body[at : body.index(b'"', at)].decode()


def state_of(record: str, state: int) -> bytes:
    """The webhook that tells of it."""
    numbered = {"id": record, "message": f"{record}/{state}", "number": f"{record}/{state}", "sent_at": f"{state:08d}"}
    return signed_post("/hooks/shop", json.dumps(json.loads(order(0, 0.0)) | numbered).encode())


class KeyedSink(Sink):
    """Answers a repeat under its key as the first time."""

    def __init__(self, arrived: Arrived) -> None:
        super().__init__(lambda _: None)
        self._arrived = arrived

    def arrived(self, head: bytes, body: bytes) -> None:
        at = head.lower().index(KEY) + len(KEY)
        self._arrived.took(head[at:].split(b"\r\n", 1)[0].strip().decode(), body)


class Load:
    """Webhooks over kept connections, a record's one after another, each until it is accepted."""

    def __init__(self, port: int, arrived: Arrived) -> None:
        self._port = port
        self._arrived = arrived
        self.accepted = 0

    async def send(self, records: Sequence[str], states: Iterable[int], ends_at: float = float("inf")) -> None:
        """Returns when all of them have arrived, or have not in time."""
        before, self.accepted = self._arrived.amount, 0
        lots = [records[place::CONNECTIONS] for place in range(CONNECTIONS)]
        numbers = list(states)
        await asyncio.gather(*(self._send(lot, numbers, before, ends_at) for lot in lots if lot))
        gives_up_at = time.perf_counter() + PATIENCE_S
        while self._arrived.amount - before < self.accepted and time.perf_counter() < gives_up_at:
            await asyncio.sleep(0.005)

    async def _send(self, records: Sequence[str], states: Sequence[int], before: int, ends_at: float) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for state, record in itertools.product(states, records):
            while self.accepted - (self._arrived.amount - before) >= BACKLOG:
                await asyncio.sleep(0.002)
            if time.perf_counter() > ends_at:
                break
            status = 0
            while status != 200:
                try:
                    connection = connection or await asyncio.open_connection("127.0.0.1", self._port)
                    status = await _post(*connection, state_of(record, state))
                except (OSError, asyncio.IncompleteReadError):
                    connection = None
                if status != 200:
                    await asyncio.sleep(0.02)
            self.accepted += 1
        if connection is not None:
            connection[1].close()


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(length(head))
    return int(head[9:12])


async def kill_now_and_then(hub: RunningHub, every_s: float) -> int:
    """Until it is cancelled; then, how many."""
    kills, chance = 0, random.Random(1)
    try:
        while True:
            await asyncio.sleep(every_s)
            if workers := hub.workers(LIVED_S):
                os.kill(chance.choice(workers), signal.SIGKILL)
                kills += 1
    except asyncio.CancelledError:
        return kills


@asynccontextmanager
async def running(url: str, sink: int, workers: int) -> AsyncIterator[tuple[RunningHub, int]]:
    """(a hub whose workers have shared out its work, its port)."""
    await emptied(url)
    with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as name:
        folder, port = Path(name), free_port()
        write_project(folder, port=port, sink=sink, store=url, identity="body.message", flow_says="collapse: none\n")
        with RunningHub(folder, port, "--workers", str(workers)) as hub:
            await shared_out(url, workers)
            yield hub, port


async def in_order(url: str, workers: int, keys: int, messages: int, every_s: float) -> dict[str, float]:
    arrived = Arrived()
    server, sink = await open_sink_of(lambda: KeyedSink(arrived))
    async with running(url, sink, workers) as (hub, port):
        started_at = time.perf_counter()
        killing = asyncio.create_task(kill_now_and_then(hub, every_s))
        await Load(port, arrived).send([f"r{number}" for number in range(keys)], range(messages))
        took_s = time.perf_counter() - started_at
        killing.cancel()
        kills = await killing
    server.close()
    return {
        "keys": keys,
        "messages": keys * messages,
        "workers": workers,
        "kills": kills,
        "inversions": arrived.inversions(),
        "lost": keys * messages - arrived.different(),
        "doubled": arrived.doubled(),
        "events_per_s_with_kills": round(keys * messages / took_s),
    }


async def its_price(url: str, workers: int, keys: int, seconds: float) -> dict[str, float]:
    """Both by turns, so that what else the machine does falls on both."""
    arrived = Arrived()
    server, sink = await open_sink_of(lambda: KeyedSink(arrived))
    spent_s, done = defaultdict[bool, float](float), defaultdict[bool, int](int)
    async with running(url, sink, workers) as (_, port):
        load = Load(port, arrived)
        await load.send([f"w{number}" for number in range(1000)], range(1))
        for turn, ordered in itertools.product(range(TURNS), (True, False)):
            started_at = time.perf_counter()
            if ordered:
                records, states = [f"o{turn}-{number}" for number in range(keys)], range(1000)
            else:
                records, states = [f"f{turn}-{number}" for number in range(keys * 1000)], range(1)
            await load.send(records, states, started_at + seconds / TURNS)
            spent_s[ordered] += time.perf_counter() - started_at
            done[ordered] += load.accepted
    server.close()
    ordered_per_s, free_per_s = (done[ordered] / spent_s[ordered] for ordered in (True, False))
    return {
        "ordered_per_s": round(ordered_per_s),
        "unordered_per_s": round(free_per_s),
        "order_ratio": round(ordered_per_s / free_per_s, 3),
    }


async def measure(options: argparse.Namespace) -> dict[str, float]:
    with Postgres(durable=True) as postgres:
        found = await in_order(postgres.url, options.workers, options.keys, options.messages, options.every)
        return found | await its_price(postgres.url, options.workers, options.keys, options.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=100, help="for each key")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--every", type=float, default=2.0, help="seconds from one kill to the next")
    parser.add_argument("--seconds", type=float, default=8.0, help="with order, and as many without")
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args()
    figures = uvloop.run(measure(options))
    tell(figures, only_json=options.json)
    if figures["inversions"] or figures["lost"] or figures["doubled"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
