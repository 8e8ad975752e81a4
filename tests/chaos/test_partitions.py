"""Workers on machines of their own, and cables that are cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crossdock.testing.chaos import partitions


@pytest.mark.timeout(300)
def test_workers_that_are_cut_off_lose_and_double_nothing(needs: Callable[[str], None]) -> None:
    needs(partitions.lacks())
    ledger = partitions.partitions(1, flaps=1, cut_s=(1.0, 3.0))
    assert ledger.clean, "\n".join(ledger.findings)
    assert (ledger.harms["cut cable"], ledger.harms["cut all cables"]) == (2, 1)
    assert ledger.accepted
