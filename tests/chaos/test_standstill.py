"""Workers that stand still for longer than their lease."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crossdock.testing.chaos import standstill, workers


@pytest.mark.timeout(300)
def test_g10_a_worker_that_goes_on_after_others_took_its_place_does_no_harm_and_g25_all_are_replaced_amid_it(
    needs: Callable[[str], None],
) -> None:
    needs(workers.lacks())
    ledger = standstill.standstills(1, stops=1, still_s=(12.0, 12.0))
    assert ledger.clean, "python3 dev.py chaos --campaign F15P --seed 1\n" + "\n".join(ledger.findings)
    assert ledger.harms["stood still"] == ledger.harms["replaced every worker"] == 1
    assert ledger.accepted
