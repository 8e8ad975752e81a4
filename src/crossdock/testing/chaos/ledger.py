"""What a run came to: counts, what was found wrong, and how to see it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WRONG = (
    "lost",
    "doubled",
    "inversions",
    "stuck",
    "silent",
    "phantoms",
    "changed",
    "unwritten",
    "flipped",
    "storms",
    "lockouts",
)


@dataclass
class Ledger:
    """Of one run or of many."""

    trials: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    """crash point → kills there; `moment` = at no point in particular"""
    passed: Counter[str] = field(default_factory=Counter)
    """crash point → passages"""
    accepted: int = 0
    effects: int = 0
    held: int = 0
    """unknown outcomes of a destination that offers nothing, put before a person"""
    wrong: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    """a sentence each"""
    virtual_s: float = 0.0

    def find(self, kind: str, what: str, amount: int = 1) -> None:
        self.wrong[kind] += amount
        self.findings.append(f"{kind}: {what}")

    def add(self, other: Ledger, where: str = "") -> None:
        self.trials += other.trials
        self.kills += other.kills
        self.passed += other.passed
        self.accepted += other.accepted
        self.effects += other.effects
        self.held += other.held
        self.wrong += other.wrong
        self.virtual_s += other.virtual_s
        self.findings += [f"{where}{finding}" for finding in other.findings]

    @property
    def clean(self) -> bool:
        return not self.findings

    def as_json(self) -> Mapping[str, Any]:
        return {
            "trials": self.trials,
            "kills": self.kills.total(),
            "accepted": self.accepted,
            "effects": self.effects,
            **{kind: self.wrong[kind] for kind in WRONG},
            "held": self.held,
        }
