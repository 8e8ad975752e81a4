"""The campaigns: what is broken on purpose, in trials that a seed repeats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crossdock.testing.chaos import (
    bits,
    disk,
    filling,
    kills,
    memory,
    outages,
    partitions,
    power,
    standstill,
    upgrades,
    workers,
)
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.simulate import Simulation, simulate
from crossdock.testing.chaos.weather import Fault

Trial = Callable[[int], Ledger]


@dataclass(frozen=True, slots=True)
class Campaign:
    name: str
    title: str
    trial: Trial
    least: int = 1
    """trials of a run, however little time there is"""
    alone: bool = False
    """it has processes of its own"""
    at_once: int = 1
    """trials beside one another, of one that is `alone`; of others, as many as there are cores"""
    weight: float = 1.0
    """its part of a run's time, beside the others'"""
    lacks: Callable[[], str] = lambda: ""
    """why it cannot run here; "" = it can"""


def _faults(seed: int) -> Ledger:
    """Each kind of fault alone, and often."""
    kinds = tuple(Fault)

    def only(simulation: Simulation) -> None:
        weather = simulation.far.weather
        weather.kinds, weather.rate = (kinds[seed % len(kinds)],), 0.5

    return simulate(seed, only)


def _clocks(seed: int) -> Ledger:
    def jumping(simulation: Simulation) -> None:
        simulation.clock_jumps = True

    return simulate(seed, jumping)


def _tokens(seed: int) -> Ledger:
    """Tokens that end, at providers of all three flavours, and hubs killed around their renewal."""

    def expiring(simulation: Simulation) -> None:
        tokens = simulation.far.tokens
        tokens.flavour = ("strict", "grace", "sticky")[seed % 3]
        tokens.host = sorted(simulation.world.hosts)[0]
        simulation.crashes += [("token.answered", 1), ("token.persisted", 1)][seed // 3 % 2 :]

    return simulate(seed, expiring)


def _zombies(seed: int) -> Ledger:
    return simulate(seed, zombies=True)


def _steps(seed: int) -> Ledger:
    from crossdock.testing.chaos.stateful.machine import on_sqlite  # hypothesis is slow to load

    return on_sqlite(seed)


def _steps_on_postgres(seed: int) -> Ledger:
    from crossdock.testing.chaos.stateful.machine import on_postgres

    return on_postgres(seed)


CAMPAIGNS: dict[str, Campaign] = {
    one.name: one
    for one in (
        Campaign("F1", "kill -9 of a real hub at every named point", kills.kills, kills.SEEDS, True, 3, 8.0),
        Campaign("F1P", "the same on PostgreSQL", kills.kills_on_postgres, 1, True, 5, 8.0, workers.lacks),
        Campaign("F2", "kill -9 of a real hub at random moments under load", kills.moments, 2, True, 3, 6.0),
        Campaign("F2P", "kill -9 of one of several workers", workers.killed, 1, True, 2, 6.0, workers.lacks),
        Campaign("F3", "power cuts at any write of the store", lambda seed: disk.power_cuts(seed, 20), least=3),
        Campaign("F3L", "power cuts under real file systems", power.cuts, least=2, alone=True, lacks=power.lacks),
        Campaign("F4", "a write or flush of the store fails", lambda seed: disk.faults(seed, 5), least=4),
        Campaign("F5", "a small disk filled under load", filling.fills, alone=True, weight=2.0, lacks=filling.lacks),
        Campaign("F6", "bits flipped in a store and its log", lambda seed: bits.flips(seed, 20), least=5),
        Campaign("F7", "each kind of fault alone, at every effect class", _faults, least=60),
        Campaign(
            "F8", "workers cut off from database or sink", partitions.partitions, alone=True, lacks=partitions.lacks
        ),
        Campaign("F9", "wall clock jumps of up to 48 hours", _clocks, least=30),
        Campaign("F11", "PostgreSQL fails under several workers", outages.outages, 1, True, 2, 4.0, workers.lacks),
        Campaign("F13", "token renewal, with kills around it", _tokens, least=30),
        Campaign("F15", "a hub that stands still until another has its place", _zombies, least=30),
        Campaign(
            "F15P", "workers that stand still, and are replaced", standstill.standstills, 1, True, 2, 4.0, workers.lacks
        ),
        Campaign("F17", "any steps in any order, against a model", _steps, weight=2.0),
        Campaign("F17P", "the same on PostgreSQL", _steps_on_postgres, weight=2.0, lacks=workers.lacks),
        Campaign("F16", "upgrades of a full store, killed on the way", upgrades.sqlite_stores, alone=True),
        Campaign("F16P", "the same on PostgreSQL", upgrades.postgres_stores, 2, True, 1, lacks=workers.lacks),
        Campaign("F18", "seeded simulation: everything at once", simulate, least=100, weight=3.0),
        Campaign("F19", "a hub short of memory", memory.shortages, 1, True, 1, 2.0, memory.lacks),
    )
}
LATER = {
    "F10": "brokers: with brokers",
    "F12": "a bulkhead: python3 dev.py bench bulkhead",
    "F14": "two-phase: with two-phase",
    "F20": "a soak of twelve hours: at night",
}
