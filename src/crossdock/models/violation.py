"""What is wrong with an instance, told for a person: where, what, and the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import jsonschema_rs

LONGEST = 60
"""characters of a value or a name that a message repeats"""


@dataclass(frozen=True, slots=True)
class Violation:
    path: str
    """`lines.0.sku`; "" = the whole instance"""
    message: str
    """never repeats a value that the schema classifies"""

    def __str__(self) -> str:
        return f"{self.path or 'the whole value'}: {self.message}"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` was probably meant to be."""
    known = {each.casefold(): each for each in sorted(names)}
    close = get_close_matches(name[:LONGEST].casefold(), known, n=1, cutoff=0.6)
    return known[close[0]] if close else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`; did you mean "sku"?`, or nothing."""
    found = nearest(name, names)
    return f'; did you mean "{found}"?' if found else ""


def explain(error: jsonschema_rs.ValidationError, schema: Mapping[str, Any]) -> list[Violation]:
    """One of the validator's errors in our words. An object with three unknown fields gives three."""
    path = ".".join(str(part) for part in error.instance_path)
    details = error.kind.as_dict()
    *_, owner, limit = nodes = list(_walk(schema, error.evaluation_path))
    secret = any(isinstance(node, Mapping) and "x-classification" in node for node in nodes[:-1])
    value = "" if secret or isinstance(error.instance, dict | list) else f"{_quoted(error.instance)} "
    match error.kind.name:
        case "required":
            return [Violation(_join(path, details["property"]), "is missing")]
        case "additionalProperties":
            fields = owner.get("properties", {})
            return [
                Violation(_join(path, name[:LONGEST]), f"is not a field here{did_you_mean(name, fields)}")
                for name in details["unexpected"]
            ]
        case "type":
            return [Violation(path, f"should be {_wanted(limit)}, not {_given(error.instance)}")]
        case "enum":
            meant = did_you_mean(str(error.instance), map(str, limit)) if value else ""
            return [Violation(path, f"{value}should be {_choices(limit, owner)}{meant}")]
        case "pattern" | "format":
            return [Violation(path, f"{value}has the wrong form: {owner.get('description') or limit}")]
        case keyword:
            told = f" of {limit}" if isinstance(limit, str | int | float) else ""
            return [Violation(path, f"{value}breaks the rule {keyword}{told}")]


def _walk(schema: Mapping[str, Any], path: Iterable[str | int]) -> Iterator[Any]:
    """Every node from the root to the keyword that failed, through local `$ref`s."""
    node: Any = schema
    yield node
    for part in path:
        node = node[part]
        if part == "$ref" and isinstance(node, str):
            node = schema["$defs"][node.rpartition("/")[2]] if node != "#" else schema
        yield node


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _quoted(value: object) -> str:
    text = str(value)
    return f'"{text[:LONGEST]}{"…" if len(text) > LONGEST else ""}"'


def _choices(choices: list[Any], owner: Mapping[str, Any]) -> str:
    if len(choices) > 20:
        return str(owner.get("description") or f"one of {len(choices)} known values")
    return "one of " + ", ".join(str(choice) for choice in choices)


def _given(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def _wanted(types: str | list[str]) -> str:
    words = {
        "string": "text",
        "object": "an object",
        "array": "a list",
        "boolean": "true or false",
        "number": "a number",
        "integer": "a whole number",
    }
    return " or ".join(words.get(each, each) for each in ([types] if isinstance(types, str) else types))
