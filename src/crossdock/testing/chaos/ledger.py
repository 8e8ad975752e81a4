"""What a run came to: counts, what was found wrong, and how to see it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WRONG: dict[str, str] = {
    "lost": "accepted, and not there",
    "doubled": "there more often than once",
    "inversions": "there in another order than accepted, within a key",
    "stuck": "not at rest although everything is calm",
    "silent": "in no state, or in one that the hub's own sums deny",
    "phantoms": "there, and never accepted",
    "changed": "asked for again under the same key with other bytes",
    "unwritten": "sent before its intent was durable",
    "flipped": "moved out of a final state",
    "storms": "asked for far too often",
    "lockouts": "a token used up that had a successor",
    "failed": "answered by neither 2xx nor 503",
    "ended": "the hub ended itself",
    "broken": "the suite itself fell over",
}
"""The kinds of finding."""
NAMED = ("lost", "doubled", "inversions", "stuck", "silent")


@dataclass
class Ledger:
    """Of one run or of many."""

    trials: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """crash point → hubs, workers and servers killed there; `moment` = at no point in particular"""
    harms: Counter[str] = field(default_factory=Counter)
    """what was done to power, disk, bits, cables, connections or workers → how often"""
    passed: Counter[str] = field(default_factory=Counter)
    """crash point → passages"""
    accepted: int = 0
    effects: int = 0
    held: int = 0
    """unknown outcomes of a destination that offers nothing, put before a person"""
    fenced: int = 0
    """commits of a worker that had lost its place, refused"""
    set_aside: int = 0
    """of what was at work in three lives that ended for want of memory; a person then lets it go on"""
    wrong: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    """a sentence each"""
    virtual_s: float = 0.0
    resumed_s: float = 0.0
    """the longest until a hub accepted again, once its disk had room, or its database was there"""

    def find(self, kind: str, what: str, amount: int = 1) -> None:
        assert kind in WRONG
        self.wrong[kind] += amount
        self.findings.append(f"{kind}: {what}")

    def add(self, other: Ledger, where: str = "") -> None:
        self.trials += other.trials
        self.kills += other.kills
        self.passed += other.passed
        self.accepted += other.accepted
        self.effects += other.effects
        self.held += other.held
        self.harms += other.harms
        self.fenced += other.fenced
        self.set_aside += other.set_aside
        self.wrong += other.wrong
        self.virtual_s += other.virtual_s
        self.resumed_s = max(self.resumed_s, other.resumed_s)
        self.findings += [f"{where}{finding}" for finding in other.findings]

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_json(self) -> Mapping[str, Any]:
        return {
            "kills": self.kills.total(),
            "accepted": self.accepted,
            **{kind: self.wrong[kind] for kind in NAMED},
            "held": self.held,
            "harms": dict(self.harms),
            "fenced": self.fenced,
            "set_aside": self.set_aside,
            "resumed_s": round(self.resumed_s, 3),
            "other": sum(self.wrong[kind] for kind in WRONG if kind not in NAMED),
        }
