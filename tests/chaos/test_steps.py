"""Any steps in any order, on both stores; and the model notices what is wrong."""

from __future__ import annotations

import pytest

from crossdock.testing.chaos.planted import PLANTS
from crossdock.testing.chaos.stateful.machine import on_postgres, on_sqlite

AGAIN = "python3 dev.py chaos --campaign"


@pytest.mark.timeout(120)
def test_after_any_steps_a_hub_on_sqlite_is_where_the_model_is() -> None:
    ledger = on_sqlite(0, 40)
    assert ledger.clean, "\n".join([f"{AGAIN} F17 --seed 0", *ledger.findings])
    assert ledger.accepted


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("server")
def test_after_any_steps_a_hub_on_postgresql_is_where_the_model_is() -> None:
    ledger = on_postgres(0, 5)
    assert ledger.clean, "\n".join([f"{AGAIN} F17P --seed 0", *ledger.findings])
    assert ledger.trials


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "name", ["unknown-is-failed", "new-key-per-attempt", "order-lost-on-retry", "purge-before-settle"]
)
def test_a_planted_bug_is_noticed_by_the_model(name: str) -> None:
    with PLANTS[name].planted():
        assert any(on_sqlite(seed, shrink=False).wrong for seed in range(4))
