"""Within a major, a model only grows: what was written stays valid, and who read it still can.

Allowed: a new optional field in a closed object, a new choice in an `enum`, a looser limit, other words.
All else needs a new major.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crossdock.models.violation import Violation

FLOORS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
CEILINGS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
FIXED = (
    "type", "const", "pattern", "format", "multipleOf", "uniqueItems", "prefixItems", "contains", "not", "if", "then",
    "else", "allOf", "anyOf", "oneOf", "patternProperties", "propertyNames", "dependentRequired", "dependentSchemas",
    "unevaluatedProperties", "unevaluatedItems",
)  # fmt: skip
"""any change counts: either what was written or who reads it may break"""


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Violation]:
    """What in `new` breaks the promise that `old` made; [] = same major. Both stand alone (`Model.source`)."""
    return list(_compare(old, new, old, new, "", frozenset()))


def _compare(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    old_root: Mapping[str, Any],
    new_root: Mapping[str, Any],
    path: str,
    seen: frozenset[tuple[str, str]],
) -> Iterator[Violation]:
    pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
    if any(pair):
        if pair in seen:
            return
        seen |= {pair}
        old, new = _resolved(old, old_root), _resolved(new, new_root)
    yield from _limits(old, new, path)
    yield from _class(old, new, path)
    yield from _members(old, new, path)
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() & after.keys()):
        place = f"{path}.{name}" if path else name
        yield from _compare(before[name], after[name], old_root, new_root, place, seen)
    for keyword in ("items", "additionalProperties"):
        was, now = old.get(keyword), new.get(keyword)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from _compare(was, now, old_root, new_root, f"{path}.*" if path else "*", seen)
        elif was != now:
            yield Violation(path, f"`{keyword}` changed")


def _members(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Violation]:
    before, after = old.get("properties", {}), new.get("properties", {})
    must, must_now = set(old.get("required", ())), set(new.get("required", ()))
    closed = old.get("additionalProperties", True) is False
    for name in sorted(before.keys() | after.keys() | must | must_now):
        place = f"{path}.{name}" if path else name
        if name in before and name not in after:
            yield Violation(place, "was removed")
        elif name in must_now - must:
            yield Violation(place, "is required now: what was written before may lack it")
        elif name in must - must_now:
            yield Violation(place, "is no longer required: readers count on it")
        elif name in after and name not in before and not closed:
            yield Violation(place, "was added to an open object: it may hold something else there already")


def _limits(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Violation]:
    for keyword in FIXED:
        if old.get(keyword) != new.get(keyword):
            yield Violation(path, f"`{keyword}` changed")
    for keywords, tighter in ((FLOORS, 1), (CEILINGS, -1)):
        for keyword in keywords:
            was, now = old.get(keyword), new.get(keyword)
            if now is not None and (was is None or (now - was) * tighter > 0):
                yield Violation(path, f"`{keyword}` is tighter: {now}")
    if ("enum" in old) != ("enum" in new):
        yield Violation(path, "`enum` came or went")
    elif gone := [choice for choice in old.get("enum", ()) if choice not in new["enum"]]:
        yield Violation(path, f"choices were removed: {', '.join(map(str, gone))}")


def _class(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Violation]:
    was, now = old.get("x-classification"), new.get("x-classification")
    if was and was != now:
        yield Violation(path, f"was {was} and is {now or 'not classified'} now")


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        beside = {name: part for name, part in schema.items() if name != "$ref"}
        ref = schema["$ref"]
        schema = {**(root if ref == "#" else root["$defs"][ref.rpartition("/")[2]]), **beside}
    return schema
