"""Natives that pass parts of their input on, or look at less than the whole of it. All others compute from everything.

Each rule gives the result, and what the native looked at to make it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from crossdock.jq.lineage.value import ANY, NONE, NULL, Sources, Value

Rule = Callable[..., tuple[Value, Sources]]
NATIVE: dict[tuple[str, int], Rule] = {}


def _rule(*names: tuple[str, int]) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        NATIVE.update(dict.fromkeys(names, rule))
        return rule

    return register


def _all(*values: Value) -> Sources:
    found: Sources = NONE
    for value in values:
        data, decided = value.everything()
        found |= data | decided
    return found


@_rule(("type", 0), ("length", 0), ("keys", 0), ("keys_unsorted", 0), ("have_decnum", 0), ("have_literal_numbers", 0))
def _shape(v: Value) -> tuple[Value, Sources]:
    return Value(data=v.scalar() | v.keys, decided=v.decided), v.shape()


@_rule(("has", 1))
def _has(v: Value, key: Value) -> tuple[Value, Sources]:
    looked = v.shape() | _all(key)
    return Value(data=looked), looked


@_rule(
    ("infinite", 0), ("nan", 0), ("builtins", 0), ("input", 0), ("halt", 0), ("get_search_list", 0),
    ("input_filename", 0), ("input_line_number", 0), ("get_jq_origin", 0), ("get_prog_origin", 0),
)  # fmt: skip
def _constant(_v: Value) -> tuple[Value, Sources]:
    return NULL, NONE


@_rule(("to_entries", 0))
def _to_entries(v: Value) -> tuple[Value, Sources]:
    key = Value(data=v.scalar() | v.keys, decided=v.decided)
    entry = Value(members={"key": key, "value": v.step(ANY)})
    return Value(members={ANY: entry}, decided=v.decided, keys=v.shape()), v.shape()


_KEYS = ("key", "k", "name", "Name", "Key", "K")
_HELD = ("value", "v", "Value", "V")


@_rule(("from_entries", 0))
def _from_entries(v: Value) -> tuple[Value, Sources]:
    entry = v.step(ANY)
    names = _joined(entry.step(name) for name in _KEYS)
    held = _joined(entry.step(name) for name in _HELD)
    looked = v.shape() | entry.shape() | _all(names)
    return Value(members={ANY: held}, decided=v.decided, keys=looked), looked


def _joined(values: Iterable[Value]) -> Value:
    found: Value | None = None
    for value in values:
        found = value if found is None else found.joined(value)
    return found or NULL


@_rule(("sort", 0), ("unique", 0))
def _sorted(v: Value) -> tuple[Value, Sources]:
    looked = _all(v)
    return Value(members={ANY: v.step(ANY)}, decided=looked, keys=looked), looked


@_rule(("_sort_by", 1), ("_unique_by", 1))
def _sorted_by(v: Value, keys: Value) -> tuple[Value, Sources]:
    looked = v.shape() | _all(keys)
    return Value(members={ANY: v.step(ANY)}, decided=looked, keys=looked), looked


@_rule(("_group_by", 1))
def _grouped_by(v: Value, keys: Value) -> tuple[Value, Sources]:
    looked = v.shape() | _all(keys)
    group = Value(members={ANY: v.step(ANY)}, keys=looked)
    return Value(members={ANY: group}, decided=looked, keys=looked), looked


@_rule(("min", 0), ("max", 0))
def _extreme(v: Value) -> tuple[Value, Sources]:
    looked = _all(v)
    return v.step(ANY).depending(decided=looked), looked


@_rule(("_min_by", 1), ("_max_by", 1))
def _extreme_by(v: Value, keys: Value) -> tuple[Value, Sources]:
    looked = v.shape() | _all(keys)
    return v.step(ANY).depending(decided=looked), looked


@_rule(("reverse", 0))
def _reversed(v: Value) -> tuple[Value, Sources]:
    return Value(members={ANY: v.step(ANY)}, data=v.scalar(), decided=v.decided, keys=v.keys), v.shape()


@_rule(("flatten", 0), ("flatten", 1))
def _flattened(v: Value, depth: Value = NULL) -> tuple[Value, Sources]:
    looked = _all(v, depth)
    return Value(members={ANY: v.step(ANY).anywhere()}, decided=v.decided, keys=looked), looked


@_rule(("transpose", 0))
def _transposed(v: Value) -> tuple[Value, Sources]:
    looked = v.shape() | v.step(ANY).shape()
    column = Value(members={ANY: v.step(ANY).step(ANY)}, keys=looked)
    return Value(members={ANY: column}, decided=v.decided, keys=looked), looked


@_rule(("toarray", 0))
def _as_array(v: Value) -> tuple[Value, Sources]:
    looked = v.shape()
    return v.joined(Value(members={ANY: v})).depending(decided=looked), looked
