"""What generated code calls: access to values, loops, and the ends of path expressions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from crossdock.jq.budget import STEPS_BETWEEN_CHECKS, Meter
from crossdock.jq.errors import RunError
from crossdock.jq.numbers import NUMBERS, add, within_reach
from crossdock.jq.text import shown, shown_as, to_text, type_name


class Nothing:
    """The type of NOTHING, the absence of an output."""

    def __repr__(self) -> str:
        return "NOTHING"

    def __bool__(self) -> bool:
        return False


NOTHING = Nothing()
_SHORT = 10**18
SIZED = frozenset((str, list, dict))


_EMPTY_OBJECT: dict[str, Any] = {}
_EMPTY_ARRAY: list[Any] = []


def members(v: Any, key: str) -> dict[str, Any]:
    """What fields are read from, when the value that is asked for `key` is no object: null has none."""
    if v is None:
        return _EMPTY_OBJECT
    raise cannot_index(v, key)


def sequence(v: Any, i: int) -> list[Any]:
    """What elements are read from, when the value that is asked for number `i` is no array: null has none."""
    if v is None:
        return _EMPTY_ARRAY
    raise cannot_index(v, i)


def cannot_index(v: Any, key: Any) -> RunError:
    if type(key) is str:
        return RunError(f"Cannot index {type_name(v)} with string ({shown(key)})")
    if type(key) in NUMBERS and type(v) in (str, dict, bool, int, Decimal, float):
        return RunError(f"Cannot index {type_name(v)} with number ({shown(key)})")
    if type(v) is list or type(key) is not dict:
        return RunError(f"Cannot index {type_name(v)} with {type_name(key)}")
    return RunError(f"Cannot index {type_name(v)} with {type_name(key)} ({shown(key)})")


def get(v: Any, key: Any, meter: Meter) -> Any:
    kind = type(key)
    if kind is str:
        return members(v, key).get(key) if type(v) is not dict else v.get(key)
    if kind in NUMBERS:
        if v is None:
            return None
        if type(v) is list:
            if key != key:
                return None
            i = math.floor(within_reach(key))
            return v[i] if -len(v) <= i < len(v) else None
        raise cannot_index(v, key)
    if kind is dict:
        if v is None or type(v) in (list, str):
            return get_slice(v, *slice_of(key), meter) if v is not None else None
        raise cannot_index(v, key)
    if kind is list and type(v) is list:
        from crossdock.jq.builtins.arrays import indices

        return indices(v, key, meter)
    if v is None and key is None:
        return None
    raise cannot_index(v, key)


def slice_of(key: dict[str, Any]) -> tuple[Any, Any]:
    """Start and end of a slice that is given as an object."""
    if "start" not in key or "end" not in key:
        raise RunError("Array/string slice indices must be integers")
    return key["start"], key["end"]


def slice_bounds(length: int, start: Any, end: Any) -> tuple[int, int]:
    for bound in (start, end):
        if bound is not None and type(bound) not in NUMBERS:
            raise RunError("Array/string slice indices must be integers")
    low = 0 if start is None or start != start else within_reach(start)
    high = length if end is None or end != end else within_reach(end)
    low = min(max(low + length if low < 0 else low, 0), length)
    high = min(max(high + length if high < 0 else high, 0), length)
    first, last = math.floor(low), math.ceil(high)
    return first, max(first, last)


def get_slice(v: Any, start: Any, end: Any, meter: Meter) -> Any:
    if v is None:
        return None
    if type(v) is list or type(v) is str:
        first, last = slice_bounds(len(v), start, end)
        if last - first > 512:
            meter.read((last - first) * (1 if type(v) is str else 8))
        return v[first:last]
    raise cannot_index(v, {"start": start, "end": end})


def elements(v: Any) -> list[Any]:
    if type(v) is dict:
        return list(v.values())
    if type(v) is list:
        return v
    raise RunError(f"Cannot iterate over {shown_as(v)}" if v is not None else "Cannot iterate over null (null)")


def keyed_elements(v: Any) -> list[tuple[Any, Any]]:
    if type(v) is dict:
        return list(v.items())
    if type(v) is list:
        return list(enumerate(v))
    raise RunError(f"Cannot iterate over {shown_as(v)}" if v is not None else "Cannot iterate over null (null)")


def object_key(key: Any) -> str:
    if type(key) is not str:
        raise RunError(f"Object keys must be strings, not {shown_as(key)}")
    return key


def keyed(v: Any) -> dict[Any, Any]:
    """What `to_entries` goes over, when it is no object."""
    if type(v) is list:
        return dict(enumerate(v))
    raise RunError(f"{shown_as(v)} has no keys")


def to_string(v: Any, meter: Meter) -> str:
    kind = type(v)
    if kind is str:
        return v  # type: ignore[no-any-return]
    return str(v) if kind is int and -_SHORT < v < _SHORT else to_text(v, meter)


def total(v: Any, meter: Meter) -> Any:
    """`add`: null for nothing; texts and arrays are put together at once."""
    items = v if type(v) is list else elements(v)
    if len(items) < 2:
        return items[0] if items else None
    meter.left -= len(items)
    if meter.left < 0:
        meter.refill()
    found = items[0]
    kind = type(found)
    if kind is str and set(map(type, items)) == {str}:
        meter.text(sum(map(len, items)))
        return "".join(items)
    if kind is list and set(map(type, items)) == {list}:
        meter.array(sum(map(len, items)))
        return [item for part in items for item in part]
    for item in items[1:]:
        found = found + item if type(found) is int and type(item) is int else add(found, item, meter)
    return found


# -- loops


def counting(start: Any, end: Any, step: Any, meter: Meter) -> Iterable[Any]:
    if not (type(start) in NUMBERS and type(end) in NUMBERS and type(step) in NUMBERS):
        raise RunError("Range bounds must be numeric")
    if type(start) is int and type(end) is int and type(step) is int and step != 0:
        numbers = range(start, end, step)
        # the length is taken apart from len(), which fails beyond 64 bits
        length = max(0, (end - start + step - (1 if step > 0 else -1)) // step)
        if length <= STEPS_BETWEEN_CHECKS:
            meter.charge(length)
            return numbers
        return _charged(numbers, meter)
    return _stepping(start, end, step, meter)


def _charged(numbers: Iterable[Any], meter: Meter) -> Iterator[Any]:
    for n in numbers:
        meter.left -= 1
        if meter.left < 0:
            meter.refill()
        yield n


def _stepping(start: Any, end: Any, step: Any, meter: Meter) -> Iterator[Any]:
    while (step > 0 and start < end) or (step < 0 and start > end) or (step == 0 and start < end):
        meter.charge(1)
        yield start
        start = add(start, step, meter)


def descend(v: Any, meter: Meter) -> Iterator[Any]:
    """`..`: the value and everything inside it, parents first."""
    stack = [v]
    while stack:
        item = stack.pop()
        meter.left -= 1
        if meter.left < 0:
            meter.refill()
        yield item
        if type(item) is dict:
            stack.extend(reversed(item.values()))
        elif type(item) is list:
            stack.extend(reversed(item))


def descend_paths(p: Any, v: Any, meter: Meter) -> Iterator[tuple[Any, Any]]:
    stack = [(p, v)]
    while stack:
        path, item = stack.pop()
        meter.charge(1 + (0 if path is None else len(path) // 8))
        yield path, item
        if type(item) is dict or type(item) is list:
            if path is None:
                raise astray_through(item)
            stack.extend((((*path, key), child)) for key, child in reversed(keyed_elements(item)))


def _count(n: Any, name: str) -> int:
    if type(n) not in NUMBERS:
        raise RunError(f"{name} count must be a number, not {shown_as(n)}")
    if n < 0:
        raise RunError(f"{name} doesn't support negative count")
    if n != n:
        return 0
    return min(math.ceil(within_reach(n)), 2**62)


def limited(n: Any, outputs: Iterator[Any]) -> Iterator[Any]:
    return islice(outputs, _count(n, "limit"))


def skipped(n: Any, outputs: Iterator[Any]) -> Iterator[Any]:
    return islice(outputs, _count(n, "skip"), None)


# -- ends of path expressions that are no paths


def astray(v: Any) -> RunError:
    return RunError(f"Invalid path expression with result {shown(v)}")


def astray_at(v: Any, key: Any) -> RunError:
    return RunError(f"Invalid path expression near attempt to access element {shown(key)} of {shown(v)}")


def astray_through(v: Any) -> RunError:
    return RunError(f"Invalid path expression near attempt to iterate through {shown(v)}")
