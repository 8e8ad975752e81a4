"""Many trials of one campaign, beside one another, for as long as they are given; Ctrl-C ends them clean."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import NoReturn

from crossdock.testing.chaos.campaigns import CAMPAIGNS, Campaign
from crossdock.testing.chaos.ledger import Ledger

AGAIN = "python3 dev.py chaos"


def one(name: str, seed: int) -> Ledger:
    """What breaks the suite itself is a finding too."""
    try:
        ledger = CAMPAIGNS[name].trial(seed)
    except Exception as error:
        ledger = Ledger(trials=1)
        ledger.find("broken", f"{type(error).__name__}: {error}")
    again = f"   again: {AGAIN} --campaign {name} --seed {seed}"
    ledger.findings = [f"{name} seed {seed}: {finding}{again}" for finding in ledger.findings]
    return ledger


def many(campaign: Campaign, seconds: float, first: int, total: Ledger) -> None:
    """Adds to `total` as they end, one seed after another: its least number of them, and more until its time is over.
    Where it is interrupted, what runs is ended with all that it has started, and what was found is in `total`."""
    at_once = campaign.at_once if campaign.alone else os.cpu_count() or 1
    pool = ProcessPoolExecutor(at_once, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        _run(pool, campaign, at_once, _until(campaign.least, seconds), first, total)
    except BrokenProcessPool as broken:
        total.find("broken", f"{campaign.name}: a process of the suite was killed: {broken}")
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _until(least: int, seconds: float) -> Callable[[int], bool]:
    ends_at = time.monotonic() + seconds
    return lambda begun: begun < least or time.monotonic() < ends_at


def _run(
    pool: ProcessPoolExecutor,
    campaign: Campaign,
    at_once: int,
    more: Callable[[int], bool],
    first: int,
    total: Ledger,
) -> None:
    ahead = at_once if campaign.alone else 2 * at_once
    running: set[Future[Ledger]] = set()
    begun = 0
    while True:
        while len(running) < ahead and more(begun):
            running.add(pool.submit(one, campaign.name, first + begun))
            begun += 1
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            total.add(future.result())


def _begin() -> None:
    """A trial's process leaves Ctrl-C to the command, which ends it by SIGTERM: what it has started ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)


def _end(*_: object) -> NoReturn:
    sys.exit(1)
