"""PostgreSQL fails under several workers of one hub: it dies, ends its connections, or has none left."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

from crossdock.stores.postgres.opening import driver
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.workers import Trial
from crossdock.testing.live import signup
from crossdock.testing.services import Postgres

Harm = Callable[[Trial, Postgres], None]
HARMS_EACH = 2
CONNECTIONS = 80
"""More than four workers need."""
AWAY_S = (0.0, 3.0)
TERMINATIONS = (2, 5)
EACH_S = 1.0
EXHAUSTED_S = (1.0, 5.0)
RESUMES_WITHIN_S = 10.0
ANSWERS_WITHIN_S = 8.0
LOOK_S = 0.1
_OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND NOT pid = ANY($1::int[])"
_TERMINATE = f"SELECT count(pg_terminate_backend(pid)) {_OTHERS}"


def outages(seed: int, each: int = HARMS_EACH) -> Ledger:
    """Each kind of harm so many times, in any order."""
    chance = random.Random(f"server/{seed}")  # noqa: S311 - the seed is the point
    with Postgres(durable=True, connections=CONNECTIONS) as server, Trial(chance, server) as trial:
        harms: list[Harm] = [dies, ends_connections, has_no_connection] * each
        chance.shuffle(harms)
        for harm in harms:
            trial.calm()
            harm(trial, server)
            _resumes(trial)
        for status in set(trial.senders.statuses) - {200, 503}:
            trial.ledger.find("failed", f"{trial.senders.statuses[status]} requests were answered {status}")
    return trial.ledger


def dies(trial: Trial, server: Postgres) -> None:
    """As if its machine had failed; it starts again, and recovers."""
    server.stop(signal.SIGQUIT)
    _ask(trial, "whose server is dead", {503})
    time.sleep(trial.chance.uniform(*AWAY_S))
    server.start()
    trial.ledger.kills["server"] += 1


def ends_connections(trial: Trial, server: Postgres) -> None:
    """All of them, every second or so."""
    times = trial.chance.randint(*TERMINATIONS)
    trial.ledger.harms["ended all connections"] += asyncio.run(_end_connections(server.url, times, trial.chance))


def has_no_connection(trial: Trial, server: Postgres) -> None:
    """Others take every one that is free, and then those that its own had."""
    asyncio.run(_take_all(trial, server.url))
    trial.ledger.harms["took all connections"] += 1


async def _end_connections(url: str, times: int, chance: random.Random) -> int:
    own = await driver().connect(url)
    for _ in range(times):
        await _end_others([own])
        await asyncio.sleep(EACH_S * chance.uniform(0.5, 1.5))
    await own.close()
    return times


async def _take_all(trial: Trial, url: str) -> None:
    taken = [await driver().connect(url)]
    try:
        while await _end_others(taken):
            await _grab(taken, url)
        ends_at = time.monotonic() + trial.chance.uniform(*EXHAUSTED_S)
        await asyncio.to_thread(_ask, trial, "whose server has no connection left", {503})
        await asyncio.sleep(ends_at - time.monotonic())
    finally:
        await asyncio.gather(*(one.close() for one in taken))


async def _end_others(taken: Sequence[Any]) -> int:
    """All connections but these; how many there were."""
    ended: int = await taken[0].fetchval(_TERMINATE, [one.get_server_pid() for one in taken])
    return ended


async def _grab(taken: list[Any], url: str) -> None:
    """Until there is none left."""
    while True:
        try:
            taken.append(await driver().connect(url))
        except driver().TooManyConnectionsError:
            return


def _ask(trial: Trial, hub: str, right: set[int]) -> None:
    """One that cannot accept says so, and soon."""
    began_at = time.monotonic()
    status = trial.hub.post(signup(f"ask {trial.chance.random()}", type="unheard of"))
    took_s = time.monotonic() - began_at
    if status not in right or took_s > ANSWERS_WITHIN_S:
        trial.ledger.find("failed", f"a hub {hub} answered {status} after {took_s:.1f} s")


def _resumes(trial: Trial) -> None:
    """By itself."""
    began_at = time.monotonic()
    while trial.hub.post(signup(f"resumed {trial.chance.random()}", type="unheard of")) != 200:
        if time.monotonic() > began_at + RESUMES_WITHIN_S:
            trial.ledger.find("stuck", f"nothing is accepted {RESUMES_WITHIN_S:.0f} s after the server was there again")
            return
        time.sleep(LOOK_S)
    trial.ledger.resumed_s = max(trial.ledger.resumed_s, time.monotonic() - began_at)
