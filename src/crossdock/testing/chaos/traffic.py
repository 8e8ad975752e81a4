"""What the senders have to say: entities that are created and edited, twice, in the wrong order, and some nonsense."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BIG_BYTES = 1_100_000
"""More than one chunk of a payload."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message."""

    key: str
    number: int
    body: Mapping[str, Any]

    @property
    def value(self) -> str:
        return str(self.body["value"])


@dataclass
class Traffic:
    """Made from a seed, before the run."""

    lines: dict[str, list[Said]] = field(default_factory=dict)
    """key → its messages in the order in which their sender sends them"""
    nonsense: list[Mapping[str, Any]] = field(default_factory=list)
    """authentic, and of no use: each must end in quarantine or be ignored"""
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    """what a poll is to find"""
    repeat: float = 0.0
    """how often a message is sent again although it was accepted"""
    conflict: float = 0.0
    """how often it is sent again with other content"""

    @classmethod
    def of(cls, chance: random.Random) -> Traffic:
        made = cls(repeat=chance.choice((0.0, 0.3)), conflict=chance.choice((0.0, 0.0, 0.1)))
        versions, bad = chance.random() < 0.5, chance.choice((0.0, 0.0, 0.15))
        for index in range(chance.randint(1, 5)):
            key = f"k{index}"
            made.lines[key] = _line(chance, key, versions=versions, bad=bad)
        if chance.random() < 0.2:
            made.nonsense.append({"id": "n1", "about": "n", "value": "n", "invalid": True})
            made.nonsense.append({"id": "n2", "about": "n", "value": "n", "topic": "unheard of"})
        if chance.random() < 0.25:
            made.rows = _rows(chance)
        if chance.random() < 0.04:
            made.lines["big"] = [Said("big", 0, {**_body("big", 0, ""), "padding": "x" * BIG_BYTES})]
        return made


def _line(chance: random.Random, key: str, *, versions: bool, bad: float) -> list[Said]:
    amount = chance.randint(1, 4)
    order = list(range(amount))
    if versions and chance.random() < 0.4:
        chance.shuffle(order)
    mark = "!bad" if chance.random() < bad else ""
    spoilt = chance.randrange(amount)
    return [
        Said(key, place, _body(key, place, f"{number:04d}" if versions else "", mark if place == spoilt else ""))
        for place, number in enumerate(order)
    ]


def _body(key: str, place: int, version: str, mark: str = "") -> dict[str, Any]:
    return {
        "id": f"{key}.{place}",
        "about": key,
        "verb": "created" if place == 0 else "updated",
        "version": version,
        "value": f"{key}.{place}{mark}",
    }


def _rows(chance: random.Random) -> list[Mapping[str, Any]]:
    """Several share an instant, across the border of a page."""
    at = 0
    rows: list[Mapping[str, Any]] = []
    for number in range(chance.randint(2, 8)):
        at += chance.choice((0, 0, 1))
        key = f"p{number % 3}"
        rows.append({**_body(key, number, ""), "verb": "updated", "at": at, "number": number})
    return rows
