"""What the store acknowledged is there after kill -9, whole and gapless."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossdock.core.lanes import lanes_of
from crossdock.core.message import Message
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.disks import sqlite

KILLS = 8
WRITER = """
import asyncio, os, sys
from crossdock.core.work import Count, Work
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.store_promises import samples as a

async def work(store, run, line):
    number = 0
    while True:
        name = f"{run}/{line}/{number}"
        message = a.message(name, hint=f"h{number % 50}")
        await store.apply(Work(
            name,
            payloads=(a.payload(name),),
            arrivals=(a.arrival(name),),
            messages=(message,),
            counts=(Count("connection/shop", "accepted", 1),),
        ))
        os.write(1, f"{name}\\n".encode())  # one write: a kill leaves a line whole or absent
        number += 1

async def main():
    store = SqliteStore(sys.argv[1])
    os.write(1, b"ready\\n")
    await asyncio.gather(*(work(store, sys.argv[2], line) for line in range(16)))

asyncio.run(main())
"""


def run_until_killed(path: Path, run: int, after_s: float) -> list[str]:
    """The names that a writing process acknowledged before it was killed."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(run)], stdout=subprocess.PIPE) as hub:
        assert hub.stdout
        assert hub.stdout.readline() == b"ready\n", "the store opens after every kill"
        time.sleep(after_s)
        hub.send_signal(signal.SIGKILL)
        return hub.stdout.read().decode().splitlines()


@pytest.mark.timeout(60)
def test_g01_every_acknowledged_work_survives_kill_9(tmp_path: Path) -> None:
    path, chance = tmp_path / "hub.db", random.Random(20)
    acknowledged: list[str] = []
    for run in range(KILLS):
        acknowledged += run_until_killed(path, run, chance.uniform(0.0, 0.25))
    assert acknowledged, "a run in which nothing was written shows nothing"
    asyncio.run(_everything_is_there(path, acknowledged))
    assert sqlite(path).pragma("integrity_check") == "ok"


async def _everything_is_there(path: Path, acknowledged: list[str]) -> None:
    store = SqliteStore(path)
    lost = [name for name in acknowledged if not await store.applied(name)]
    assert not lost
    heads = await store.heads("inbox/shop")
    lanes = lanes_of("normalise", "inbox/shop")
    read: list[Message] = []
    after = dict.fromkeys(lanes, 0)
    while rows := await store.read(after, 1000):
        for row in rows:
            assert isinstance(row, Message)
            assert row.number == after[lanes[row.partition]] + 1
            after[lanes[row.partition]] = row.number
            read.append(row)
    assert list(after.values()) == list(heads)
    assert len(read) >= len(acknowledged)
    assert (await store.counts())["connection/shop", "accepted"] == len(read)
    assert (await store.tallies())["message", "shop", "received"] == len(read)
    assert len(await store.payloads([row.body for row in read])) == len(read)
    await store.close()
