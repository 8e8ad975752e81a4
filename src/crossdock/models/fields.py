"""The paths that an instance of a schema may have: what maps are checked against, and what a field's class is.

A path is dotted; `*` stands for any item of a list or any member of an open object: `lines.*.sku`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

DEEPEST = 12
"""levels that are listed of a schema that contains itself"""


@dataclass(frozen=True, slots=True)
class Field:
    path: str
    types: frozenset[str]
    """JSON types it may have; empty = any"""
    description: str
    required: bool
    """whenever what holds it is there"""
    classified: frozenset[str]
    """by the schema at this place or above it"""
    open: bool
    """it may hold members that the schema does not name"""


class Fields(Mapping[str, Field]):
    """By path, in the schema's order. The instance itself is not among them."""

    def __init__(self, root: Field, fields: Mapping[str, Field]) -> None:
        self.root = root
        self._fields = fields

    def __getitem__(self, path: str) -> Field:
        return self._fields[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def knows(self, path: str) -> bool:
        """Whether an instance may have something at `path`: named by the schema, or let in by an open part of it."""
        known, beyond = self._trace(path)
        return not beyond or known.open

    def members(self, path: str) -> list[str]:
        """Names of what is held at `path`; [] for a plain value or an unknown place."""
        known, beyond = self._trace(path)
        prefix = f"{known.path}." if known.path else ""
        names = [name.removeprefix(prefix) for name in self._fields if name.startswith(prefix)]
        return [] if beyond else [name for name in names if "." not in name]

    def classification(self, path: str) -> frozenset[str]:
        """Every class at `path`, above it or below it: reading a container reads all that it holds."""
        known, beyond = self._trace(path)
        prefix = f"{known.path}." if known.path else ""
        held = () if beyond else [each for name, each in self._fields.items() if name.startswith(prefix)]
        return known.classified.union(*(each.classified for each in held))

    def _trace(self, path: str) -> tuple[Field, bool]:
        """The deepest known place on the way to `path`, and whether the way goes on beyond it.

        A number or any name stands for `*` where only `*` is known, and `*` for any member.
        """
        here = self.root
        for part in path.split(".") if path else ():
            prefix = f"{here.path}." if here.path else ""
            below = self._fields.get(prefix + part) or self._fields.get(f"{prefix}*")
            if below is None:
                return here, not (part == "*" and self.members(here.path))
            here = below
        return here, False


def fields_of(schema: Mapping[str, Any]) -> Fields:
    fields: dict[str, Field] = {}
    root = _field("", _resolved(schema, schema), False, frozenset())
    _collect(schema, [_resolved(schema, schema)], root, fields, 0)
    return Fields(root, fields)


def _collect(
    root: Mapping[str, Any],
    parts: list[Mapping[str, Any]],
    holder: Field,
    fields: dict[str, Field],
    depth: int,
) -> None:
    if depth >= DEEPEST:
        return
    for part in parts:
        required = part.get("required", ())
        members = [(name, member, name in required) for name, member in part.get("properties", {}).items()]
        items = part.get("items")
        if isinstance(items, Mapping):
            members.append(("*", items, False))
        others = part.get("additionalProperties")
        if isinstance(others, Mapping):
            members.append(("*", others, False))
        for name, member, must in members:
            path = f"{holder.path}.{name}" if holder.path else name
            below = _resolved(root, member)
            field = _field(path, below, must, holder.classified)
            fields[path] = _merged(fields[path], field) if path in fields else field
            _collect(root, [below], fields[path], fields, depth + 1)
        for keyword in ("allOf", "anyOf", "oneOf"):
            _collect(root, [_resolved(root, each) for each in part.get(keyword, ())], holder, fields, depth)


def _resolved(root: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    """With its `$ref` followed; what stands beside the `$ref` wins over what it leads to."""
    if not isinstance(schema, Mapping):
        return {}
    seen: dict[str, Any] = dict(schema)
    hops = 0
    while isinstance(ref := seen.pop("$ref", None), str) and hops < DEEPEST:
        target = root if ref == "#" else root.get("$defs", {}).get(ref.rpartition("/")[2], {})
        seen = {**target, **seen}
        hops += 1
    return seen


def _field(path: str, schema: Mapping[str, Any], required: bool, above: frozenset[str]) -> Field:
    types = schema.get("type", "string" if "enum" in schema else ())
    here = schema.get("x-classification")
    return Field(
        path,
        frozenset([types] if isinstance(types, str) else types),
        schema.get("description", ""),
        required,
        above | ({here} if here else frozenset()),
        _is_open(schema),
    )


def _is_open(schema: Mapping[str, Any]) -> bool:
    if "type" not in schema and not any(word in schema for word in ("properties", "enum", "const", "items")):
        return not any(word in schema for word in ("allOf", "anyOf", "oneOf"))
    is_object = "object" in schema.get("type", "object" if "properties" in schema else "")
    return is_object and schema.get("additionalProperties", True) is not False


def _merged(one: Field, other: Field) -> Field:
    """The same path in two alternatives."""
    return Field(
        one.path,
        one.types | other.types if one.types and other.types else frozenset(),
        one.description or other.description,
        one.required and other.required,
        one.classified | other.classified,
        one.open or other.open,
    )
