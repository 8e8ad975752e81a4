"""How often something was tried, as a person counts."""

import pytest

from crossdock.core.delivery import Delivery, Exchange, tries_of
from crossdock.core.effects import EffectClass


def exchange(step: str, attempts: int, *, revision: int = 0, reads: bool = False) -> Exchange:
    effect = None if reads else EffectClass.UPSERT
    return Exchange(f"{step}{revision}", "d", "out", step, revision, effect, b"", "", attempts=attempts)


@pytest.mark.parametrize(
    ("journal", "tries"),
    [
        ([], 0),
        ([exchange("make", 3)], 3),
        ([exchange("make", 3), exchange("make", 2, revision=1)], 5),
        ([exchange("make", 1), exchange("label", 4)], 4),
        ([exchange("find", 9, reads=True), exchange("make", 1)], 1),
    ],
)
def test_every_time_that_the_change_was_sent_counts(journal: list[Exchange], tries: int) -> None:
    assert tries_of(Delivery("d", "flow", "event", "key", "key", 0, 1), journal) == tries


def test_what_a_batch_no_longer_tells_is_known_from_the_retry_policy() -> None:
    assert tries_of(Delivery("d", "flow", "event", "key", "key", 0, 1, attempts=2), [exchange("make", 1)]) == 2
