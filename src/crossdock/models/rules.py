"""What a model's schema must be beyond valid JSON Schema, so that maps can be checked and majors can grow."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

from crossdock.models.bundle import LOCAL, SHARED, shared_definitions
from crossdock.models.violation import did_you_mean, nearest

CLASSES = ("personal", "financial")
TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
FORMATS = (
    "date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4", "ipv6", "uri",
    "uri-reference", "iri", "iri-reference", "uri-template", "uuid", "json-pointer", "relative-json-pointer", "regex",
)  # fmt: skip
KEYWORDS = (
    "$id", "$schema", "$ref", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "$comment", "$defs",
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "prefixItems", "items", "contains",
    "properties", "patternProperties", "additionalProperties", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties", "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum",
    "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains",
    "minContains", "maxProperties", "minProperties", "required", "dependentRequired", "title", "description",
    "default", "deprecated", "readOnly", "writeOnly", "examples", "format", "contentEncoding", "contentMediaType",
    "contentSchema", "x-classification",
)  # fmt: skip
"""of JSON Schema 2020-12, and ours; a word of somebody else's begins with x-"""
TYPED = ("type", "$ref", "enum", "const", "allOf", "anyOf", "oneOf")
Path = tuple[str | int, ...]
Broken = tuple[Path, str]
"""where in the schema, and what is wrong there"""


def misshapen(node: Any, path: Path = ()) -> Iterator[Broken]:
    """What is of another kind than the rules can be asked of."""
    if not isinstance(node, Mapping):
        yield path, "should be a schema"
        return
    for word in ("properties", "$defs"):
        members = node.get(word, {})
        if isinstance(members, Mapping):
            for name, member in members.items():
                yield from misshapen(member, (*path, word, name))
        else:
            yield (*path, word), f"`{word}` should be names, with a schema for each"
    for word in ("allOf", "anyOf", "oneOf"):
        if isinstance(members := node.get(word, []), list):
            for index, member in enumerate(members):
                yield from misshapen(member, (*path, word, index))
        else:
            yield (*path, word), f"`{word}` should be a list of schemas"
    for word in ("items", "additionalProperties"):
        if not isinstance(member := node.get(word, True), bool):
            yield from misshapen(member, (*path, word))
    for word in ("enum", "required"):
        if not isinstance(node.get(word, []), list):
            yield (*path, word), f"`{word}` should be a list"


def broken_rules(schema: Mapping[str, Any]) -> Iterator[Broken]:
    """Only for what is not `misshapen`."""
    found = list(_walk(schema, (), schema.get("$defs", {})))
    is_object = schema.get("type") == "object" and "properties" in schema
    if not is_object and not any(len(path) <= 1 for path, _ in found):
        yield (), "a model is an object: `type: object` with `properties`"
    yield from found


def broken_property_rules(schema: Mapping[str, Any]) -> Iterator[Broken]:
    """As `broken_rules`, for a piece of a model such as an extension."""
    yield from _walk(schema, (), schema.get("$defs", {}))


def _walk(node: Mapping[str, Any], path: Path, own: Mapping[str, Any]) -> Iterator[Broken]:
    yield from _reference(node, path, own)
    misspelt = yield from _keywords(node, path)
    yield from _types(node, path)
    yield from _required(node, path)
    if node.get("x-classification", "personal") not in CLASSES:
        yield (*path, "x-classification"), f"`x-classification` is one of {', '.join(CLASSES)}"
    closed = "additionalProperties" in node or "additionalProperties" in misspelt
    if node.get("type") == "object" and "properties" in node and not closed:
        yield path, "say `additionalProperties: false`, or what kind of other fields it may have"
    for name, member in node.get("properties", {}).items():
        place = (*path, "properties", name)
        words = {*member, *(nearest(word, KEYWORDS) for word in member)}
        if not any(word in words for word in TYPED):
            yield place, f'"{name}" has no type'
        if "description" not in words and "$ref" not in member:
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


def _keywords(node: Mapping[str, Any], path: Path) -> Generator[Broken, None, set[str]]:
    """Returns what those that are none were probably meant to be."""
    meant: set[str] = set()
    for word in node:
        if word not in KEYWORDS and not word.startswith("x-"):
            hint = did_you_mean(word, KEYWORDS) or "; what is only for people is a `description`"
            yield (*path, word), f"`{word}` says nothing here{hint}"
            meant.add(nearest(word, KEYWORDS) or "")
    return meant


def _types(node: Mapping[str, Any], path: Path) -> Iterator[Broken]:
    said = node.get("type", ())
    types = said if isinstance(said, list | tuple) else [said]
    for name in types:
        if name not in TYPES:
            hint = did_you_mean(str(name), TYPES) or f"; there are: {', '.join(TYPES[:-1])}"
            yield (*path, "type"), f'there is no type "{name}"{hint}'
    if "null" in types or None in node.get("enum", ()):
        yield (*path, "type"), "null is no value in a model: leave the field out of `required` instead"
    if isinstance(name := node.get("format"), str) and name not in FORMATS:
        hint = did_you_mean(name, FORMATS) or f"; there are: {', '.join(FORMATS)}"
        yield (*path, "format"), f'there is no format "{name}"{hint}'


def _required(node: Mapping[str, Any], path: Path) -> Iterator[Broken]:
    """In an object that has no other fields, whoever asks for one is never content."""
    fields, required = node.get("properties"), node.get("required")
    if not isinstance(fields, Mapping) or not isinstance(required, list):
        return
    if node.get("additionalProperties") is not False or "patternProperties" in node:
        return
    for index, name in enumerate(required):
        if isinstance(name, str) and name not in fields:
            yield (
                (*path, "required", index),
                f'"{name}" is required, and is no field here{did_you_mean(name, fields)}',
            )


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
