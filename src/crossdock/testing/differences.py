"""Two JSON values compared, and what is otherwise told line by line, each with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from crossdock.core import json

LONGEST = 100
"""characters of a value that is shown"""


def differences(expected: Any, made: Any, path: str = "") -> Iterator[str]:
    """Nothing when the two are equal. Numbers are equal by value: 1 is 1.0."""
    yield from _compare(expected, made, path, exact=True)


def contained(expected: Any, made: Any, path: str = "") -> Iterator[str]:
    """As `differences`, but objects may have more members than are expected."""
    yield from _compare(expected, made, path, exact=False)


def shown(value: Any) -> str:
    text = json.encode(value).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _compare(expected: Any, made: Any, path: str, *, exact: bool) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(made, Mapping):
        for name, wanted in expected.items():
            place = f"{path}.{name}" if path else name
            if name not in made:
                yield f"{place}: expected {shown(wanted)}, and is missing"
            else:
                yield from _compare(wanted, made[name], place, exact=exact)
        for name in made:
            if exact and name not in expected:
                yield f"{f'{path}.{name}' if path else name}: not expected, got {shown(made[name])}"
        return
    if isinstance(expected, list | tuple) and isinstance(made, list | tuple):
        for index, (wanted, got) in enumerate(zip(expected, made, strict=False)):
            yield from _compare(wanted, got, f"{path}.{index}" if path else str(index), exact=exact)
        if len(expected) != len(made):
            yield f"{path or 'the list'}: expected {len(expected)} items, got {len(made)}"
        return
    if not _same(expected, made):
        yield f"{path or 'the value'}: expected {shown(expected)}, got {shown(made)}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float | Decimal) and isinstance(other, int | float | Decimal):
        return Decimal(str(one)) == Decimal(str(other))
    return type(one) is type(other) and bool(one == other)
