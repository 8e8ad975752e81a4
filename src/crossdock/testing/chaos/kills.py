"""Real hubs, killed with SIGKILL: at every named point that a process with a socket and a file passes, and at moments.
One trial is one project that lives through several hubs."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossdock.testing.chaos.deciding import finish_and_decide
from crossdock.testing.chaos.inbox import ALL, Warehouse
from crossdock.testing.chaos.landing import FLOWS, Senders, project_of
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import Oracle, oracle
from crossdock.testing.chaos.reckoning import judge
from crossdock.testing.live import HubProcess, signup
from crossdock.testing.services import Postgres

KILLS = 5
LAG_S = 0.5
"""Half of what the flow gives the destination to show a record."""
FAILURES_SAVED = 0.05
"""Ten times as rare under load."""
POINT_WITHIN_S = 10.0
"""A hub that has not come to its point by then is killed where it is."""
LOG_BYTES = 9_000_000
LOGFULS = 8
"""Bodies that fill the store's log until it is copied into its file."""

POINTS = (
    *("ingest.read", "ingest.inserted", "ingest.committed", "ingest.acked", "dedupe.hit", "blob.written"),
    *("claim.leased", "map.done", "events.committed", "plan.committed", "intent.committed", "send.mid_body"),
    *("response.read", "send.done", "outcome.committed", "xref.written", "retry.scheduled", "dlq.moved"),
    *("shutdown.drain", "checkpoint.start", "migrate.step"),
)
"""The rest needs a connector with polls, batches or tokens, or a person: the simulation has those."""
SEEDS = -(-len(POINTS) // KILLS)
BIG_BYTES = 1_300_000
"""A body of more than one chunk of a payload, and more than a socket takes at once."""


def kills(seed: int) -> Ledger:
    """Several points of `POINTS`; SEEDS seeds in a row come to all of them."""
    chance = random.Random(f"kill/{seed}")  # noqa: S311 - the seed is the point
    points = [POINTS[(seed * KILLS + number) % len(POINTS)] for number in range(KILLS)]
    points.sort(key=lambda point: point != "migrate.step")  # a store is only migrated once
    return _trial(chance, points)


def kills_on_postgres(seed: int) -> Ledger:
    """The same on PostgreSQL, whose log is its own business."""
    chance = random.Random(f"kill/postgres/{seed}")  # noqa: S311 - the seed is the point
    points = [point for point in POINTS if point not in {"checkpoint.start", "migrate.step", "blob.written"}]
    with Postgres() as server:
        return _trial(chance, [points[(seed * KILLS + number) % len(points)] for number in range(KILLS)], server.url)


def moments(seed: int) -> Ledger:
    """At no point in particular, under load."""
    chance = random.Random(f"moment/{seed}")  # noqa: S311 - the seed is the point
    return _trial(chance, [""] * KILLS)


def _trial(chance: random.Random, points: Sequence[str], store: str = "") -> Ledger:
    ledger = Ledger(trials=1)
    senders = Senders(chance)
    with oracle(chance, FLOWS) as there, tempfile.TemporaryDirectory() as folder:
        there.lag_s, there.saves_failures = LAG_S, FAILURES_SAVED if points[0] else FAILURES_SAVED / 10
        project = project_of(Path(folder) / "p", there.urls, store)
        warehouse = Warehouse(store, Path(folder) / "warehouse.db")
        warehouse.join(project)
        for point in points:
            there.trouble = chance.choice((0.0, 0.1, 0.3))
            there.busy = 0.5 if point == "retry.scheduled" else 0.0
            if _life(project, senders, there, point, chance, POINT_WITHIN_S):
                ledger.kills[point or "moment"] += 1
        there.trouble = there.busy = 0.0
        finish_and_decide(ledger, project, senders, there, ALL)
        warehouse.tell(there)
        asyncio.run(judge(ledger, project, senders, there, ALL))
    return ledger


def _life(project: Path, senders: Senders, there: Oracle, point: str, chance: random.Random, within_s: float) -> bool:
    """One hub; whether it died of its point."""
    passage = 1 if point in _ONCE else chance.randint(1, 4)
    by_itself = point and point != "send.mid_body"
    environment = {"CROSSDOCK_CRASH": f"{point}:{passage}"} if by_itself else {}
    if point == "migrate.step":
        for file in (project / ".crossdock").glob("production.db*"):
            file.rename(file.with_name(f"kept-{file.name}"))
    with HubProcess(project, environment=environment) as hub:
        if hub.ready:
            there.kills = hub.process.pid if point == "send.mid_body" else 0
            with ThreadPoolExecutor(1) as pool:
                sending = pool.submit(_feed, senders, hub, point, chance)
                if not point:
                    time.sleep(chance.random() * 0.7)
                    hub.process.kill()
                sending.result()
            if point == "shutdown.drain":
                hub.process.terminate()
        died = _wait(hub.process, within_s) == -signal.SIGKILL
    there.kills = 0
    if point == "migrate.step":
        for file in (project / ".crossdock").glob("production.db*"):
            file.unlink()
        for file in (project / ".crossdock").glob("kept-*"):
            file.rename(file.with_name(file.name.removeprefix("kept-")))
    return died


_ONCE = frozenset(
    {"shutdown.drain", "checkpoint.start", "migrate.step", "claim.leased", "dlq.moved", "blob.written"}
    | {"retry.scheduled"}
)


def _feed(senders: Senders, hub: HubProcess, point: str, chance: random.Random) -> None:
    """Something of what the point needs, among other things."""
    if point in {"blob.written", "send.mid_body"}:
        senders.more(1, size=BIG_BYTES)
    if point == "dlq.moved":
        senders.more(1, bad=True)
    senders.more(chance.randint(4, 10) if point else 60)
    senders.send_to(hub)
    if point == "checkpoint.start":
        for number in range(LOGFULS):
            hub.post(signup(f"log {number} {chance.random()}", type="unheard of", ballast="x" * LOG_BYTES))


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
