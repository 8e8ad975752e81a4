"""Workers of one hub stand still until others have taken their place, and then go on; and are replaced, one by one."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import time
from collections.abc import Sequence

from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.workers import Trial
from crossdock.testing.services import Postgres

TIMEOUTS_S = (5, 20)
"""Of a request: a successor waits so long, and half a minute more, for what an overtaken worker may have under way. The
longer one is longer than a lease."""
DAWDLES, DAWDLE = 0.1, 0.8
"""Of so many requests the destinations take up to this part of it."""
STOPS = 3
STILL_S = (12.0, 20.0)
"""Longer than a lease."""
LONG_S = 60.0
LONG_SHARE = 0.1
BULK_BYTES = 400_000
"""A body that a socket does not take at once: a worker may stop amid it."""
REPLACED_WITHIN_S = 60.0
REPLACED = "every worker was replaced"
OVERTAKEN = re.compile(r"another worker has taken this one's place.*\"works\":(\d+)")
"""In a worker's log."""


def standstills(seed: int, stops: int = STOPS, still_s: tuple[float, float] = STILL_S) -> Ledger:
    chance = random.Random(f"standstill/{seed}")  # noqa: S311 - the seed is the point
    timeout_s = chance.choice(TIMEOUTS_S)
    with Postgres() as server, Trial(chance, server, timeout_s=timeout_s) as trial:
        trial.there.dawdles, trial.there.dawdle_s = DAWDLES, DAWDLE * timeout_s
        for _ in range(stops):
            trial.bulk_bytes = chance.choice((0, BULK_BYTES))
            trial.calm()
            _stand_still(trial, LONG_S if chance.random() < LONG_SHARE else chance.uniform(*still_s))
        trial.there.dawdle_s = 0.0
        time.sleep(DAWDLE * timeout_s)
        _replace(trial)
    trial.ledger.fenced += overtaken([trial.log])
    return trial.ledger


def overtaken(logs: Sequence[str]) -> int:
    """Commits that were refused, by the workers' own word."""
    return sum(int(amount) for log in logs for amount in OVERTAKEN.findall(log))


def _stand_still(trial: Trial, seconds: float) -> None:
    pid = trial.chance.choice(trial.workers)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    trial.ledger.harms["stood still"] += 1


def _replace(trial: Trial) -> None:
    """One after another, without a request that fails."""
    trial.calm()
    before = trial.senders.statuses.copy()
    trial.hub.process.send_signal(signal.SIGHUP)
    ends_at = time.monotonic() + REPLACED_WITHIN_S
    while REPLACED not in trial.hub.log:
        if time.monotonic() > ends_at:
            trial.ledger.find("stuck", f"not every worker was replaced within {REPLACED_WITHIN_S:.0f} s")
            return
        time.sleep(0.1)
    trial.ledger.harms["replaced every worker"] += 1
    for status, amount in (trial.senders.statuses - before).items():
        if status != 200:
            trial.ledger.find("failed", f"{amount} requests were answered {status} while workers were replaced")
