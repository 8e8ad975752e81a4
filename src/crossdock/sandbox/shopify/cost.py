"""What a GraphQL request costs, fitted to recorded answers of a development store (API 2025-01 to 2026-07).

Scalars and enums are free; an object costs 1; money, page information, edges and a customer's phone number
are free; a list of objects counts once; a count costs 10; a connection costs 2 + g(size) x one node, where
g(n) is n up to 2 and floor(2 ln n) beyond. A mutation costs 10; its payload's own objects are free.

The requested cost takes the page size asked for. The actual cost takes what came back: below a null nothing
counts, an empty list is free, and an empty connection is paid for as many bare nodes as it was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log
from typing import Any, Final

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
    value_from_ast_untyped,
)
from graphql.type import is_abstract_type

MAX_COST: Final = 1000
"""The most that one request may ask for, whatever the shop's plan."""

_COUNT: Final = 10
_MUTATION: Final = 10
_FREE: Final = frozenset({"MoneyV2", "MoneyBag", "PageInfo", "CustomerPhoneNumber"})
_ASKED: Final = object()
"""Stands for an answer while the request is only being priced."""


def page_weight(size: int) -> int:
    """5 → 3, 10 → 4, 50 → 7, 100 → 9, 250 → 11."""
    return size if size <= 2 else floor(2 * log(size))


@dataclass(frozen=True)
class Meter:
    """Prices one operation of a valid document, fragments and variables given."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def requested(self, operation: OperationDefinitionNode) -> int:
        return self._operation(operation, _ASKED)

    def actual(self, operation: OperationDefinitionNode, data: Mapping[str, Any]) -> int:
        return self._operation(operation, data)

    def _operation(self, operation: OperationDefinitionNode, data: Any) -> int:
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        if operation.operation is not OperationType.MUTATION:
            return self._selected(root, operation.selection_set, data)
        return sum(
            _MUTATION + self._payload(get_named_type(root.fields[field.name.value].type), field, _part(field, data))
            for field in self._fields(root, operation.selection_set)
        )

    def _payload(self, payload: Any, field: FieldNode, value: Any) -> int:
        """Below a mutation: the payload's own objects and its errors are free, what hangs below them is not."""
        total = 0
        for child in self._fields(payload, field.selection_set):
            kind = get_named_type(payload.fields[child.name.value].type)
            if child.selection_set and not kind.name.endswith("Error"):
                total += self._below(kind, child, _part(child, value))
        return total

    def _selected(self, parent: Any, selection: SelectionSetNode | None, value: Any) -> int:
        return sum(
            self._cost(get_named_type(parent.fields[field.name.value].type), field, _part(field, value))
            for field in self._fields(parent, selection)
        )

    def _cost(self, kind: GraphQLNamedType, field: FieldNode, value: Any) -> int:
        if is_leaf_type(kind):
            return 0
        if kind.name == "Count":
            return _COUNT
        if kind.name.endswith("Connection"):
            return self._connection(kind, field, value)
        own = 0 if kind.name in _FREE or value == [] else 1
        return own + self._below(kind, field, value)

    def _below(self, kind: GraphQLNamedType, field: FieldNode, value: Any) -> int:
        """Of a list the dearest item counts; of an interface or union, the dearest type that may come."""
        if value is None or value == []:
            return 0
        if isinstance(value, list):
            return max(self._below(kind, field, item) for item in value)
        kinds = self.schema.get_possible_types(kind) if is_abstract_type(kind) else [kind]
        return max(self._selected(one, field.selection_set, value) for one in kinds)

    def _connection(self, kind: Any, field: FieldNode, value: Any) -> int:
        size, dearest = self._page_size(field), 1
        for child in self._fields(kind, field.selection_set):
            if child.name.value not in {"nodes", "edges"}:
                continue
            items = _part(child, value)
            if isinstance(items, list) and items:
                size = len(items)
            if child.name.value == "nodes":
                dearest = max(dearest, self._cost(get_named_type(kind.fields["nodes"].type), child, items))
            else:
                dearest = max(dearest, self._below(get_named_type(kind.fields["edges"].type), child, items))
        return 2 + page_weight(size) * dearest

    def _page_size(self, field: FieldNode) -> int:
        for argument in field.arguments or ():
            if argument.name.value in {"first", "last"}:
                size = value_from_ast_untyped(argument.value, dict(self.variables))
                if isinstance(size, int):
                    return size
        return 1

    def _fields(self, parent: Any, selection: SelectionSetNode | None) -> list[FieldNode]:
        """The fields that this selection takes of `parent`, fragments opened; `__typename` is free."""
        found: list[FieldNode] = []
        for node in selection.selections if selection else ():
            if isinstance(node, FieldNode):
                if node.name.value in parent.fields:
                    found.append(node)
                continue
            assert isinstance(node, InlineFragmentNode | FragmentSpreadNode)
            fragment = self.fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            condition = fragment.type_condition
            if condition is None or self._is(parent, condition.name.value):
                found += self._fields(parent, fragment.selection_set)
        return found

    def _is(self, parent: Any, name: str) -> bool:
        wanted = self.schema.get_type(name)
        return parent is wanted or (is_abstract_type(wanted) and self.schema.is_sub_type(wanted, parent))


def _part(field: FieldNode, value: Any) -> Any:
    """A field's own value in an answer."""
    if value is _ASKED or value is None:
        return value
    return value.get(field.alias.value if field.alias else field.name.value)
