"""Power that goes at any write, and a disk that fails at any."""

from __future__ import annotations

from crossdock.testing.chaos import disk


def test_g01_what_was_acknowledged_is_there_after_a_power_cut_at_any_write() -> None:
    ledger = disk.power_cuts(seed=1, cuts=150)
    assert ledger.clean, ledger.findings
    assert ledger.accepted > ledger.trials


def test_g02_a_disk_that_fails_acknowledges_nothing_that_is_not_there() -> None:
    ledger = disk.faults(seed=1, points=25)
    assert ledger.clean, ledger.findings
    assert ledger.accepted
