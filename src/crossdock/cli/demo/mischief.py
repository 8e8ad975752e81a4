"""What goes wrong on purpose, and when. The same seed asks for the same."""

from __future__ import annotations

from collections.abc import Mapping
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


def script(seed: int, act: int) -> dict[str, Any]:
    """The faults of one act out of ten: those that happen by chance, and one kind that happens for certain, so that
    even a short play shows each of them."""
    kind = KINDS[act % len(KINDS)]
    match = r"POST /(v3/.*|crm/.*|admin/api/.*)" if kind not in {"429", "503"} else r"\w+ /(v3|crm|admin/api)/.*"
    return {"seed": seed * 1000 + act, "rates": dict(RATES), "next": [{"kind": kind, "match": match}]}
