"""Equality and order of values as jq defines them: null < false < true < numbers < strings < arrays < objects.

Walks are iterative and charged to the meter, so deep or widely shared values cannot hang or crash a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cmp_to_key
from operator import itemgetter
from typing import Any

from crossdock.jq.budget import Meter
from crossdock.jq.errors import RunError

MAX_DEPTH = 10_000
RUN = 65_536
"""Longer arrays are sorted in runs of this length."""
_RANK = {type(None): 0, int: 3, Decimal: 3, float: 3, str: 4, list: 5, dict: 6}
_SCALARS = frozenset((type(None), bool, int, Decimal, float, str))


def rank(value: Any) -> int:
    if value is False:
        return 1
    if value is True:
        return 2
    return _RANK[type(value)]


def equal(a: Any, b: Any, meter: Meter) -> bool:
    ta, tb = type(a), type(b)
    if ta in _SCALARS or tb in _SCALARS:
        return bool(a == b) and (ta is bool) is (tb is bool)
    return _equal_deep(a, b, meter)


def _equal_deep(a: Any, b: Any, meter: Meter) -> bool:
    pending = [(a, b, 0)]
    while pending:
        x, y, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise RunError("Equality check too deep")
        kind = type(x)
        if kind is not type(y) or len(x) != len(y):
            return False
        meter.charge(len(x) + 1)
        if kind is list:
            pairs: Any = zip(x, y, strict=True)
        else:
            if x.keys() != y.keys():
                return False
            pairs = ((value, y[key]) for key, value in x.items())
        for left, right in pairs:
            tl, tr = type(left), type(right)
            if tl in _SCALARS or tr in _SCALARS:
                if left != right or (tl is bool) is not (tr is bool):
                    return False
            else:
                pending.append((left, right, depth + 1))
    return True


def _compare_scalars(a: Any, b: Any, rank_a: int, rank_b: int) -> int:
    if rank_a != rank_b:
        return -1 if rank_a < rank_b else 1
    if rank_a < 3 or a == b:
        return 0
    if rank_a == 3 and (a != a or b != b):
        return -1 if a != a else 1
    return -1 if a < b else 1


def compare(a: Any, b: Any, meter: Meter) -> int:
    """-1, 0 or 1. nan is less than any number, itself included."""
    pending = [(a, b, 0)]
    while pending:
        x, y, depth = pending.pop()
        rank_x, rank_y = rank(x), rank(y)
        if rank_x != rank_y or rank_x < 5:
            if result := _compare_scalars(x, y, rank_x, rank_y):
                return result
            continue
        if depth > MAX_DEPTH:
            raise RunError("Comparison too deep")
        meter.charge(len(x) + 1)
        if rank_x == 5:
            if len(x) != len(y):
                pending.append((len(x), len(y), 0))
            pending.extend((p, q, depth + 1) for p, q in reversed(list(zip(x, y, strict=False))))
        else:
            keys_x, keys_y = sorted(x), sorted(y)
            if keys_x != keys_y:
                return -1 if keys_x < keys_y else 1
            pending.extend((x[key], y[key], depth + 1) for key in reversed(keys_x))
    return 0


def less(a: Any, b: Any, meter: Meter) -> bool:
    return compare(a, b, meter) < 0


def sort_key(values: Sequence[Any], meter: Meter) -> Any:
    """A key function that sorts these values; None when they sort as they are."""
    kinds = set(map(type, values))
    if kinds <= {str} or kinds <= {int, Decimal}:
        return None

    def by_turns(a: Any, b: Any) -> int:
        meter.charge(1)
        return compare(a, b, meter)

    return cmp_to_key(by_turns)


def _in_runs(values: list[Any], key: Any, meter: Meter) -> list[Any]:
    """Sorted in runs that are then merged, two and two, so that the clock is looked at in between."""
    runs = []
    for start in range(0, len(values), RUN):
        meter.charge(RUN)
        runs.append(sorted(values[start : start + RUN], key=key))
    while len(runs) > 1:
        merged = []
        for i in range(0, len(runs), 2):
            both = [item for run in runs[i : i + 2] for item in run]
            meter.charge(len(both))
            both.sort(key=key)
            merged.append(both)
        runs = merged
    return runs[0]


def _sorted(values: list[Any], key: Any, meter: Meter) -> list[Any]:
    if len(values) > RUN:
        return _in_runs(values, key, meter)
    meter.charge(len(values))
    return sorted(values, key=key)


def sorted_values(values: list[Any], meter: Meter) -> list[Any]:
    return _sorted(values, sort_key(values, meter), meter)


def sorted_pairs(values: list[Any], keys: list[Any], meter: Meter) -> list[tuple[Any, Any]]:
    """(key, value) pairs, stably sorted by key."""
    if all(len(key) == 1 for key in keys):
        keys = [key[0] for key in keys]
    by = sort_key(keys, meter)
    pairs = list(zip(keys, values, strict=True))
    return _sorted(pairs, itemgetter(0) if by is None else lambda pair: by(pair[0]), meter)


def without(a: list[Any], b: list[Any], meter: Meter) -> list[Any]:
    """The elements of `a` that equal none of `b`."""
    if all(type(x) is str for x in b):
        meter.charge(len(a) + len(b))
        gone = frozenset(b)
        return [x for x in a if type(x) is not str or x not in gone]
    result = []
    for x in a:
        meter.charge(len(b) + 1)
        if not any(equal(x, y, meter) for y in b):
            result.append(x)
    return result
