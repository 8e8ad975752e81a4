"""What a model's schema must be beyond valid JSON Schema, so that maps can be checked and majors can grow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crossdock.models.bundle import LOCAL, SHARED, shared_definitions
from crossdock.models.violation import did_you_mean

CLASSES = ("personal", "financial")
TYPED = ("type", "$ref", "enum", "const", "allOf", "anyOf", "oneOf")
Path = tuple[str | int, ...]
Broken = tuple[Path, str]
"""where in the schema, and what is wrong there"""


def broken_rules(schema: Mapping[str, Any]) -> Iterator[Broken]:
    if schema.get("type") != "object" or "properties" not in schema:
        yield (), "a model is an object: `type: object` with `properties`"
    yield from _walk(schema, (), schema.get("$defs", {}))


def broken_property_rules(schema: Mapping[str, Any]) -> Iterator[Broken]:
    """As `broken_rules`, for a piece of a model such as an extension."""
    yield from _walk(schema, (), schema.get("$defs", {}))


def _walk(node: Mapping[str, Any], path: Path, own: Mapping[str, Any]) -> Iterator[Broken]:
    yield from _reference(node, path, own)
    types = node.get("type", ())
    if "null" in ([types] if isinstance(types, str) else types) or None in node.get("enum", ()):
        yield (*path, "type"), "null is no value in a model: leave the field out of `required` instead"
    if node.get("x-classification", "personal") not in CLASSES:
        yield (*path, "x-classification"), f"`x-classification` is one of {', '.join(CLASSES)}"
    if node.get("type") == "object" and "properties" in node and "additionalProperties" not in node:
        yield path, "say `additionalProperties: false`, or what kind of other fields it may have"
    for name, member in node.get("properties", {}).items():
        place = (*path, "properties", name)
        if not isinstance(member, Mapping):
            yield place, "should be a schema"
            continue
        if not any(word in member for word in TYPED):
            yield place, f'"{name}" has no type'
        if "description" not in member and "$ref" not in member:
            yield place, f'"{name}" has no description'
        yield from _walk(member, place, own)
    for keyword in ("items", "additionalProperties"):
        if isinstance(below := node.get(keyword), Mapping):
            yield from _walk(below, (*path, keyword), own)
    for keyword in ("allOf", "anyOf", "oneOf"):
        for index, each in enumerate(node.get(keyword, ())):
            yield from _walk(each, (*path, keyword, index), own)
    for name, definition in node.get("$defs", {}).items():
        yield from _walk(definition, (*path, "$defs", name), own)


def _reference(node: Mapping[str, Any], path: Path, own: Mapping[str, Any]) -> Iterator[Broken]:
    ref = node.get("$ref")
    if ref is None or ref == "#":
        return
    place = (*path, "$ref")
    for prefix, known in ((SHARED, shared_definitions()), (LOCAL, own)):
        if isinstance(ref, str) and ref.startswith(prefix):
            name = ref.removeprefix(prefix)
            if name not in known:
                yield place, f'there is no definition "{name}"{did_you_mean(name, known)}'
            return
    yield place, f"a `$ref` leads to {SHARED}NAME or {LOCAL}NAME; nothing else is looked up"
