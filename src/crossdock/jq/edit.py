"""Reading and changing values at paths. Values are never changed in place: containers on the way are copied."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

from crossdock.jq.budget import Meter
from crossdock.jq.errors import RunError
from crossdock.jq.numbers import NUMBERS, within_reach
from crossdock.jq.order import compare, equal
from crossdock.jq.runtime import NOTHING, get, slice_bounds, slice_of
from crossdock.jq.text import shown, type_name

MAX_PATH = 10_000
MAX_INDEX = 2**29 - 2


def _checked(path: Any) -> Sequence[Any]:
    if type(path) is not list and type(path) is not tuple:
        raise RunError("Path must be specified as an array")
    if len(path) > MAX_PATH:
        raise RunError("Path too deep")
    return path


def get_path(v: Any, path: Any, meter: Meter) -> Any:
    for key in _checked(path):
        if v is None:
            return None
        v = get(v, key, meter)
    return v


def set_path(v: Any, path: Any, new: Any, meter: Meter) -> Any:
    """A copy of `v` with `new` at `path`."""
    steps: list[tuple[Any, Any]] = []
    for key in _checked(path):
        steps.append((v, key))
        v = get(v, key, meter)
    for parent, key in reversed(steps):
        new = put(parent, key, new, meter)
    return new


def put(v: Any, key: Any, new: Any, meter: Meter) -> Any:
    """A copy of `v` with `new` under one key."""
    kind = type(key)
    if kind is str and (v is None or type(v) is dict):
        result = {} if v is None else dict(v)
        result[key] = new
        meter.array(len(result))
        return result
    if kind in NUMBERS and (v is None or type(v) is list):
        return _put_index(v or [], key, new, meter)
    if kind is dict and (v is None or type(v) is list):
        if type(new) is not list:
            raise RunError("A slice of an array can only be assigned another array")
        old = v or []
        first, last = slice_bounds(len(old), *slice_of(key))
        meter.array(len(old) + len(new))
        return old[:first] + new + old[last:]
    if kind is dict and type(v) is str:
        raise RunError("Cannot update string slices")
    if kind is list and type(v) is list:
        raise RunError("Cannot update field at array index of array")
    if kind is dict:
        raise RunError(f"Cannot update field at object index of {type_name(v)}")
    get(v, key, meter)
    raise RunError(f"Invalid path component {shown(key)} for {type_name(v)}")


def _put_index(v: list[Any], key: Any, new: Any, meter: Meter) -> list[Any]:
    if key != key:
        raise RunError("Cannot set array element at NaN index")
    i = math.floor(within_reach(key))
    if i < 0:
        i += len(v)
        if i < 0:
            raise RunError("Out of bounds negative array index")
    if i > MAX_INDEX:
        raise RunError("Array index too large")
    meter.array(max(len(v), i + 1))
    result = v + [None] * (i + 1 - len(v))
    result[i] = new
    return result


class Editor:
    """Several changes to one value; a container is copied the first time it is changed, and then owned.

    What a caller's function was given, or what was put in, may be referred to from elsewhere and is no longer
    owned.
    """

    def __init__(self, root: Any, meter: Meter) -> None:
        self.root = root
        self.meter = meter
        self._owned: dict[int, Any] = {}

    def set(self, path: Sequence[Any], new: Any) -> None:
        if not path:
            self.root = new
            self._owned.clear()
            return
        holder: Any = None
        at: Any = None
        node = self.root
        for key in path[:-1]:
            node = self._own(node, key, holder, at)
            holder, at = node, key if type(node) is dict or type(key) is not dict else None
            if at is None:
                self._plain(path, new)
                return
            node = get(node, key, self.meter)
        last = path[-1]
        if id(node) in self._owned:
            if type(node) is dict and type(last) is str:
                node[last] = new
                self.meter.charge(1)
                return
            if type(node) is list and type(last) is int and 0 <= last < len(node):
                node[last] = new
                self.meter.charge(1)
                return
        changed = put(node, last, new, self.meter)
        self._owned[id(changed)] = changed
        self._attach(holder, at, changed)

    def _plain(self, path: Sequence[Any], new: Any) -> None:
        self.root = set_path(self.root, path, new, self.meter)
        self._owned.clear()

    def _own(self, node: Any, key: Any, holder: Any, at: Any) -> Any:
        if id(node) in self._owned:
            return node
        if type(node) is dict:
            copy: Any = dict(node)
        elif type(node) is list:
            copy = list(node)
        elif node is None:
            copy = {} if type(key) is str else []
        else:
            get(node, key, self.meter)
            return node
        self.meter.array(len(copy))
        self._owned[id(copy)] = copy
        self._attach(holder, at, copy)
        return copy

    def _attach(self, holder: Any, at: Any, child: Any) -> None:
        if holder is None:
            self.root = child
        elif type(holder) is list:
            if type(at) is int and -len(holder) <= at < len(holder):
                holder[at] = child
            else:
                grown = put(holder, at, child, self.meter)
                holder[:] = grown
        elif type(at) is str:
            holder[at] = child
        else:
            put(holder, at, child, self.meter)

    def share(self, path: Sequence[Any], value: Any) -> None:
        """`value`, found at `path`, is about to be seen from outside."""
        if type(value) is dict or type(value) is list:
            kept: dict[int, Any] = {}
            node = self.root
            for key in path:
                if id(node) in self._owned:
                    kept[id(node)] = node
                node = get(node, key, self.meter)
                if node is None:
                    break
            kept.pop(id(value), None)
            self._owned = kept


def assign(v: Any, paths: list[Any], new: Any, meter: Meter) -> Any:
    editor = Editor(v, meter)
    for path in paths:
        editor.set(_checked(path), new)
        if type(new) is dict or type(new) is list:
            editor._owned.pop(id(new), None)
    return editor.root


def modify(v: Any, paths: list[Any], change: Callable[[Any], Any], meter: Meter) -> Any:
    """`|=`: the first output of the change replaces what is at each path; none deletes it, at the end."""
    editor = Editor(v, meter)
    gone = []
    for path in paths:
        meter.charge(1)
        old = get_path(editor.root, path, meter)
        editor.share(path, old)
        new = change(old)
        if new is NOTHING:
            gone.append(path)
        else:
            editor.set(path, new)
    return delete_paths(editor.root, gone, meter) if gone else editor.root


def delete_paths(v: Any, paths: Any, meter: Meter) -> Any:
    """A copy without what is at the paths, all of which mean places in the original."""
    if type(paths) is not list:
        raise RunError("Paths must be specified as an array")
    places: list[list[Any]] = []
    for path in paths:
        if type(path) is not tuple and type(path) is not list:
            raise RunError("Path must be specified as an array")
        if not path:
            return None
        place = _absolute(v, _checked(path), meter)
        if place is not None:
            places.append(place)

    def by_parent(a: list[Any], b: list[Any]) -> int:
        return compare(a[:-1], b[:-1], meter)

    places.sort(key=cmp_to_key(by_parent), reverse=True)
    i = 0
    while i < len(places):
        parent = places[i][:-1]
        keys: list[Any] = []
        while i < len(places) and equal(places[i][:-1], parent, meter):
            keys.append(places[i][-1])
            i += 1
        v = _delete(v, parent, keys, meter)
    return v


def _absolute(v: Any, path: Sequence[Any], meter: Meter) -> list[Any] | None:
    """The path with indices counted from the start; None where it leads to nothing."""
    result: list[Any] = []
    for i, key in enumerate(path):
        if v is None:
            return None
        kind = type(key)
        if type(v) is list and kind in NUMBERS:
            if key != key:
                return None
            key = math.floor(within_reach(key))
            key += len(v) if key < 0 else 0
            if not 0 <= key < len(v):
                return None
        elif type(v) is list and kind is dict:
            first, last = slice_bounds(len(v), *slice_of(key))
            key = {"start": first, "end": last}
        elif i == len(path) - 1:
            _check_delete(v, key)
            if key not in v:
                return None
        result.append(key)
        if i < len(path) - 1:
            v = get(v, key, meter)
    return result


def _check_delete(v: Any, key: Any) -> None:
    kind = type(key)
    if type(v) is dict and kind is str:
        return
    if type(v) is dict:
        raise RunError(f"Cannot delete field at {type_name(key)} index of object")
    if type(v) is list:
        if kind is str:
            raise RunError(f"Cannot index array with string ({shown(key)})")
        raise RunError(f"Cannot delete field at {type_name(key)} index of array")
    raise RunError(f"Cannot delete {'fields' if kind is str else 'elements'} from {type_name(v)}")


def _delete(v: Any, parent: list[Any], keys: list[Any], meter: Meter) -> Any:
    steps: list[tuple[Any, Any]] = []
    node = v
    key: Any
    for key in parent:
        if node is None:
            return v
        steps.append((node, key))
        node = get(node, key, meter)
    if node is None:
        return v
    meter.charge(len(node) // 8 + len(keys))
    new: Any
    if type(node) is dict:
        gone = set(keys)
        new = {key: item for key, item in node.items() if key not in gone}
    else:
        places: set[int] = set()
        for key in keys:
            places.update(range(key["start"], key["end"]) if isinstance(key, dict) else (key,))
        new = [item for i, item in enumerate(node) if i not in places]
    for holder, key in reversed(steps):
        new = put(holder, key, new, meter)
    return new
