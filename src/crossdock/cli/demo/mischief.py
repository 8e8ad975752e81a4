"""What goes wrong on purpose, and when. The same seed asks for the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

DUPLICATES: Final = 0.1
"""share of webhooks that are sent twice"""
SHUFFLE_S: Final = 40.0
"""simulated seconds that each webhook may be late, so that neighbours overtake one another"""

RATES: Final[Mapping[str, float]] = {
    "429": 0.015,
    "503": 0.01,
    "500_before": 0.005,
    "500_after_commit": 0.01,
    "timeout_after_commit": 0.002,
    "reset_before": 0.005,
    "reset_after_commit": 0.01,
    "html_200": 0.003,
    "slow_drip": 0.003,
    "truncated_json": 0.005,
}
"""share of the requests to each platform that suffer, by kind: one in fifteen in all"""

KINDS: Final = tuple(RATES)
HARMLESS: Final = frozenset({"429", "503", "500_before", "reset_before"})
"""Nothing is done: they may meet reads as well as writes."""
READS: Final = r"\w+ /(v3|crm|admin/api)/.*"
WRITES: Final = r"POST /(v3|crm|admin/api)/.*"


def script(seed: int, act: int, seen: Collection[str]) -> dict[str, Any]:
    """The faults of one act out of ten: those that happen by chance, and those whose turn has come that were not `seen`
    yet, so that even a short play shows each kind."""
    due = [kind for kind in KINDS[: act + 1] if kind not in seen]
    appointed = [{"kind": kind, "match": READS if kind in HARMLESS else WRITES} for kind in due]
    return {"seed": seed * 1000 + act, "rates": dict(RATES), "next": appointed}
