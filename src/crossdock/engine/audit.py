"""Whether the sums agree: what came in, what was read, what was planned, and where all of it is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crossdock.core.event import STREAM
from crossdock.core.store import Store

TRIES = 5
MESSAGES = "accepted messages by state"
READING = "position by events read"
DECISIONS = "events read by decision"
DELIVERIES = "planned deliveries by state"

Figures = Mapping[tuple[str, str], int]
"""(scope, which sum) → amount"""


@dataclass(frozen=True, slots=True)
class Sum:
    """Two ways to count the same thing."""

    scope: str
    """`connection/<name>` | `flow/<name>`"""
    what: str
    counted: int
    parts: Mapping[str, int]
    """what it must be the sum of"""

    @property
    def found(self) -> int:
        return sum(self.parts.values())

    @property
    def agrees(self) -> bool:
        return self.counted == self.found


async def audit(store: Store, connections: Iterable[str] = (), flows: Iterable[str] = ()) -> list[Sum]:
    """Every sum there is, for these names and those that the store knows. Right also while a hub works: every figure
    only grows, so what is found must lie between what was counted before and after."""
    connections, flows = await _names(store, connections, flows)
    sums: list[Sum] = []
    for _ in range(TRIES):  # a rewind or a clean-up in the very middle is no disagreement
        before = await _counted(store, connections, flows)
        parts = await _parts(store, connections, flows)
        after = await _counted(store, connections, flows)
        sums = []
        for (scope, what), found in parts.items():
            counted = min(max(sum(found.values()), before[scope, what]), after[scope, what])
            sums.append(Sum(scope, what, counted, found))
        if all(one.agrees for one in sums):
            break
    return sums


async def _names(store: Store, connections: Iterable[str], flows: Iterable[str]) -> tuple[list[str], list[str]]:
    known = {(kind, name) for kind, name, _ in await store.tallies()}
    scopes = {tuple(scope.split("/", 1)) for scope, _ in await store.counts()}
    return (
        sorted({*connections, *(name for kind, name in known if kind == "message")}),
        sorted(
            {*flows, *(name for kind, name in known if kind == "delivery"), *(s[1] for s in scopes if s[0] == "flow")}
        ),
    )


async def _counted(store: Store, connections: Iterable[str], flows: Iterable[str]) -> Figures:
    counts = await store.counts()
    figures: dict[tuple[str, str], int] = {}
    for name in connections:
        figures[f"connection/{name}", MESSAGES] = sum(await store.heads(f"inbox/{name}"))
    for name in flows:
        scope = f"flow/{name}"
        figures[scope, READING] = sum(await store.positions(scope, STREAM))
        figures[scope, DECISIONS] = counts.get((scope, "read"), 0)
        figures[scope, DELIVERIES] = counts.get((scope, "planned"), 0) + counts.get((scope, "again"), 0)
    return figures


async def _parts(
    store: Store, connections: Iterable[str], flows: Iterable[str]
) -> Mapping[tuple[str, str], Mapping[str, int]]:
    tallies, counts = await store.tallies(), await store.counts()

    def rows(kind: str, name: str, scope: str) -> Mapping[str, int]:
        states = {state: amount for (of, who, state), amount in tallies.items() if (of, who) == (kind, name)}
        retired = counts.get((scope, "retired"), 0)
        return {**states, **({"retired": retired} if retired else {})}

    parts: dict[tuple[str, str], Mapping[str, int]] = {}
    for name in connections:
        parts[f"connection/{name}", MESSAGES] = rows("message", name, f"connection/{name}")
    for name in flows:
        scope = f"flow/{name}"
        mine = {what: amount for (of, what), amount in counts.items() if of == scope}
        signs = {"read": 1, "passed": 1, "rewound": -1}
        decided = {what: amount for what, amount in mine.items() if what == "planned" or what.startswith("skipped:")}
        parts[scope, READING] = {what: sign * mine[what] for what, sign in signs.items() if what in mine}
        parts[scope, DECISIONS] = decided
        parts[scope, DELIVERIES] = rows("delivery", name, scope)
    return parts
