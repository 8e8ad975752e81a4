"""How core's rows lie in PostgreSQL's columns: a column a field, under its name; a payload reference takes three."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from msgspec import Struct

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.event import Event
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Entity
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores.postgres.together import Part, Row, insert

T = TypeVar("T", bound=Struct)
V = TypeVar("V")
_TYPES = {str: "text", int: "bigint", float: "double precision", bool: "boolean", bytes: "bytea"}


class Shape(Generic[T]):
    """A table's columns and the type that they carry. `reads` turn a column's value into the field's."""

    def __init__(
        self, kind: type[T], table: str, *, ref: str = "", reads: Mapping[str, Callable[[Any], Any]] | None = None
    ) -> None:
        self.table = table
        self._kind = kind
        self._ref = ref
        self._reads = reads or {}
        self._fields = kind.__struct_fields__
        hints = get_type_hints(kind)
        self.columns = {name: _type_of(hints[name]) for name in self._fields if name != ref}
        if ref:
            self.columns |= {ref: "text", f"{ref}_bytes": "bigint", f"{ref}_sha256": "text"}
        self.select = ", ".join(self.columns)

    def insert(self, *, conflict: str = "", **more: str) -> Part:
        """For the columns of `row(value)` followed by `more` (name → type)."""
        return insert(self.table, {**self.columns, **more}, conflict)

    def row(self, value: T) -> Row:
        plain = tuple(getattr(value, name) for name in self._fields if name != self._ref)
        if not self._ref:
            return plain
        ref: PayloadRef = getattr(value, self._ref)
        return (*plain, ref.id, ref.size_bytes, ref.sha256)

    def of(self, record: Mapping[str, Any]) -> T:
        values: dict[str, Any] = {name: record[name] for name in self._fields if name != self._ref}
        for name, read in self._reads.items():
            values[name] = read(values[name])
        if self._ref:
            values[self._ref] = ref_of(record, self._ref)
        return self._kind(**values)

    def all(self, records: Sequence[Mapping[str, Any]]) -> list[T]:
        return [self.of(record) for record in records]


def _type_of(hint: Any) -> str:
    if isinstance(hint, UnionType):
        hint = next(one for one in get_args(hint) if one is not NoneType)
    return "text" if issubclass(hint, Enum) else _TYPES[hint]


def ref_of(record: Mapping[str, Any], name: str) -> PayloadRef:
    return PayloadRef(record[name], record[f"{name}_bytes"], record[f"{name}_sha256"])


def _or_none(kind: Callable[[str], V]) -> Callable[[str | None], V | None]:
    return lambda value: None if value is None else kind(value)


ARRIVAL = Shape(Arrival, "arrivals", ref="payload")
MESSAGE = Shape(Message, "messages", ref="body", reads={"state": MessageState})
EVENT = Shape(Event, "events")
ENTITY = Shape(Entity, "entities")
DELIVERY = Shape(
    Delivery, "deliveries", reads={"state": DeliveryState, "waiting_for": _or_none(WaitingFor), "outbound": bytes}
)
EXCHANGE = Shape(Exchange, "exchanges", reads={"state": ExchangeState, "effect": _or_none(EffectClass)})
EFFECT = Shape(Effect, "effects")
ATTEMPT = Shape(Attempt, "attempts", reads={"outcome": ExchangeState})
REFERENCE = Shape(
    CrossReference, "cross_references", reads={"state": LinkState, "remote_id": lambda value: value or ""}
)
