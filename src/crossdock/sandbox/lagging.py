"""A search index that runs behind the truth, as the platforms' indexes do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class LaggingIndex:
    """Per record the states written, each with the instant from which a search may see it."""

    lag_s: float
    rows: dict[str, dict[int, list[tuple[float, Mapping[str, Any] | None]]]] = field(default_factory=dict)

    def record(self, kind: str, number: int, state: Mapping[str, Any] | None, now: float) -> None:
        """Seen from `now` + lag on. None: from then on the record is not found any more."""
        states = self.rows.setdefault(kind, {}).setdefault(number, [])
        states.append((now + self.lag_s, state))
        caught_up = sum(1 for visible_at, _ in states if visible_at <= now)
        del states[: max(0, caught_up - 1)]

    def seen(self, kind: str, now: float) -> list[Mapping[str, Any]]:
        """The newest state of each record that the index has caught up with, by id; others are not found."""
        found = []
        for _, states in sorted(self.rows.get(kind, {}).items()):
            newest = next((state for visible_at, state in reversed(states) if visible_at <= now), None)
            if newest is not None:
                found.append(newest)
        return found
