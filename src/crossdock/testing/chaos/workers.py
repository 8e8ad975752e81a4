"""Several workers of one hub on PostgreSQL, under load that does not end while something is done to them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import random
import signal
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from crossdock.testing.chaos.deciding import finish_and_decide
from crossdock.testing.chaos.inbox import ALL, Warehouse
from crossdock.testing.chaos.landing import FLOWS, Senders, project_of
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import oracle
from crossdock.testing.chaos.reckoning import judge
from crossdock.testing.live import HubProcess
from crossdock.testing.services import Missing, Postgres

KILLS = 6
WORKERS = (2, 4)
CALM_S = (0.1, 1.5)
PERSONS = 8
"""New ones each time that somebody sends."""
PAUSE_S = 0.3
LAG_S = 0.5
FAILURES_SAVED = 0.003
TROUBLE = (0.0, 0.1, 0.2)
ENDS_WITHIN_S = 60.0
ENDED = "a worker ended; it is started again"


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
    chance = random.Random(f"worker/{seed}")  # noqa: S311 - the seed is the point
    with Postgres() as server, Trial(chance, server, may_end=True) as trial:
        for _ in range(KILLS):
            trial.calm()
            if workers := trial.workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    trial.ledger.kills["worker"] += 1
    return trial.ledger


class Trial:
    """A hub, its senders and its destinations. Where the block ends, the workers end, another hub finishes what they
    have left, and it is judged. `may_end`: that workers end by then is what was wanted. `timeout_s`: of a request."""

    def __init__(self, chance: random.Random, server: Postgres, *, may_end: bool = False, timeout_s: int = 30) -> None:
        self.ledger = Ledger(trials=1)
        self.chance = chance
        self.senders = Senders(chance)
        self.bulk_bytes = 0
        """size of a message that comes with each handful of others; 0 = none"""
        self.log = ""
        """the workers', once they have ended"""
        self._server = server
        self._may_end = may_end
        self._timeout = f"{timeout_s}s"
        self._over = threading.Event()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            enter = self._stack.enter_context
            self.there = enter(oracle(self.chance, FLOWS))
            self.there.lag_s, self.there.saves_failures = LAG_S, FAILURES_SAVED
            folder = Path(enter(tempfile.TemporaryDirectory())) / "p"
            self._project = project_of(folder, self.there.urls, self._server.url, self._timeout)
            self._warehouse = Warehouse(self._server.url)
            self._warehouse.join(self._project, timeout=self._timeout)
            self.hub = enter(HubProcess(self._project, "--workers", str(self.chance.choice(WORKERS))))
            self._sending: Future[None] = enter(ThreadPoolExecutor(1)).submit(self._send)
            self._stack.callback(self._over.set)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._stack:
            if kind is None:
                self._end()

    @property
    def workers(self) -> list[int]:
        """Their process ids."""
        pid = self.hub.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def calm(self) -> None:
        """For a while nothing is done to the workers; then the destinations behave otherwise than before."""
        time.sleep(self.chance.uniform(*CALM_S))
        self.there.trouble = self.chance.choice(TROUBLE)

    def _send(self) -> None:
        while not self._over.wait(PAUSE_S):
            self.senders.more(PERSONS)
            if self.bulk_bytes:
                self.senders.more(1, size=self.bulk_bytes)
            self.senders.send_to(self.hub)

    def _end(self) -> None:
        self._over.set()
        self._sending.result()
        self.there.trouble = 0.0
        self.hub.process.terminate()
        code = self.hub.process.wait(ENDS_WITHIN_S)
        self.log = self.hub.log
        if code != 0 or (ENDED in self.log and not self._may_end):
            self.ledger.find("ended", f"the workers ended with {code}: {self.log[-500:]}")
        finish_and_decide(self.ledger, self._project, self.senders, self.there, ALL)
        self._warehouse.tell(self.there)
        asyncio.run(judge(self.ledger, self._project, self.senders, self.there, ALL))
