"""Two thousand hubs in virtual time, each with its own traffic, faults and crashes."""

from __future__ import annotations

import pytest

from crossdock.core.crash import POINTS
from crossdock.engine import recover
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.simulate import REAL_ONLY, simulate

SEEDS = 2_000
CHUNK = 100
AGAIN = "python3 dev.py chaos --campaign F18 --seed"


@pytest.fixture(scope="module")
def total() -> Ledger:
    return Ledger()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_nothing_is_lost_doubled_turned_round_stuck_or_silent(first: int, total: Ledger) -> None:
    here = Ledger()
    for seed in range(first, first + CHUNK):
        here.add(simulate(seed), f"{AGAIN} {seed}: ")
    total.add(here)
    assert here.clean, "\n".join(here.findings)


def test_hubs_died_at_every_crash_point_that_a_simulation_has(total: Ledger) -> None:
    if total.trials < SEEDS:
        pytest.skip(f"only after all {SEEDS} seeds")
    missed = [point for point in POINTS if point not in REAL_ONLY and not total.kills[point]]
    assert not missed


def test_the_same_seed_gives_the_same_run() -> None:
    assert vars(simulate(7)) == vars(simulate(7))


@pytest.mark.timeout(120)
def test_a_successor_that_does_not_wait_for_what_a_lost_worker_began_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else nothing says that F15 tries it: what stood still, or was cut off, seldom sends at the wrong moment."""
    monkeypatch.setattr(recover, "_longest_s", lambda *_: 0.0)
    assert any(simulate(seed, zombies=True).wrong for seed in range(300))
