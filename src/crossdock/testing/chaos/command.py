"""`python3 dev.py chaos`: the campaigns, for as long as they are given, and the planted bugs."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import NoReturn

from crossdock.core import crash, json
from crossdock.testing.chaos import planted
from crossdock.testing.chaos.campaigns import CAMPAIGNS, LATER, Campaign
from crossdock.testing.chaos.ledger import Ledger

MOST_SEEDS = 400
"""by which a planted bug must be found"""
SHOWN = 20
AGAIN = "python3 dev.py chaos"


def main() -> NoReturn:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    wish = _wish(arguments)
    if wish.planted:
        caught = _plants()
        if wish.json:
            _emit({**Ledger().as_json(), "planted_caught": caught})
        return 0 if caught == len(planted.PLANTS) else 1
    names = [name.strip().upper() for name in wish.campaign.split(",") if name.strip()] or list(CAMPAIGNS)
    unknown = [name for name in names if name not in CAMPAIGNS]
    if unknown:
        told = ", ".join(f"{name} ({LATER[name]})" if name in LATER else name for name in unknown)
        print(f"there is no campaign {told}; there are: {', '.join(CAMPAIGNS)}", file=sys.stderr)
        return 2
    total = Ledger()
    chosen = [CAMPAIGNS[name] for name in names]
    able = [one for one in chosen if not _skipped(one)]
    for number, campaign in enumerate(able):
        share_s = (wish.minutes * 60.0 - (time.monotonic() - _BEGAN)) / (len(able) - number)
        ledger = _one(campaign, wish.seed) if wish.seed is not None else _campaign(campaign, share_s, wish.first)
        _tell(campaign, ledger)
        total.add(ledger, f"{campaign.name} ")
    for finding in total.findings[:SHOWN]:
        print(finding, file=sys.stderr)
    if len(total.findings) > SHOWN:
        print(f"… and {len(total.findings) - SHOWN} more", file=sys.stderr)
    _points(total)
    if wish.json:
        _emit({**total.as_json(), "planted_caught": None, "trials": total.trials})
    return 0 if total.clean else 1


_BEGAN = time.monotonic()


def _wish(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=AGAIN, description=__doc__)
    parser.add_argument("--campaign", default="", metavar="F18,…", help="only these; else all that can run here")
    parser.add_argument("--seed", type=int, help="one trial again")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the seed to begin with")
    parser.add_argument("--minutes", type=float, default=1.0, help="for all of them together; each runs its least")
    parser.add_argument("--planted", action="store_true", help="plant known bugs instead: each must be found")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    return parser.parse_args(arguments)


def _skipped(campaign: Campaign) -> bool:
    lacks = campaign.lacks()
    if lacks:
        print(f"{campaign.name:4} skipped: {campaign.title} {lacks}", file=sys.stderr)
    return bool(lacks)


# --- trials -------------------------------------------------------------------------------------------------------


def _campaign(campaign: Campaign, share_s: float, first: int) -> Ledger:
    """Trials on every core until its time is over."""
    ends_at = time.monotonic() + share_s
    total = Ledger()
    cores = 1 if campaign.alone else os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=_quiet) as pool:
        seeds = iter(range(first, sys.maxsize))
        running = {
            pool.submit(_trial, campaign.name, seed): seed for seed, _ in zip(seeds, range(cores * 2), strict=False)
        }
        begun = len(running)
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                _gather(total, campaign, running.pop(future), future)
                if begun < campaign.least or time.monotonic() < ends_at:
                    seed = next(seeds)
                    running[pool.submit(_trial, campaign.name, seed)] = seed
                    begun += 1
    return total


def _gather(total: Ledger, campaign: Campaign, seed: int, future: Future[Ledger]) -> None:
    again = f"   again: {AGAIN} --campaign {campaign.name} --seed {seed}"
    ledger = future.result()
    ledger.findings = [f"{finding}{again}" for finding in ledger.findings]
    total.add(ledger, f"seed {seed}: ")


def _quiet() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _trial(name: str, seed: int) -> Ledger:
    """What breaks the suite itself is a finding too."""
    try:
        return CAMPAIGNS[name].trial(seed)
    except Exception as error:
        ledger = Ledger(trials=1)
        ledger.find("broken", f"{type(error).__name__}: {error}")
        return ledger


def _one(campaign: Campaign, seed: int) -> Ledger:
    total = Ledger()
    ledger = _trial(campaign.name, seed)
    total.add(ledger, f"seed {seed}: ")
    return total


# --- planted bugs -------------------------------------------------------------------------------------------------


def _plants() -> int:
    caught = 0
    for name, plant in planted.PLANTS.items():
        seed = plant.caught(range(MOST_SEEDS))
        caught += seed is not None
        how = f"caught by seed {seed}" if seed is not None else f"NOT caught by {MOST_SEEDS} seeds"
        print(f"{name:22} {how:24} {plant.what}", file=sys.stderr)
    for name, part in planted.LATER.items():
        print(f"{name:22} {'comes with ' + part:24}", file=sys.stderr)
    print(f"{caught} of {len(planted.PLANTS)} planted bugs caught", file=sys.stderr)
    return caught


# --- words --------------------------------------------------------------------------------------------------------


def _tell(campaign: Campaign, ledger: Ledger) -> None:
    wrong = ", ".join(f"{amount} {kind}" for kind, amount in ledger.wrong.items() if amount) or "nothing wrong"
    bound = f", so fewer than {3 / ledger.trials:.2%} of trials go wrong" if ledger.trials and ledger.clean else ""
    amounts = f"{ledger.trials:6} trials, {ledger.kills.total():6} kills"
    print(f"{campaign.name:4} {amounts}: {wrong}{bound}  ({campaign.title})", file=sys.stderr)


def _points(total: Ledger) -> None:
    """Which crash points were died at, and which never."""
    here = [point for point in crash.POINTS if total.kills[point]]
    print(f"died at {len(here)} of {len(crash.POINTS)} crash points", file=sys.stderr)
    missed = [point for point in crash.POINTS if not total.kills[point]]
    if missed:
        print(f"never at: {', '.join(missed)}", file=sys.stderr)


def _emit(said: dict[str, object]) -> None:
    print(json.encode(said).decode(), flush=True)
