"""How fast an event goes the whole way: webhook with HMAC → durable → map → HTTP out → outcome recorded.

    python bench/route.py [--seconds N] [--json] [--store postgresql [--workers 1,2,4]]

Beside it, in the same run: a bare uvicorn endpoint that takes the same requests, and a bare aiohttp client that posts
the same bodies to the same sink. `ratio` is the hub's events/s over the slower of the two. `to_bare` is over a pipeline
that makes it durable, posts it and notes the outcome with the same libraries, and has nothing else of a hub
(`_bare.py`): what they leave to be had. Latencies are end to end, from the webhook's first byte to the request's
arrival at the sink, at half of the measured rate.

On PostgreSQL (a server of its own, durable) also a bare insert, claim and complete of the same bodies, each step
a commit: one event at a time on 16 connections, and 64 at a time. `to_cycle` is the hub's events/s over the former.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import uvloop
from _cycle import bare_cycle
from _figures import tell
from _hub import RunningHub, emptied, free_port, shared_out, write_project
from _wire import bare, listening, must_be_200, open_senders, open_sink, order, percentile, signed_post

from crossdock.testing.services import Postgres

CONNECTIONS = 32
BACKLOG = 1024
"""Events accepted and not delivered: above it the bench sends no more, so that it measures the whole way."""
NUMBERS = itertools.count(1)
BARE = """
import uvicorn
async def app(scope, receive, send):
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
uvicorn.run(app, port=%d, log_level="critical", access_log=False, lifespan="off", http="httptools", loop="uvloop")
"""


@dataclass
class Seen:
    """What the sink has taken."""

    amount: int = 0
    latencies_s: list[float] = field(default_factory=list)
    marking: bool = False

    def took(self, body: bytes) -> None:
        self.amount += 1
        if self.marking:
            at = body.find(b'"sent_at":"') + 11
            self.latencies_s.append(time.time() - float(body[at : body.index(b'"', at)]))


def fresh_request() -> bytes:
    return signed_post("/hooks/shop", order(next(NUMBERS), time.time()))


async def bare_server(seconds: float) -> float:
    """Requests/s."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE % port])
    try:
        await listening(port)
        done = 0

        def answered(status: int, _: float) -> None:
            nonlocal done
            done += status == 200

        ends_at = time.perf_counter() + seconds
        started_at = time.perf_counter()
        senders = await open_senders(
            port, CONNECTIONS, lambda: fresh_request() if time.perf_counter() < ends_at else None, answered
        )
        await asyncio.sleep(seconds)
        rate = done / (time.perf_counter() - started_at)
        for sender in senders:
            sender.close()
        return rate
    finally:
        process.terminate()
        process.wait()


async def bare_client(sink: int, seconds: float) -> float:
    """Requests/s."""
    ends_at = time.perf_counter() + seconds
    done = 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def post() -> None:
            nonlocal done
            while time.perf_counter() < ends_at:
                body = order(next(NUMBERS), time.time())
                async with session.post(
                    f"http://127.0.0.1:{sink}/invoices", data=body, headers={"content-type": "application/json"}
                ) as answer:
                    await answer.read()
                    done += answer.status == 200

        await asyncio.gather(*(post() for _ in range(CONNECTIONS)))
    return done / seconds


async def bare_pipeline(seen: Seen, sink: int, seconds: float) -> float:
    """Events/s."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as name:
        process = bare(port, str(Path(name) / "bare.db"), str(sink))
        try:
            await listening(port)
            await flat_out(port, seen, min(seconds, 1.0))
            rate, _ = await flat_out(port, seen, seconds)
            return rate
        finally:
            process.kill()
            process.wait()


async def flat_out(port: int, seen: Seen, seconds: float) -> tuple[float, int]:
    """Events/s through the whole hub, and how many there were."""
    sent = 0
    before = seen.amount
    ends_at = time.perf_counter() + seconds

    def next_request() -> bytes | None:
        nonlocal sent
        if time.perf_counter() > ends_at or sent - (seen.amount - before) >= BACKLOG:
            return None
        sent += 1
        return fresh_request()

    started_at = time.perf_counter()
    senders = await open_senders(port, CONNECTIONS, next_request, lambda status, _: must_be_200(status))
    while time.perf_counter() < ends_at:
        await asyncio.sleep(0.001)
        for sender in senders:
            if sender.idle:
                sender.send()
    while seen.amount - before < sent:
        await asyncio.sleep(0.005)
    took_s = time.perf_counter() - started_at
    for sender in senders:
        sender.close()
    return sent / took_s, sent


async def at_rate(port: int, seen: Seen, rate: float, seconds: float) -> None:
    """Requests at even intervals, whatever the answers do."""
    started_at = time.perf_counter()
    allowed = sent = 0
    seen.marking, before = True, seen.amount

    def next_request() -> bytes | None:
        nonlocal sent
        if sent >= allowed:
            return None
        sent += 1
        return fresh_request()

    senders = await open_senders(port, CONNECTIONS * 2, next_request, lambda status, _: must_be_200(status))
    while (passed_s := time.perf_counter() - started_at) < seconds:
        allowed = int(passed_s * rate)
        for sender in senders:
            if sent >= allowed:
                break
            if sender.idle:
                sender.send()
        await asyncio.sleep(0.0005)
    while seen.amount - before < sent:
        await asyncio.sleep(0.005)
    seen.marking = False
    for sender in senders:
        sender.close()


async def measure(seconds: float) -> dict[str, float]:
    seen = Seen()
    server, sink = await open_sink(seen.took)
    figures = await hub_alone(seen, sink, seconds)
    bare_per_s = await bare_pipeline(seen, sink, seconds)
    server_per_s = await bare_server(seconds)
    client_per_s = await bare_client(sink, seconds)
    server.close()
    return {
        **figures,
        "ratio": round(figures["events_per_s"] / min(server_per_s, client_per_s), 3),
        "to_bare": round(figures["events_per_s"] / bare_per_s, 3),
        "bare_pipeline_per_s": round(bare_per_s),
        "bare_server_per_s": round(server_per_s),
        "bare_client_per_s": round(client_per_s),
    }


async def measure_workers(seconds: float, amounts: list[int]) -> dict[str, float]:
    seen = Seen()
    server, sink = await open_sink(seen.took)
    figures: dict[str, float] = {}
    with Postgres(durable=True) as postgres:
        body = order(next(NUMBERS), time.time())
        one = await bare_cycle(postgres.url, body, seconds, 1)
        many = await bare_cycle(postgres.url, body, seconds, 64)
        for workers in amounts:
            await emptied(postgres.url)
            found = await hub_alone(seen, sink, seconds, postgres.url, workers)
            found["to_cycle"] = round(found["events_per_s"] / one, 3)
            figures |= {f"{workers}_workers_{name}": value for name, value in found.items()}
    server.close()
    return {**figures, "bare_cycle_per_s": round(one), "bare_cycle_of_64_per_s": round(many)}


async def hub_alone(seen: Seen, sink: int, seconds: float, store: str = "", workers: int = 1) -> dict[str, float]:
    seen.latencies_s.clear()
    with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as name:
        folder, port = Path(name), free_port()
        write_project(folder, port=port, sink=sink, store=store)
        with RunningHub(folder, port, *(("--workers", str(workers)) if store else ())) as hub:
            if store:
                await shared_out(store, workers)
            await flat_out(port, seen, min(seconds, 1.0))
            cpu_before = hub.cpu_s()
            events_per_s, events = await flat_out(port, seen, seconds)
            cpu_s = hub.cpu_s() - cpu_before
            await at_rate(port, seen, events_per_s / 2, seconds)
            memory_bytes = hub.memory_bytes()
    return {
        "events_per_s": round(events_per_s),
        "p50_ms": round(percentile(seen.latencies_s, 0.5) * 1000, 2),
        "p99_ms": round(percentile(seen.latencies_s, 0.99) * 1000, 2),
        "cpu_s_per_1000": round(cpu_s / events * 1000, 3),
        "memory_mib": round(memory_bytes / 2**20),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each of the measurements")
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--workers", default="1,2,4", help="on PostgreSQL: so many, one hub after another")
    options = parser.parse_args()
    if options.store == "sqlite":
        figures = uvloop.run(measure(options.seconds))
    else:
        amounts = [int(amount) for amount in options.workers.split(",")]
        figures = uvloop.run(measure_workers(options.seconds, amounts))
    tell(figures, only_json=options.json)


if __name__ == "__main__":
    main()
