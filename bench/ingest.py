"""How fast webhooks are made durable and acknowledged.

    python bench/ingest.py [--seconds N] [--backlog N] [--store postgresql] [--json]

64 connections, HMAC, SQLite with synchronous=FULL; `ratio` is to the same endpoint without a store in the same run: the
same server, the same body and the same signature check. `to_bare` is to the same endpoint with a group commit and
nothing else of a hub (`_bare.py`): what the libraries leave to be had. Nothing is delivered meanwhile: the backlog
grows, and `memory_growth_mib` tells what `backlog` more waiting events cost in memory, `p99_ratio` what they cost the
sender: p99 with them over p99 before.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from pathlib import Path

import uvloop
from _figures import tell
from _hub import RunningHub, free_port, write_project
from _wire import bare, listening, must_be_200, open_senders, order, percentile, signed_post

from crossdock.testing.services import Postgres

CONNECTIONS = 64
NUMBERS = itertools.count(1)


async def load(port: int, *, seconds: float = 0.0, amount: int = 0) -> tuple[float, list[float]]:
    """For `seconds`, or until `amount` are acknowledged: (acknowledgements/s, how long each took in s)."""
    took: list[float] = []
    sent = 0
    started_at = time.perf_counter()
    ends_at = started_at + seconds if seconds else float("inf")

    def next_request() -> bytes | None:
        nonlocal sent
        if time.perf_counter() > ends_at or (amount and sent >= amount):
            return None
        sent += 1
        return signed_post("/hooks/shop", order(next(NUMBERS), time.time()))

    def answered(status: int, seconds: float) -> None:
        must_be_200(status)
        took.append(seconds)

    senders = await open_senders(port, CONNECTIONS, next_request, answered)
    while len(took) < sent or (time.perf_counter() < ends_at and not amount):
        await asyncio.sleep(0.01)
    rate = len(took) / (time.perf_counter() - started_at)
    for sender in senders:
        sender.close()
    return rate, took


async def bare_rate(seconds: float, *, durable: bool) -> float:
    """Acknowledgements/s of the bare endpoint, with or without a store."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as name:
        process = bare(port, *([str(Path(name) / "bare.db")] if durable else []))
        try:
            await listening(port)
            await load(port, seconds=min(seconds, 1.0))
            rate, _ = await load(port, seconds=seconds)
            return rate
        finally:
            process.kill()
            process.wait()


async def measure(seconds: float, backlog: int, store: str = "") -> dict[str, float]:
    """`store`: in place of a SQLite file."""
    with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as name:
        folder, port = Path(name), free_port()
        write_project(folder, port=port, sink=free_port(), store=store)
        with RunningHub(folder, port) as hub:
            await load(port, seconds=min(seconds, 1.0))
            acks_per_s, took = await load(port, seconds=seconds)
            await load(port, amount=5_000)
            before = hub.memory_bytes()
            await load(port, amount=backlog)
            grown = hub.memory_bytes() - before
            _, took_behind = await load(port, seconds=seconds)
    storeless_per_s, bare_per_s = await bare_rate(seconds, durable=False), await bare_rate(seconds, durable=True)
    return {
        "acks_per_s": round(acks_per_s),
        "ratio": round(acks_per_s / storeless_per_s, 3),
        "to_bare": round(acks_per_s / bare_per_s, 3),
        "p50_ms": round(percentile(took, 0.5) * 1000, 2),
        "p99_ms": round(percentile(took, 0.99) * 1000, 2),
        "backlog": backlog,
        "p99_ratio": round(percentile(took_behind, 0.99) / percentile(took, 0.99), 2),
        "memory_growth_mib": round(grown / 2**20, 1),
        "storeless_per_s": round(storeless_per_s),
        "bare_durable_per_s": round(bare_per_s),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each of the measurements")
    parser.add_argument("--backlog", type=int, default=200_000, help="waiting events whose memory is measured")
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--json", action="store_true", help="only the last line")
    options = parser.parse_args()
    if options.store == "sqlite":
        figures = uvloop.run(measure(options.seconds, options.backlog))
    else:
        with Postgres(durable=True) as postgres:
            figures = uvloop.run(measure(options.seconds, options.backlog, postgres.url))
    tell(figures, only_json=options.json)


if __name__ == "__main__":
    main()
