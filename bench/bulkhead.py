"""What one destination's trouble costs the others: twenty of them, then one is dead, one takes 30 s, one flaps.

    python bench/bulkhead.py [--seconds N] [--rate N] [--json]

Every event goes to one of twenty connections, each with a flow of its own, at an even rate of half or less of what the
hub can do, so that what is measured is isolation and not load. The same hub is measured twice: all well, then with
three in trouble. `p95_ratio` is the healthy seventeen's p95 from webhook to arrival, with trouble over without;
`throughput_ratio` is what of their events arrived within the time, with trouble over without.
"""

from __future__ import annotations

import argparse
import asyncio
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


async def measure(rate: float, seconds: float) -> dict[str, float]:
    loop, seen, trouble = asyncio.get_running_loop(), Seen(), asyncio.Event()

    def slow() -> float:
        return SLOW_S if trouble.is_set() else 0.0

    def flapping() -> float | None:
        return None if trouble.is_set() and loop.time() % (2 * FLAP_S) < FLAP_S else 0.0

    makers = [lambda: Sink(_ignored), lambda: Troubled(slow), lambda: Troubled(flapping)]
    makers += [lambda: Sink(seen.took)] * len(HEALTHY)
    servers = [await loop.create_server(maker, "127.0.0.1", 0) for maker in makers]
    with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as name:
        folder, port = Path(name), free_port()
        write_project(folder, port, [server.sockets[0].getsockname()[1] for server in servers])
        with RunningHub(folder, port):
            await at_rate(port, seen, rate, min(seconds, 2.0))
            well_s, well_share = await at_rate(port, seen, rate, seconds)
            trouble.set()
            servers[DEAD].close()
            await at_rate(port, seen, rate, min(seconds, 2.0))
            troubled_s, troubled_share = await at_rate(port, seen, rate, seconds)
    for server in servers:
        server.close()
    return {
        "rate_per_s": rate,
        "p95_ms_well": round(percentile(well_s, 0.95) * 1000, 1),
        "p95_ms_troubled": round(percentile(troubled_s, 0.95) * 1000, 1),
        "p95_ratio": round(percentile(troubled_s, 0.95) / percentile(well_s, 0.95), 3),
        "throughput_ratio": round(troubled_share / well_share, 3),
    }


def _ignored(body: bytes) -> None:
    """What went to those in trouble is not measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each of the two measurements")
    parser.add_argument("--rate", type=float, default=200.0, help="events per second, a twentieth to each destination")
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args()
    figures = uvloop.run(measure(options.rate, options.seconds))
    tell(figures, only_json=options.json)


if __name__ == "__main__":
    main()
