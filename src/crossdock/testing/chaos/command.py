"""`python3 dev.py chaos`: the campaigns, for as long as they are given, and the planted bugs."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from crossdock.core import crash, json
from crossdock.testing.chaos import planted
from crossdock.testing.chaos.campaigns import CAMPAIGNS, LATER, Campaign
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.trials import AGAIN, many, one

MOST_SEEDS = 400
"""by which a planted bug must be found"""
SHOWN = 20
LONG_MINUTES = 10.0
"""A run of all campaigns as long as this dies at every crash point, or something is wrong with it."""
INTERRUPTED = 130
NAMED = ("kills", "accepted", "lost", "doubled", "inversions", "stuck", "silent", "held", "planted_caught")
"""How the JSON line begins."""


def main() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    wish = _wish(arguments)
    if wish.planted:
        caught = plants()
        if wish.json:
            _emit(Ledger().as_json(), planted_caught=caught)
        return 0 if caught == len(planted.PLANTS) else 1
    names = [name.strip().upper() for name in wish.campaign.split(",") if name.strip()] or list(CAMPAIGNS)
    unknown = [name for name in names if name not in CAMPAIGNS]
    if unknown:
        told = ", ".join(f"{name} ({LATER[name]})" if name in LATER else name for name in unknown)
        print(f"there is no campaign {told}; there are: {', '.join(CAMPAIGNS)}", file=sys.stderr)
        return 2
    whole = not wish.campaign and wish.seed is None
    return Run(wish, [CAMPAIGNS[name] for name in names], whole=whole).until_the_end()


def _wish(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=AGAIN, description=__doc__)
    parser.add_argument("--campaign", default="", metavar="F18,…", help="only these; else all, and the planted bugs")
    parser.add_argument("--seed", type=int, help="one trial again")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the seed to begin with")
    parser.add_argument("--minutes", type=float, default=1.0, help="for all of them together; each runs its least")
    parser.add_argument("--planted", action="store_true", help="plant known bugs only: each must be found")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    return parser.parse_args(arguments)


class Run:
    """One after another, each for its part of the time. `whole`: all that there is, planted bugs too."""

    def __init__(self, wish: argparse.Namespace, campaigns: Sequence[Campaign], *, whole: bool) -> None:
        self._wish = wish
        self._campaigns = campaigns
        self._whole = whole
        self._ends_at = time.monotonic() + wish.minutes * 60.0
        self._ledgers: dict[str, Ledger] = {}
        self._skipped: list[str] = []
        self._caught: int | None = None

    def until_the_end(self) -> int:
        """The exit code: 0 = nothing is wrong."""
        interrupted = False
        try:
            self._run()
        except KeyboardInterrupt:
            interrupted = True
            print("interrupted: this is what was found until then", file=sys.stderr)
        total = Ledger()
        for ledger in self._ledgers.values():
            total.add(ledger)
        missed = _points(total) if self._whole else []
        if self._wish.json:
            self._say(total, missed, interrupted)
        if interrupted:
            return INTERRUPTED
        through = not (missed and self._wish.minutes >= LONG_MINUTES and not self._skipped)
        all_caught = self._caught in {None, len(planted.PLANTS)}
        return 0 if total.clean and all_caught and through else 1

    def _run(self) -> None:
        if self._whole:
            self._caught = plants()
        able = [campaign for campaign in self._campaigns if not self._skip(campaign)]
        for number, campaign in enumerate(able):
            ledger = self._ledgers[campaign.name] = Ledger()
            try:
                if self._wish.seed is not None:
                    ledger.add(one(campaign.name, self._wish.seed))
                else:
                    left_s = self._ends_at - time.monotonic()
                    part = campaign.weight / sum(other.weight for other in able[number:])
                    many(campaign, left_s * part, self._wish.first, ledger)
            finally:
                _tell(campaign, ledger)

    def _skip(self, campaign: Campaign) -> bool:
        lacks = campaign.lacks()
        if lacks:
            self._skipped.append(campaign.name)
            print(f"{campaign.name:4} skipped: {campaign.title}: {lacks}", file=sys.stderr)
        return bool(lacks)

    def _say(self, total: Ledger, missed: Sequence[str], interrupted: bool) -> None:
        ledgers = self._ledgers.items()
        _emit(
            total.as_json(),
            planted_caught=self._caught,
            trials=total.trials,
            kills_of_processes=sum(one.kills.total() for name, one in ledgers if CAMPAIGNS[name].alone),
            campaigns={name: _figures(one) for name, one in ledgers},
            points_missed=missed,
            skipped=self._skipped,
            **({"interrupted": True} if interrupted else {}),
        )


def plants() -> int:
    """Plants each known bug; how many were caught."""
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
    bound = f", so fewer than {3 / ledger.trials:.2%} of trials go wrong" if ledger.trials > 3 and ledger.clean else ""
    harms = "".join(f", {amount} x {kind}" for kind, amount in ledger.harms.items())
    amounts = f"{ledger.trials:6} trials, {ledger.kills.total():6} kills{harms}"
    print(f"{campaign.name:4} {amounts}: {wrong}{bound}  ({campaign.title})", file=sys.stderr, flush=True)
    for finding in ledger.findings[:SHOWN]:
        print(f"     {finding}", file=sys.stderr)
    if len(ledger.findings) > SHOWN:
        print(f"     … and {len(ledger.findings) - SHOWN} more", file=sys.stderr, flush=True)


def _points(total: Ledger) -> list[str]:
    """Tells which crash points were died at; those that were not."""
    missed = [point for point in crash.POINTS if not total.kills[point]]
    print(f"died at {len(crash.POINTS) - len(missed)} of {len(crash.POINTS)} crash points", file=sys.stderr)
    if missed:
        print(f"never at: {', '.join(missed)}", file=sys.stderr)
    return missed


def _figures(ledger: Ledger) -> Mapping[str, int]:
    return {
        "trials": ledger.trials,
        "kills": ledger.kills.total(),
        "harms": ledger.harms.total(),
        "accepted": ledger.accepted,
        "wrong": ledger.wrong.total(),
    }


def _emit(figures: Mapping[str, Any], **more: Any) -> None:
    said = {**figures, **more}
    print(json.encode({name: said.pop(name) for name in NAMED} | said).decode(), flush=True)
