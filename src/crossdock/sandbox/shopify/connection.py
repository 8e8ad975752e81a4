"""Relay pages: `first/after`, `last/before`, `reverse`, and opaque cursors that hold the last id and sort value.

Sources: shopify.dev, "Pagination" (pages of 250); recorded cursors.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from graphql import GraphQLError

MAX_PAGE: Final = 250


@dataclass(frozen=True)
class Entry:
    """One item in its order: `value` is what it is sorted by, `node` makes the GraphQL object when it is wanted."""

    value: Any
    id: int
    node: Callable[[], Mapping[str, Any]]

    @property
    def key(self) -> tuple[Any, int]:
        return self.value, self.id


def bad_request(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_REQUEST"})


def page(entries: Sequence[Entry], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The connection object; `entries` come in ascending order. Raises GraphQLError (BAD_REQUEST)."""
    first, last = arguments.get("first"), arguments.get("last")
    if (first is None) == (last is None):
        raise bad_request("You must provide one of first or last")
    size = first if first is not None else last
    if not isinstance(size, int) or not 0 <= size <= MAX_PAGE:
        raise bad_request(f"The page size must be from 0 to {MAX_PAGE}")
    reverse = bool(arguments.get("reverse"))
    ordered = list(reversed(entries)) if reverse else list(entries)
    low, high = 0, len(ordered)
    if arguments.get("after") is not None:
        low = _count(ordered, arguments["after"], reverse, at=True)
    if arguments.get("before") is not None:
        high = _count(ordered, arguments["before"], reverse, at=False)
    start, end = (low, min(high, low + size)) if first is not None else (max(low, high - size), high)
    chosen = ordered[start:end]
    return {
        "nodes": lambda _: [entry.node() for entry in chosen],
        "edges": lambda _: [{"cursor": _encoded(entry), "node": entry.node()} for entry in chosen],
        "pageInfo": {
            "hasNextPage": end < len(ordered),
            "hasPreviousPage": start > 0,
            "startCursor": _encoded(chosen[0]) if chosen else None,
            "endCursor": _encoded(chosen[-1]) if chosen else None,
        },
    }


def _count(ordered: Sequence[Entry], cursor: str, reverse: bool, *, at: bool) -> int:
    key = _cursor(cursor)
    return sum(1 for entry in ordered if _reached(entry, key, reverse, at=at))


def _reached(entry: Entry, key: tuple[Any, int], reverse: bool, *, at: bool) -> bool:
    """Whether the entry comes before the cursor, or, with `at`, is the cursor's own."""
    try:
        if entry.key == key:
            return at
        return entry.key > key if reverse else entry.key < key
    except TypeError:
        raise bad_request("Malformed cursor") from None


def _encoded(entry: Entry) -> str:
    text = json.dumps({"last_id": entry.id, "last_value": entry.value}, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


def _cursor(text: str) -> tuple[Any, int]:
    try:
        read = json.loads(base64.b64decode(text, validate=True))
        return read["last_value"], read["last_id"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise bad_request("Malformed cursor") from None
