"""What the hub did, from its own /metrics. They begin anew with each life of the hub, so each life is read."""

from __future__ import annotations

from collections import Counter

import aiohttp
from prometheus_client.parser import text_string_to_metric_families


class Deeds:
    def __init__(self) -> None:
        self._lives: list[Counter[tuple[str, str]]] = [Counter()]

    async def look(self, hub_url: str, session: aiohttp.ClientSession) -> None:
        """Of the life that goes on now."""
        async with session.get(f"{hub_url}/metrics") as answer:
            text = await answer.text()
        life: Counter[tuple[str, str]] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                label = next((sample.labels[name] for name in ("kind", "outcome") if name in sample.labels), "")
                life[sample.name.removeprefix("crossdock_"), label] += int(sample.value)
        self._lives[-1] = life

    def died(self) -> None:
        self._lives.append(Counter())

    def total(self, name: str, label: str | None = None) -> int:
        """Of a counter, in all lives: `failed_total` of kind `unknown`; without a label, of all kinds."""
        return sum(
            amount
            for life in self._lives
            for (of, kind), amount in life.items()
            if of == name and label in (None, kind)
        )
