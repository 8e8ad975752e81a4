"""Several workers of one hub on PostgreSQL, under load: workers are killed, or the server is."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossdock.testing.chaos.kills import finish
from crossdock.testing.chaos.landing import FLOWS, Senders, project_of
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import oracle
from crossdock.testing.chaos.reckoning import judge
from crossdock.testing.live import HubProcess
from crossdock.testing.services import Missing, Postgres

KILLS = 6
PERSONS = 40
"""New ones for each kill."""
Harm = Callable[[HubProcess, Postgres, random.Random], str]
"""Does something bad; its name."""


@functools.cache
def lacks() -> str:
    """Why this cannot run here; "" = it can."""
    try:
        with Postgres():
            return ""
    except Missing as missing:
        return str(missing)


def killed(seed: int) -> Ledger:
    """One worker at a time, with SIGKILL."""
    return _trial(random.Random(f"worker/{seed}"), _kill_a_worker)  # noqa: S311 - the seed is the point


def outages(seed: int) -> Ledger:
    """The server, as if its machine had failed; it starts again, and recovers."""
    return _trial(random.Random(f"server/{seed}"), _fail_the_server)  # noqa: S311 - the seed is the point


def _kill_a_worker(hub: HubProcess, _: Postgres, chance: random.Random) -> str:
    pid = hub.process.pid
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(chance.choice(workers)), signal.SIGKILL)
    return "worker" if workers else ""


def _fail_the_server(_: HubProcess, server: Postgres, chance: random.Random) -> str:
    server.stop(signal.SIGQUIT)
    time.sleep(chance.random())
    server.start()
    return "server"


def _trial(chance: random.Random, harm: Harm) -> Ledger:
    ledger = Ledger(trials=1)
    senders = Senders(chance)
    with (
        Postgres(durable=harm is _fail_the_server) as server,
        oracle(chance, FLOWS) as there,
        tempfile.TemporaryDirectory() as folder,
    ):
        project = project_of(Path(folder) / "p", there.urls, server.url)
        with HubProcess(project, "--workers", str(chance.choice((2, 4)))) as hub:
            for _ in range(KILLS):
                there.trouble = chance.choice((0.0, 0.1, 0.2))
                senders.more(PERSONS)
                with ThreadPoolExecutor(1) as pool:
                    sending = pool.submit(senders.send_to, hub)
                    time.sleep(chance.uniform(0.1, 1.5))
                    done = harm(hub, server, chance)
                    sending.result()
                if done:
                    ledger.kills[done] += 1
            there.trouble = 0.0
            hub.process.terminate()
            hub.process.wait(30.0)
        finish(ledger, project, senders)
        asyncio.run(judge(ledger, project, senders, there))
    return ledger
