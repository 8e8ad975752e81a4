"""What one destination's trouble costs the others: twenty of them, then one is dead, one takes 30 s, one flaps.

    python bench/bulkhead.py [--seconds N] [--rate N] [--json]

Every event goes to one of twenty connections, each with a flow of its own, at an even rate of half or less of what the
hub can do, so that what is measured is isolation and not load. Two hubs run the same project, one whose destinations
are all well and one with three in trouble, and the load goes to them in turn, two seconds each, so that what else the
machine does falls on both. `p95_ratio` is the healthy seventeen's p95 from webhook to arrival, with trouble over
without; `throughput_ratio` is what of their events arrived within the time, with trouble over without.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from _figures import tell
from _hub import HUB, INBOUND, INVOICE, MODEL, SOURCE, RunningHub, free_port, write_files
from _wire import Sink, must_be_200, open_senders, order, percentile, signed_post

DESTINATIONS = 20
DEAD, SLOW, FLAPPING = 0, 1, 2
HEALTHY = range(3, DESTINATIONS)
SLOW_S = 30.0
FLAP_S = 2.0
SLICE_S = 2.0
NUMBERS = itertools.count()

CONNECTION = """\
connector: http
settings:
  base_url: http://127.0.0.1:{sink}
  actions: {{create_invoice: {{path: /invoices, idempotency_header: Idempotency-Key, id: id}}}}
"""
FLOW = """\
on: [sale.created, sale.updated]
where: '.number | ltrimstr("#") | tonumber % {destinations} == {number}'
from: beginning
to: books{number}
action: create_invoice
map: invoice.jq
"""


@dataclass
class Seen:
    """What the destinations have taken in one measurement."""

    latencies_s: list[float] = field(default_factory=list)

    def took(self, body: bytes) -> None:
        at = body.find(b'"sent_at":"') + 11
        self.latencies_s.append(time.time() - float(body[at : body.index(b'"', at)]))


class Troubled(Sink):
    """Answers late, or only half of the time."""

    def __init__(self, delay_s: Callable[[], float | None]) -> None:
        super().__init__(_ignored)
        self._delay_s = delay_s

    def data_received(self, data: bytes) -> None:
        delay_s = self._delay_s()
        if delay_s is None:
            self._transport.close()
        else:
            asyncio.get_running_loop().call_later(delay_s, self._late, data)

    def _late(self, data: bytes) -> None:
        if not self._transport.is_closing():
            super().data_received(data)


def write_project(folder: Path, port: int, sinks: list[int]) -> None:
    allowed = ", ".join(f'"127.0.0.1:{sink}"' for sink in sinks)
    files = {
        "crossdock.yaml": HUB.replace('"127.0.0.1:{sink}"', allowed).format(port=port, store=""),
        "connections/shop.yaml": SOURCE,
        "models/sale.yaml": MODEL,
        "maps/order.jq": INBOUND,
        "maps/invoice.jq": INVOICE,
    }
    for number, sink in enumerate(sinks):
        files[f"connections/books{number}.yaml"] = CONNECTION.format(sink=sink)
        files[f"flows/sale-to-books{number}.yaml"] = FLOW.format(destinations=DESTINATIONS, number=number)
    write_files(folder, files)


async def at_rate(port: int, seen: Seen, rate: float, seconds: float) -> tuple[list[float], float]:
    """(latencies of what reached the healthy ones in time, how many of those that were sent to them)."""
    seen.latencies_s.clear()
    started_at = time.perf_counter()
    sent = healthy = allowed = 0

    def next_request() -> bytes | None:
        nonlocal sent, healthy
        if sent >= allowed:
            return None
        sent += 1
        number = next(NUMBERS)
        healthy += number % DESTINATIONS in HEALTHY
        return signed_post("/hooks/shop", order(number, time.time()))

    senders = await open_senders(port, 16, next_request, lambda status, _: must_be_200(status))
    while (passed_s := time.perf_counter() - started_at) < seconds:
        allowed = int(passed_s * rate)
        for sender in senders:
            if sent < allowed and sender.idle:
                sender.send()
        await asyncio.sleep(0.001)
    for sender in senders:
        sender.close()
    await asyncio.sleep(1.0)
    return list(seen.latencies_s), len(seen.latencies_s) / healthy


class Side:
    """One hub with its destinations. `async with`."""

    def __init__(self, *, in_trouble: bool) -> None:
        self._in_trouble = in_trouble
        self.latencies_s: list[float] = []
        self._shares: list[float] = []
        self._stack = contextlib.AsyncExitStack()
        self._seen = Seen()

    async def __aenter__(self) -> Side:
        loop, seen = asyncio.get_running_loop(), self._seen
        makers: list[Callable[[], asyncio.Protocol]] = [lambda: Sink(_ignored)] * 3
        if self._in_trouble:
            makers = [lambda: Sink(_ignored), lambda: Troubled(lambda: SLOW_S), lambda: Troubled(_flapping)]
        makers += [lambda: Sink(seen.took)] * len(HEALTHY)
        servers = [await loop.create_server(maker, "127.0.0.1", 0) for maker in makers]
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="crossdock-bench-")))
        self._port = free_port()
        write_project(folder, self._port, [server.sockets[0].getsockname()[1] for server in servers])
        if self._in_trouble:
            servers[DEAD].close()
        for server in servers:
            self._stack.callback(server.close)
        self._stack.enter_context(RunningHub(folder, self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def load(self, rate: float, seconds: float, *, counts: bool = True) -> None:
        latencies_s, share = await at_rate(self._port, self._seen, rate, seconds)
        if counts:
            self.latencies_s += latencies_s
            self._shares.append(share)

    @property
    def p95_ms(self) -> float:
        return percentile(self.latencies_s, 0.95) * 1000

    @property
    def share(self) -> float:
        """Of what was sent to the healthy ones, what arrived in time."""
        return sum(self._shares) / len(self._shares)


async def measure(rate: float, seconds: float) -> dict[str, float]:
    async with Side(in_trouble=False) as well, Side(in_trouble=True) as troubled:
        for side in (well, troubled):
            await side.load(rate, SLICE_S, counts=False)
        for turn in range(max(round(seconds / SLICE_S), 1)):
            for side in (well, troubled) if turn % 2 else (troubled, well):
                await side.load(rate, SLICE_S)
    return {
        "rate_per_s": rate,
        "p95_ms_well": round(well.p95_ms, 1),
        "p95_ms_troubled": round(troubled.p95_ms, 1),
        "p95_ratio": round(troubled.p95_ms / well.p95_ms, 3),
        "throughput_ratio": round(troubled.share / well.share, 3),
    }


def _flapping() -> float | None:
    return None if asyncio.get_running_loop().time() % (2 * FLAP_S) < FLAP_S else 0.0


def _ignored(body: bytes) -> None:
    """What went to those in trouble is not measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20.0, help="of load for each of the two hubs")
    parser.add_argument("--rate", type=float, default=200.0, help="events per second, a twentieth to each destination")
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args()
    figures = uvloop.run(measure(options.rate, options.seconds))
    tell(figures, only_json=options.json)


if __name__ == "__main__":
    main()
