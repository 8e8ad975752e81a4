"""PostgreSQL fails under several workers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crossdock.testing.chaos import outages, workers


@pytest.mark.timeout(300)
def test_g18_a_server_that_dies_or_ends_or_lacks_connections_costs_nothing_and_intake_says_503(
    needs: Callable[[str], None],
) -> None:
    needs(workers.lacks())
    ledger = outages.outages(1, each=1)
    assert ledger.clean, "python3 dev.py chaos --campaign F11 --seed 1\n" + "\n".join(ledger.findings)
    assert ledger.kills["server"] == ledger.harms["took all connections"] == 1
    assert ledger.harms["ended all connections"] >= outages.TERMINATIONS[0]
    assert ledger.accepted
