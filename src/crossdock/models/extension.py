"""A project's additions to a shipped model: optional fields, and nothing else.

```yaml
extends: order
properties:
  gift_message: {type: string, maxLength: 500, description: Printed on the card.}
  lines:                     # a field that the model has: go into it
    items:
      properties:
        engraving: {type: string, maxLength: 40, description: Text cut into the piece.}
```
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crossdock.models.rules import Broken, Path, broken_property_rules

WORDS = ("extends", "title", "description", "properties", "$defs")


def extension_problems(model: Mapping[str, Any], extension: Mapping[str, Any]) -> Iterator[Broken]:
    """Only for what is not `misshapen`."""
    for word in extension:
        if word not in WORDS:
            yield (word,), f"an extension may have {', '.join(WORDS)}; not `{word}`"
    for name in extension.get("$defs", {}):
        if name in model.get("$defs", {}):
            yield ("$defs", name), f'the model has a definition "{name}" of its own'
    yield from _clashes(model, extension, ())


def extended(model: Mapping[str, Any], extension: Mapping[str, Any]) -> dict[str, Any]:
    """`model` with the extension's fields. Neither is changed. Only for what `extension_problems` finds well."""
    grown = _grown(model, extension)
    if definitions := extension.get("$defs"):
        grown["$defs"] = {**model.get("$defs", {}), **definitions}
    return grown


def _clashes(model: Mapping[str, Any], extension: Mapping[str, Any], path: Path) -> Iterator[Broken]:
    if path:
        for word in extension:
            if word not in ("properties", "items"):
                yield (*path, word), f"the model says what this is; an extension adds fields, not `{word}`"
        if "properties" in extension and model.get("type") != "object":
            where = "go into its `items`" if model.get("type") == "array" else "add your field beside it"
            yield (*path, "properties"), f"this has no fields of its own; {where}"
            return
    for name, member in extension.get("properties", {}).items():
        place = (*path, "properties", name)
        old = model.get("properties", {}).get(name)
        if old is None:
            yield from (((*path, *below), what) for below, what in broken_property_rules(_one(name, member)))
        elif "properties" not in member and "items" not in member:
            yield place, f'the model has a field "{name}" already'
        elif "$ref" in old:
            yield place, f'"{name}" is a shared definition; add your field beside it'
        else:
            yield from _clashes(old, member, place)
    if (items := extension.get("items")) is not None:
        old = model.get("items", {})
        if not isinstance(items, Mapping):
            yield (*path, "items"), "should be a schema"
        elif "$ref" in old or not old:
            yield (*path, "items"), "these items are a shared definition; add your field beside the list"
        else:
            yield from _clashes(old, items, (*path, "items"))


def _one(name: str, member: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": {name: member}}


def _grown(model: Mapping[str, Any], extension: Mapping[str, Any]) -> dict[str, Any]:
    grown = dict(model)
    if "properties" in extension:
        old = model.get("properties", {})
        grown["properties"] = {
            **old,
            **{
                name: _grown(old[name], member) if name in old else dict(member)
                for name, member in extension["properties"].items()
            },
        }
    if "items" in extension:
        grown["items"] = _grown(model["items"], extension["items"])
    return grown
