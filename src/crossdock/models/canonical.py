"""One spelling for one fact, so that the same fact seen in two ways has the same hash."""

from __future__ import annotations

from operator import is_
from typing import Any

_LOOKED_INTO = frozenset((dict, list, type(None)))


def without_nulls(value: Any) -> Any:
    """Without the object members that are null: absent says the same. Nulls in lists are kept, for the schema to judge.

    `value` is what JSON decodes to. Returns the same object where nothing changes.
    """
    if type(value) is dict:
        if _LOOKED_INTO.isdisjoint(map(type, value.values())):
            return value
        kept = {name: without_nulls(member) for name, member in value.items() if member is not None}
        return value if len(kept) == len(value) and all(map(is_, kept.values(), value.values())) else kept
    if type(value) is list:
        if _LOOKED_INTO.isdisjoint(map(type, value)):
            return value
        items = [without_nulls(item) for item in value]
        return value if all(map(is_, items, value)) else items
    return value
