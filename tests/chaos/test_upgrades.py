"""Stores with live rows, brought up to date by a program that is killed on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crossdock.testing.chaos import upgrades, workers

ROWS = 2_000


@pytest.mark.timeout(120)
def test_g26_a_full_store_whose_upgrade_is_killed_loses_nothing() -> None:
    ledger = upgrades.sqlite_stores(0, ROWS, kills=2)
    assert ledger.clean, "\n".join(ledger.findings)
    assert ledger.kills["migrate.step"] == 1


@pytest.mark.timeout(120)
def test_g26_a_full_store_on_postgresql_whose_upgrade_is_killed_loses_nothing(needs: Callable[[str], None]) -> None:
    needs(workers.lacks())
    ledger = upgrades.postgres_stores(0, ROWS, kills=2)
    assert ledger.clean, "\n".join(ledger.findings)
    assert ledger.kills["migrate.step"] == 1
