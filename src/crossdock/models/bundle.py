"""The shared definitions (`common.yaml`) and how a model comes to hold those that it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from crossdock.models.files import Document

SHARED = "common.yaml#/$defs/"
LOCAL = "#/$defs/"


@cache
def shared_definitions() -> Mapping[str, Any]:
    text = files("crossdock.models").joinpath("schemas/common.yaml").read_text(encoding="utf-8")
    definitions: dict[str, Any] = Document("common.yaml", text).data["$defs"]
    return definitions


def bundled(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` with the shared definitions that it refers to as its own: it then stands alone."""
    own = schema.get("$defs", {})
    local: dict[str, Any] = _localised({name: part for name, part in schema.items() if name != "$defs"})
    wanted = [*references(local)]
    held: dict[str, Any] = {}
    while wanted:
        name = wanted.pop().removeprefix(LOCAL)
        definition = own.get(name, shared_definitions().get(name))
        if name not in held and definition is not None:
            held[name] = _localised(definition)
            wanted += references(held[name])
    if held:
        local["$defs"] = {name: held[name] for name in sorted(held)}
    return local


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in it."""
    if isinstance(node, Mapping):
        if isinstance(ref := node.get("$ref"), str):
            yield ref
        for member in node.values():
            yield from references(member)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def _localised(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {
            name: LOCAL + member.removeprefix(SHARED)
            if name == "$ref" and isinstance(member, str) and member.startswith(SHARED)
            else _localised(member)
            for name, member in node.items()
        }
    return [_localised(item) for item in node] if isinstance(node, list) else node
