"""Real hubs and SIGKILL: at every named point that a process has, and at moments."""

from __future__ import annotations

import pytest

from crossdock.core.crash import POINTS
from crossdock.testing.chaos import kills
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.simulate import REAL_ONLY

died: Ledger = Ledger()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(kills.SEEDS))
def test_a_hub_killed_at_its_named_points_loses_and_doubles_nothing(seed: int) -> None:
    ledger = kills.kills(seed)
    died.add(ledger)
    assert ledger.clean, f"python3 dev.py chaos --campaign F1 --seed {seed}\n" + "\n".join(ledger.findings)


def test_real_hubs_died_at_every_point_that_only_they_have() -> None:
    if died.trials < kills.SEEDS:
        pytest.skip(f"only after all {kills.SEEDS} seeds")
    assert not [point for point in kills.POINTS if not died.kills[point]]


def test_every_named_point_belongs_to_the_simulation_or_to_real_hubs() -> None:
    assert set(kills.POINTS) >= REAL_ONLY
    assert set(kills.POINTS) <= set(POINTS)


@pytest.mark.timeout(120)
def test_a_hub_killed_at_moments_under_load_loses_and_doubles_nothing() -> None:
    ledger = kills.moments(1)
    assert ledger.clean, ledger.findings
    assert ledger.kills["moment"] == kills.KILLS
