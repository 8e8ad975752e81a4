"""The loop guard counts messages, whoever reads them how often."""

from msgspec.structs import replace

from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.bounces import MOST, WINDOW_S, Bounces

WRITTEN = CrossReference("acct", "order", "in:1", LinkState.LINKED, remote_id="9", effect_id="e", updated_at=1000.0)


def test_a_message_that_is_read_again_is_no_further_bounce() -> None:
    bounces = Bounces()
    assert not any(bounces.too_many(WRITTEN, "m", 1000.0 + again) for again in range(3 * MOST))


def test_g28_the_sixth_message_within_a_minute_is_one_too_many_and_after_it_none_is() -> None:
    bounces = Bounces()
    assert [bounces.too_many(WRITTEN, f"m{number}", 1001.0) for number in range(MOST + 1)] == [False] * MOST + [True]
    later = 1002.0 + WINDOW_S
    assert not bounces.too_many(replace(WRITTEN, updated_at=later), "m6", later)
