"""Bits that flip in a store while no hub runs."""

from __future__ import annotations

from crossdock.testing.chaos import bits
from crossdock.testing.chaos.ledger import Ledger


def test_a_bit_that_flipped_is_noticed_or_changes_nothing() -> None:
    total = Ledger()
    for seed in range(8):
        total.add(bits.flips(seed, 15), f"python3 dev.py chaos --campaign F6 --seed {seed}: ")
    assert total.clean, "\n".join(total.findings)
    assert 0 < total.effects < total.accepted, "some hubs ended before they had done everything"
