"""Natives about arrays."""

from __future__ import annotations

from typing import Any

from crossdock.jq.budget import BYTES_PER_STEP, Meter
from crossdock.jq.builtins.registry import native
from crossdock.jq.builtins.values import length
from crossdock.jq.errors import RunError
from crossdock.jq.numbers import NUMBERS, to_int
from crossdock.jq.order import compare, equal, less, sorted_pairs, sorted_values
from crossdock.jq.runtime import cannot_index, elements, get, to_string
from crossdock.jq.text import shown_as


def _array(v: Any, cannot: str) -> list[Any]:
    if type(v) is not list:
        raise RunError(f"{shown_as(v)} cannot be {cannot}, as it is not an array")
    return v


@native("sort", meter=True, kind="list")
def sort(v: Any, meter: Meter) -> list[Any]:
    return sorted_values(_array(v, "sorted"), meter)


@native("_sort_by", 1, meter=True, kind="list")
def sort_by(v: Any, keys: Any, meter: Meter) -> list[Any]:
    return [item for _, item in sorted_pairs(_array(v, "sorted"), keys, meter)]


@native("_group_by", 1, meter=True, kind="list")
def group_by(v: Any, keys: Any, meter: Meter) -> list[Any]:
    groups: list[Any] = []
    previous: Any = None
    for key, item in sorted_pairs(_array(v, "grouped"), keys, meter):
        meter.charge(1)
        if groups and equal(key, previous, meter):
            groups[-1].append(item)
        else:
            groups.append([item])
        previous = key
    return groups


@native("_unique_by", 1, meter=True, kind="list")
def unique_by(v: Any, keys: Any, meter: Meter) -> list[Any]:
    return [group[0] for group in group_by(v, keys, meter)]


@native("unique", meter=True, kind="list")
def unique(v: Any, meter: Meter) -> list[Any]:
    if set(map(type, _array(v, "sorted"))) == {str}:
        meter.charge(len(v))
        return sorted(set(v))
    result: list[Any] = []
    for item in sorted_values(v, meter):
        if not result or not equal(item, result[-1], meter):
            result.append(item)
    return result


def _extreme(v: Any, keys: list[Any], meter: Meter, *, largest: bool) -> Any:
    best: Any = None
    best_key: Any = None
    for i, item in enumerate(v):
        meter.charge(1)
        order = compare(keys[i], best_key, meter) if i else 0
        if i == 0 or (order >= 0 if largest else order < 0):
            best, best_key = item, keys[i]
    return best


def _iterable_pair(v: Any) -> list[Any]:
    if type(v) is not list:
        raise RunError(f"{shown_as(v)} and {shown_as(v)} cannot be iterated over")
    return v


@native("min", meter=True)
def min_(v: Any, meter: Meter) -> Any:
    return _extreme(_iterable_pair(v), v, meter, largest=False)


@native("max", meter=True)
def max_(v: Any, meter: Meter) -> Any:
    return _extreme(_iterable_pair(v), v, meter, largest=True)


@native("_min_by", 1, meter=True)
def min_by(v: Any, keys: Any, meter: Meter) -> Any:
    return _extreme(_iterable_pair(v), keys, meter, largest=False)


@native("_max_by", 1, meter=True)
def max_by(v: Any, keys: Any, meter: Meter) -> Any:
    return _extreme(_iterable_pair(v), keys, meter, largest=True)


@native("reverse", meter=True)
def reverse(v: Any, meter: Meter) -> Any:
    if type(v) is list or type(v) is str:
        meter.read(8 * len(v))
        return v[::-1]
    if v is None or v == {}:
        return []
    raise cannot_index(v, len(v) - 1 if type(v) is dict else 0)


@native("flatten", 0, meter=True, kind="list")
def flatten(v: Any, meter: Meter) -> list[Any]:
    return flatten_to(v, float("inf"), meter)


@native("flatten", 1, meter=True, kind="list")
def flatten_to(v: Any, depth: Any, meter: Meter) -> list[Any]:
    if type(depth) not in NUMBERS:
        raise RunError("flatten depth must be a number")
    if depth < 0:
        raise RunError("flatten depth must not be negative")
    result: list[Any] = []
    stack = [(iter(elements(v)), depth)]
    while stack:
        inner, left = stack[-1]
        for item in inner:
            meter.left -= 1
            if meter.left < 0:
                meter.refill()
            if type(item) is list and left > 0:
                stack.append((iter(item), left - 1))
                break
            result.append(item)
        else:
            stack.pop()
    return result


@native("_join", 1, meter=True, kind="str")
def join(v: Any, separator: Any, meter: Meter) -> Any:
    found = v if type(v) is list else elements(v)
    meter.left -= len(found)
    if meter.left < 0:
        meter.refill()
    if not found:
        return ""
    if type(separator) is str:
        try:
            if (size := sum(map(len, found)) + len(separator) * len(found)) > BYTES_PER_STEP:
                meter.text(size)
            return separator.join(found)
        except TypeError:
            pass  # not only texts
    return _mixed_join(found, separator, meter)


def _mixed_join(found: list[Any], separator: Any, meter: Meter) -> Any:
    from crossdock.jq.numbers import add

    if separator is not None and type(separator) is not str:
        done = add("", _joinable(found[0], meter), meter)
        return done if len(found) == 1 else add(done, separator, meter)
    between = separator or ""
    texts: list[str] = []
    size = 0
    for item in found:
        text = _joinable(item, meter)
        if type(text) is not str:
            return add("".join(part + between for part in texts), text, meter)
        texts.append(text)
        size += len(text) + len(between)
    meter.text(size)
    return between.join(texts)


def _joinable(item: Any, meter: Meter) -> Any:
    """Numbers and booleans as text, null as none; arrays and objects as they are, for the error."""
    if item is None:
        return ""
    return item if type(item) in (str, list, dict) else to_string(item, meter)


@native("indices", 1, meter=True)
def indices(v: Any, wanted: Any, meter: Meter) -> Any:
    if v is None:
        return None
    if type(v) is str and type(wanted) is str:
        return _text_indices(v, wanted, meter)
    if type(v) is list:
        parts = wanted if type(wanted) is list else [wanted]
        if not parts:
            return None
        found = []
        for i in range(len(v) - len(parts) + 1):
            meter.charge(1)
            for j, part in enumerate(parts):
                if not equal(v[i + j], part, meter):
                    break
                meter.charge(1)
            else:
                found.append(i)
        return found
    raise cannot_index(v, wanted)


def _text_indices(text: str, wanted: str, meter: Meter) -> list[int] | None:
    if not wanted:
        return None
    found = []
    at = text.find(wanted)
    while at >= 0:
        meter.charge(1)
        found.append(at)
        at = text.find(wanted, at + 1)
    return found


@native("_strindices", 1, meter=True)
def strindices(v: Any, wanted: Any, meter: Meter) -> Any:
    if type(v) is not str:
        raise RunError(f"{shown_as(v)} cannot be searched, as it is not a string")
    if type(wanted) is not str:
        raise RunError(f"{shown_as(wanted)} is not a string")
    return _text_indices(v, wanted, meter) or []


@native("index", 1, meter=True)
def index(v: Any, wanted: Any, meter: Meter) -> Any:
    found = indices(v, wanted, meter)
    return found[0] if found else None


@native("rindex", 1, meter=True)
def rindex(v: Any, wanted: Any, meter: Meter) -> Any:
    found = indices(v, wanted, meter)
    return found[-1] if found else None


@native("bsearch", 1, meter=True, kind="num")
def bsearch(v: Any, wanted: Any, meter: Meter) -> int:
    if type(v) is not list:
        raise RunError(f"{shown_as(v)} cannot be searched from")
    low, high = 0, len(v) - 1
    while low <= high:
        meter.charge(1)
        middle = (low + high) // 2
        order = compare(v[middle], wanted, meter)
        if order == 0:
            return middle
        if order < 0:
            low = middle + 1
        else:
            high = middle - 1
    return -1 - low


@native("transpose", meter=True, kind="list")
def transpose(v: Any, meter: Meter) -> list[Any]:
    rows = elements(v)
    width = max((to_int(length(row)) for row in rows), default=0)
    meter.array(width * len(rows))
    meter.charge(width * len(rows))
    return [[get(row, i, meter) for row in rows] for i in range(width)]


@native("_tostream", meter=True, kind="list")
def tostream(v: Any, meter: Meter) -> list[Any]:
    events: list[Any] = []
    stack: list[tuple[list[Any], Any, bool]] = [([], v, True)]
    while stack:
        path, item, top = stack.pop()
        meter.charge(1 + len(path) // 8)
        if top is None:
            events.append([path])
        elif type(item) in (list, dict) and item:
            children = list(item.items()) if type(item) is dict else list(enumerate(item))
            last = children[-1][0]
            stack.append(([*path, last], None, None))  # type: ignore[arg-type]
            stack.extend(([*path, key], child, False) for key, child in reversed(children))
        else:
            events.append([path, item])
    return events


__all__ = ["indices", "less"]
