"""Power that goes under a real file system, and a disk that others fill: both need root, to mount one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crossdock.testing.chaos import filling, power


def test_g01_what_was_acknowledged_is_there_after_a_power_cut_under_a_real_file_system(
    needs: Callable[[str], None],
) -> None:
    needs(power.lacks())
    for seed in range(2):  # one of each kind of file system, where there are two
        ledger = power.cuts(seed, 2)
        assert ledger.clean, f"python3 dev.py chaos --campaign F3L --seed {seed}\n" + "\n".join(ledger.findings)


def test_a_store_that_does_not_flush_is_found_out_by_a_power_cut(needs: Callable[[str], None]) -> None:
    needs(power.lacks())
    assert any(power.cuts(seed, flushed=False).wrong["lost"] for seed in range(6))


@pytest.mark.timeout(120)
def test_g17_a_hub_on_a_disk_that_is_filled_under_load_loses_nothing_and_goes_on_by_itself(
    needs: Callable[[str], None],
) -> None:
    needs(filling.lacks())
    ledger = filling.fills(2)
    assert ledger.clean, "python3 dev.py chaos --campaign F5 --seed 2\n" + "\n".join(ledger.findings)
    assert ledger.harms["full disk"]
