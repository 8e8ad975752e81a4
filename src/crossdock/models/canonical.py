"""One spelling for one fact, so that the same fact seen in two ways has the same hash."""

from __future__ import annotations

from typing import Any


def without_nulls(value: Any) -> Any:
    """Without the object members that are null: absent says the same. Nulls in lists are kept, for the schema to judge.

    Returns the same objects wherever nothing changes.
    """
    if isinstance(value, dict):
        kept = {name: without_nulls(member) for name, member in value.items() if member is not None}
        same = len(kept) == len(value) and all(kept[name] is value[name] for name in kept)
        return value if same else kept
    if isinstance(value, list):
        items = [without_nulls(item) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value
