"""Batches of up to a hundred inputs, each with an outcome of its own where the caller tells inputs apart.

Create, update and upsert are all-or-nothing unless every input carries an `objectWriteTraceId`; then the good
inputs are written and the answer is a 207 that holds the bad ones as `errors`. No order of the results is
promised: here they come in the reverse order of the inputs.

Sources: HubSpot's public API specification (100 inputs, `objectWriteTraceId`, upsert with `idProperty`, `new`, 207);
HubSpot docs, "Error handling" (all or nothing without trace ids).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from crossdock.sandbox.hubspot import associations, shapes
from crossdock.sandbox.hubspot.answers import Refusal, invalid, not_found
from crossdock.sandbox.hubspot.portal import Portal, Record
from crossdock.sandbox.hubspot.schema import SINGULAR

MAX_INPUTS: Final = 100

Body = dict[str, Any]
Input = Mapping[str, Any]
Write = Callable[[Input], Body]


@dataclass
class Batch:
    """`outcome` is (status, body) of the whole call; `Refusal` ends it."""

    portal: Portal
    kind: str
    now: float
    indexed_at: float

    def create(self, body: Any) -> tuple[int, Body]:
        inputs = _inputs(body, ("properties", "associations", "objectWriteTraceId"))
        return self._write(inputs, self._check_create, 201)

    def update(self, body: Any) -> tuple[int, Body]:
        inputs = _inputs(body, ("id", "idProperty", "properties", "objectWriteTraceId"))
        return self._write(inputs, self._check_update, 200)

    def upsert(self, body: Any) -> tuple[int, Body]:
        """All inputs name the same unique property; two with the same id are refused (unverified)."""
        inputs = _inputs(body, ("id", "idProperty", "properties", "objectWriteTraceId"))
        names = {one.get("idProperty") for one in inputs}
        if len(names) != 1 or not isinstance(name := next(iter(names)), str):
            raise invalid("All inputs of an upsert must have the same idProperty")
        self.portal.check_unique_property(self.kind, name)
        ids = [str(one.get("id")).lower() for one in inputs]
        if len(set(ids)) != len(ids):
            raise invalid("Duplicate IDs found in batch input. IDs must be unique")
        return self._write(inputs, self._check_upsert, 200)

    def read(self, body: Any) -> tuple[int, Body]:
        asked = shapes.fields(body, ("inputs", "properties", "propertiesWithHistory", "idProperty"))
        found, missing = [], []
        for one in _inputs({"inputs": asked.get("inputs")}, ("id",)):
            record = self.portal.find(self.kind, str(one.get("id")), asked.get("idProperty"))
            if record is None:
                missing.append(str(one.get("id")))
            else:
                definitions = self.portal.catalogue.properties[self.kind]
                found.append(shapes.record(self.kind, record, asked.get("properties") or (), definitions))
        problems = []
        if missing:
            message = (
                f"Could not get some {SINGULAR[self.kind].upper()} objects, they may be deleted or not exist."
                " Check that ids are valid."
            )
            problems = [not_found(message, ids=missing).item(None)]
        return (207 if problems else 200), {"results": found[::-1], "errors": problems}

    def archive(self, body: Any) -> None:
        """Unknown ids are passed over (unverified)."""
        for one in _inputs(body, ("id",)):
            record = self.portal.find(self.kind, str(one.get("id")))
            if record is not None:
                self.portal.archive(self.kind, record, self.now, self.indexed_at)

    def _write(self, inputs: Sequence[Input], check: Callable[[Input], Write], done: int) -> tuple[int, Body]:
        traced = all(isinstance(one.get("objectWriteTraceId"), str) for one in inputs)
        if not traced:
            return done, {"results": self._all_or_nothing(inputs, check)[::-1], "errors": []}
        results, problems = [], []
        for one in inputs:
            try:
                written = check(one)(one)
            except Refusal as refusal:
                problems.append(refusal.item(one["objectWriteTraceId"]))
            else:
                results.append(written | {"objectWriteTraceId": one["objectWriteTraceId"]})
        return (207 if problems else done), {"results": results[::-1], "errors": problems}

    def _all_or_nothing(self, inputs: Sequence[Input], check: Callable[[Input], Write]) -> list[Body]:
        """Checks every input before the first is written; a clash between two inputs is a clash as well."""
        writes = []
        for one in inputs:
            try:
                writes.append((check(one), one))
            except Refusal as refusal:
                refusal.status = 409 if refusal.status == 409 else 400
                raise
        self._check_clashes(inputs)
        return [write(one) for write, one in writes]

    def _check_clashes(self, inputs: Sequence[Input]) -> None:
        taken: set[tuple[str, str]] = set()
        definitions = self.portal.catalogue.properties[self.kind]
        for one in inputs:
            for name, value in shapes.values(one).items():
                if name in definitions and definitions[name].unique and value:
                    if (key := (name, str(value).lower())) in taken:
                        raise invalid(f"Two inputs have the same value of the unique property {name!r}")
                    taken.add(key)

    def _check_create(self, given: Input) -> Write:
        values = self.portal.checked(self.kind, shapes.values(given), None, self.now)
        ends = associations.wanted(self.portal, self.kind, given.get("associations") or [])

        def write(_: Input) -> Body:
            record = self.portal.create(self.kind, values, self.now, self.indexed_at)
            for end, other, types in ends:
                associations.link(self.portal, self.kind, record, end, other, types, self.now)
            return shapes.record(self.kind, record)

        return write

    def _check_update(self, given: Input) -> Write:
        record = self.portal.get(self.kind, str(given.get("id")), given.get("idProperty"))
        return self._change(record, shapes.values(given))

    def _change(self, record: Record, given: Mapping[str, Any]) -> Write:
        values = self.portal.checked(self.kind, given, record, self.now)

        def write(_: Input) -> Body:
            self.portal.update(self.kind, record, values, self.now, self.indexed_at)
            return shapes.record(self.kind, record)

        return write

    def _check_upsert(self, given: Input) -> Write:
        """`new` tells a record that was made from one that was changed. A secondary e-mail address is refused
        (unverified)."""
        name, wanted = str(given["idProperty"]), str(given.get("id"))
        record = self.portal.find(self.kind, wanted, name)
        values = shapes.values(given)
        if record is None:
            make = self._check_create({"properties": {name: wanted, **values}})
            return lambda one: make(one) | {"new": True}
        if name == "email" and record.values.get("email") != wanted.lower():
            raise invalid(f"{wanted} is a secondary e-mail address of contact {record.id}")
        change = self._change(record, values)
        return lambda one: change(one) | {"new": False}


def _inputs(body: Any, allowed: Sequence[str]) -> list[Input]:
    inputs = shapes.fields(body, ("inputs",)).get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise invalid("Invalid input JSON: inputs must be a list that is not empty")
    if len(inputs) > MAX_INPUTS:
        raise invalid(f"The maximum number of inputs is {MAX_INPUTS}, {len(inputs)} were given")
    return [shapes.fields(one, allowed) for one in inputs]
