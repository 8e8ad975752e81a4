"""How core's rows lie in PostgreSQL's columns: a column a field, under its name; a payload reference takes three."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from crossdock.core.delivery import Attempt, Delivery, Effect, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.event import Event
from crossdock.core.message import Arrival, Message
from crossdock.core.states import DeliveryState, MessageState, WaitingFor
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Entity
from crossdock.core.xref import CrossReference, LinkState

T = TypeVar("T", bound=Struct)
V = TypeVar("V")


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
        plain = tuple(name for name in self._fields if name != ref)
        self.columns = (*plain, *((ref, f"{ref}_bytes", f"{ref}_sha256") if ref else ()))
        self.select = ", ".join(self.columns)

    def insert(self, *more: str, conflict: str = "ON CONFLICT DO NOTHING") -> str:
        """For rows of `row(value)` followed by the columns `more`."""
        columns = (*self.columns, *more)
        marks = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
        return f"INSERT INTO {self.table} ({', '.join(columns)}) VALUES ({marks}) {conflict}"  # noqa: S608

    def row(self, value: T) -> tuple[Any, ...]:
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
