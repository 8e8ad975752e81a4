"""What an unknown outcome is followed by."""

from __future__ import annotations

from typing import Any

import pytest

from crossdock.core.effects import EffectClass
from crossdock.core.resolution import Hold, LookUp, Resend, guarantee_of, resolve_unknown

K, U, L, N = EffectClass.NATIVE_KEY, EffectClass.UPSERT, EffectClass.LOOKUP, EffectClass.NONE
NOW = 1_790_000_000.0
FACTS: dict[str, Any] = {
    "first_sent_at": NOW - 10,
    "unknown_at": NOW,
    "now": NOW,
    "unknowns": 1,
    "most_resends": 6,
    "key_retention_s": 86_400.0,
    "settle_s": 30.0,
    "on_unknown": "hold",
}


def test_a_native_key_is_resent_while_the_platform_remembers_it() -> None:
    assert resolve_unknown([K], **FACTS) == Resend()


def test_after_the_keys_retention_less_a_margin_it_is_looked_up_and_not_resent() -> None:
    late = {**FACTS, "first_sent_at": NOW - 0.91 * 86_400}
    assert resolve_unknown([K, L], **late) == LookUp(NOW + 30)
    assert isinstance(resolve_unknown([K], **late), Hold)


def test_a_replayed_500_ends_in_a_lookup_and_then_with_a_person() -> None:
    steps = [resolve_unknown([K, L], **{**FACTS, "unknowns": number}) for number in range(1, 8)]
    assert steps[:3] == [Resend()] * 3
    assert steps[3:6] == [LookUp(NOW + 30)] * 3
    assert isinstance(steps[6], Hold)
    assert isinstance(resolve_unknown([K], **{**FACTS, "unknowns": 7}), Hold)


def test_a_lookup_waits_until_the_index_can_be_believed() -> None:
    assert resolve_unknown([L], **FACTS) == LookUp(NOW + 30)


def test_an_upsert_is_simply_sent_again() -> None:
    assert resolve_unknown([U], **FACTS) == Resend()


def test_with_no_class_at_all_a_person_decides_unless_the_flow_says_resend() -> None:
    assert isinstance(resolve_unknown([N], **FACTS), Hold)
    assert resolve_unknown([N], **{**FACTS, "on_unknown": "resend"}) == Resend()


@pytest.mark.parametrize("effect_class", list(EffectClass))
def test_every_class_says_what_it_guarantees(effect_class: EffectClass) -> None:
    assert guarantee_of([effect_class], "hold")


def test_resend_is_called_at_least_once() -> None:
    assert "at least once" in guarantee_of([N], "resend")
    assert "at most once" in guarantee_of([N], "hold")


def test_an_inbox_tells_a_repeat_so_it_is_sent_again() -> None:
    assert resolve_unknown([EffectClass.INBOX], **FACTS) == Resend()
