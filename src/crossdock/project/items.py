"""A map with `each: true`: many outputs, each with the key by which its effect is told from its neighbours'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crossdock.core.flow import MapFailed, Mapper

FORM = "{item: its own stable key, input: the action's input}"


@dataclass(frozen=True, slots=True)
class Items:
    """Outputs of a map, every one of them in form."""

    map: Mapper

    def run(self, value: Any, *, now: float = 0.0, **variables: Any) -> Sequence[Any]:
        """Raises MapFailed; also where two items share a key, for then they would share an effect."""
        outputs = self.map.run(value, now=now, **variables)
        if not outputs:
            raise MapFailed("it made no output; a filter belongs into `where`")
        seen: set[str] = set()
        for output in outputs:
            if not isinstance(output, dict) or output.keys() != {"item", "input"}:
                raise MapFailed(f"with `each`, every output is {FORM}")
            item = output["item"]
            if isinstance(item, bool) or not isinstance(item, str | int) or item == "":
                raise MapFailed("with `each`, an item's key is text or a whole number")
            if str(item) in seen:
                raise MapFailed(f"two items have the key {str(item)[:100]!r}")
            seen.add(str(item))
        return outputs
