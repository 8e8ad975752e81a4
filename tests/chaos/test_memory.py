"""A hub whose memory is taken away while it works."""

from __future__ import annotations

import pytest

from crossdock.testing.chaos import memory


@pytest.mark.skipif(bool(memory.lacks()), reason=memory.lacks())
@pytest.mark.timeout(120)
def test_g15_a_hub_that_is_ever_shorter_of_memory_loses_nothing_and_blames_no_message_for_it() -> None:
    ledger = memory.shortages(3, lives=1)
    assert ledger.clean, "\n".join(ledger.findings)
    assert ledger.kills["memory"]
