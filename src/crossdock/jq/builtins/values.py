"""Natives about types, numbers as text, objects and containment."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from crossdock.jq.budget import Meter
from crossdock.jq.builtins.registry import native
from crossdock.jq.edit import delete_paths, get_path, set_path
from crossdock.jq.errors import RunError
from crossdock.jq.numbers import NUMBERS, negate, too_long
from crossdock.jq.order import equal
from crossdock.jq.runtime import elements, keyed, members, object_key, to_string
from crossdock.jq.text import shown_as, to_text, type_name

_NUMBER_TEXT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII).fullmatch

native("getpath", 1, meter=True)(get_path)
native("setpath", 2, meter=True)(set_path)
native("delpaths", 1, meter=True)(delete_paths)
native("type", kind="str")(type_name)
native("tojson", meter=True, kind="str")(to_text)
native("tostring", meter=True, kind="str")(to_string)


@native("fromjson", meter=True)
def fromjson(v: Any, meter: Meter) -> Any:
    from crossdock.jq.json import parse_in_program

    if type(v) is not str:
        raise RunError(f"{shown_as(v)} only strings can be parsed")
    meter.charge(len(v) // 8)
    return parse_in_program(v)


@native("tonumber", kind="num")
def tonumber(v: Any) -> Any:
    kind = type(v)
    if kind is str:
        if not v.strip("0123456789.") or _NUMBER_TEXT(v):
            try:
                return int(v) if v.isdigit() else Decimal(v)
            except InvalidOperation:  # no digit, several points, or an exponent out of reach
                if _NUMBER_TEXT(v):
                    raise too_long() from None
            except (ValueError, ArithmeticError):
                raise too_long() from None
    elif kind in NUMBERS:
        return v
    raise RunError(f"{shown_as(v)} cannot be parsed as a number")


@native("toboolean", kind="bool")
def toboolean(v: Any) -> bool:
    if type(v) is bool:
        return v
    if v == "true":
        return True
    if v == "false":
        return False
    raise RunError(f"{shown_as(v)} cannot be parsed as a boolean")


@native("length")
def length(v: Any) -> Any:
    kind = type(v)
    if kind is str or kind is list or kind is dict:
        return len(v)
    if v is None:
        return 0
    if kind in NUMBERS:
        return abs_(v)
    raise RunError(f"{shown_as(v)} has no length")


@native("utf8bytelength", meter=True, kind="int")
def utf8bytelength(v: Any, meter: Meter) -> int:
    if type(v) is not str:
        raise RunError(f"{shown_as(v)} only strings have UTF-8 byte length")
    meter.read(len(v))
    return len(v.encode("utf-8", "replace"))


@native("abs")
def abs_(v: Any) -> Any:
    if type(v) in NUMBERS:
        if v < 0:
            return negate(v)
        return v.copy_abs() if hasattr(v, "copy_abs") else v
    if type(v) is str:
        return v
    raise RunError(f"{shown_as(v)} has no absolute value")


@native("toarray", kind="list")
def toarray(v: Any) -> list[Any]:
    return v if type(v) is list else [v]


@native("keys", meter=True, kind="list")
def keys(v: Any, meter: Meter) -> list[Any]:
    if type(v) is dict:
        meter.charge(len(v))
        return sorted(v)
    return keys_unsorted(v, meter)


@native("keys_unsorted", meter=True, kind="list")
def keys_unsorted(v: Any, meter: Meter) -> list[Any]:
    if type(v) is dict:
        meter.read(8 * len(v))
        return list(v)
    if type(v) is list:
        meter.read(8 * len(v))
        return list(range(len(v)))
    raise RunError(f"{shown_as(v)} has no keys")


@native("has", 1, kind="bool")
def has(v: Any, key: Any) -> bool:
    if type(v) is dict and type(key) is str:
        return key in v
    if type(v) is list and type(key) in NUMBERS:
        return bool(0 <= key < len(v))
    if v is None and (type(key) is str or type(key) in NUMBERS):
        return False
    raise RunError(f"Cannot check whether {type_name(v)} has a {type_name(key)} key")


@native("to_entries", kind="list", meter=True)
def to_entries(v: Any, meter: Meter) -> list[Any]:
    found = [{"key": key, "value": item} for key, item in (v if type(v) is dict else keyed(v)).items()]
    meter.charge(len(found))
    return found


_KEYS, _VALUES = ("key", "k", "name", "Name", "Key", "K"), ("value", "v", "Value", "V")


@native("from_entries", kind="dict", meter=True)
def from_entries(v: Any, meter: Meter) -> dict[str, Any]:
    result: dict[str, Any] = {}
    found = elements(v)
    meter.charge(len(found))
    for entry in found:
        put_entry(result, entry, meter)
    return result


def put_entry(result: dict[str, Any], entry: Any, meter: Meter) -> None:
    """Adds what an entry such as {"key": …, "value": …} says; the names may be spelled in several ways."""
    if type(entry) is not dict:
        entry = members(entry, "key")
    key = entry.get("key")
    if type(key) is not str:
        named = [entry[name] for name in _KEYS if name in entry]
        told = [each for each in named if each is not None and each is not False]
        key = (told or named or [None])[0]
    result[entry_key(key, meter)] = next((entry[name] for name in _VALUES if name in entry), None)


def entry_key(key: Any, meter: Meter) -> str:
    if type(key) is str:
        return key
    return "null" if key is None else to_text(key, meter) if type(key) in (bool, *NUMBERS) else object_key(key)


@native("contains", 1, kind="bool", meter=True)
def contains(a: Any, b: Any, meter: Meter) -> bool:
    if type(a) is type(b) or (type(a) in NUMBERS and type(b) in NUMBERS):
        return _contains(a, b, meter)
    raise RunError(f"{shown_as(a)} and {shown_as(b)} cannot have their containment checked")


def _contains(a: Any, b: Any, meter: Meter) -> bool:
    """Arrays need an "any" inside an "all", so this walk keeps a stack of its own only for single chains."""
    depth = 0
    while True:
        if depth > 10_000:
            raise RunError("Containment check too deep")
        depth += 1
        meter.charge(1)
        if type(a) is str and type(b) is str:
            meter.read(len(a))
            return b in a
        if type(a) is dict and type(b) is dict:
            if not all(key in a for key in b):
                return False
            pairs = [(a[key], item) for key, item in b.items()]
        elif type(a) is list and type(b) is list:
            if len(a) == 1 and len(b) == 1:
                pairs = [(a[0], b[0])]
            else:
                return all(any(_contained(x, y, meter) for x in a) for y in b)
        else:
            return equal(a, b, meter)
        if not pairs:
            return True
        for x, y in pairs[:-1]:
            if not _contained(x, y, meter):
                return False
        a, b = pairs[-1]
        if not _comparable(a, b):
            return equal(a, b, meter)


def _comparable(a: Any, b: Any) -> bool:
    return type(a) is type(b) and type(a) in (str, list, dict)


def _contained(a: Any, b: Any, meter: Meter) -> bool:
    meter.charge(1)
    return _contains(a, b, meter) if _comparable(a, b) else equal(a, b, meter)


@native("have_decnum", kind="bool")
@native("have_literal_numbers", kind="bool")
def _yes(_v: Any) -> bool:
    return True


@native("input")
def _input(_v: Any) -> Any:
    raise RunError("break")


for _name in ("halt", "halt_error", "input_filename", "input_line_number", "get_search_list", "get_prog_origin",
              "get_jq_origin"):  # fmt: skip

    def _refused(_v: Any, *_args: Any, _name: str = _name) -> Any:
        raise RunError(f"{_name} is not available: a program sees nothing but its input")

    native(_name)(_refused)
    if _name == "halt_error":
        native(_name, 1)(_refused)


@native("builtins", kind="list")
def _builtins(_v: Any) -> list[str]:
    from crossdock.jq.builtins.names import builtin_names

    return [f"{name}/{arity}" for name, arity in builtin_names() if not name.startswith("_")]
