"""The records of one portal, their unique values and associations, and the events that their changes cause.

Sources: HubSpot docs, CRM objects (addresses are unique in lower case; archived records are kept 90 days) and
"Webhooks"; a merge's new id and deletions, as recorded in public connectors' code.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from crossdock.sandbox.hubspot.answers import Refusal, Wrong, conflict, invalid, invalid_values, non_unique, not_found
from crossdock.sandbox.hubspot.schema import TYPE_IDS, Catalogue, modified_name
from crossdock.sandbox.hubspot.values import normalised, stamp
from crossdock.sandbox.lagging import LaggingIndex

INDEX_LAG_S: Final = 5.0
"""New and changed records are found "after a few moments"; how many is not published."""


@dataclass
class Record:
    id: int
    created_at: float
    updated_at: float
    values: dict[str, str] = field(default_factory=dict)
    archived_at: float | None = None


@dataclass(frozen=True)
class Event:
    """One line of a webhook batch, without what the subscription and the attempt add to it."""

    kind: str
    name: str
    object_id: int
    occurred_at: float
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Portal:
    """`now` is wall time, for stamps; `indexed_at` simulated time, for the search index."""

    id: int
    catalogue: Catalogue = field(default_factory=Catalogue)
    records: dict[str, dict[int, Record]] = field(default_factory=dict)
    unique: dict[tuple[str, str, str], int] = field(default_factory=dict)
    links: dict[tuple[str, int, str], dict[int, set[int]]] = field(default_factory=dict)
    index: LaggingIndex = field(default_factory=lambda: LaggingIndex(INDEX_LAG_S))
    events: list[Event] = field(default_factory=list)
    last_id: int = 500

    def of(self, kind: str) -> dict[int, Record]:
        return self.records.setdefault(kind, {})

    def live(self, kind: str, record_id: int) -> Record | None:
        record = self.of(kind).get(record_id)
        return record if record is not None and record.archived_at is None else None

    def find(self, kind: str, given: str, id_property: str | None = None) -> Record | None:
        """By id, or by the value of a unique property. Strongly consistent, unlike search. Raises Refusal."""
        if id_property in {None, "", "hs_object_id"}:
            return self.live(kind, int(given)) if given.isascii() and given.isdigit() else None
        assert id_property is not None
        self.check_unique_property(kind, id_property)
        found = self.unique.get((kind, id_property, _folded(id_property, given)))
        return self.live(kind, found) if found is not None else None

    def get(self, kind: str, given: str, id_property: str | None = None) -> Record:
        """Raises Refusal: 404 where there is none."""
        record = self.find(kind, given, id_property)
        if record is None:
            raise not_found()
        return record

    def check_unique_property(self, kind: str, name: str) -> None:
        definition = self.catalogue.properties[kind].get(name)
        if definition is None or not definition.unique:
            raise non_unique(name, TYPE_IDS[kind], self.id)

    def checked(self, kind: str, given: Mapping[str, Any], record: Record | None, now: float) -> dict[str, str | None]:
        """The values to store. Raises Refusal: 400 for values, 409 where another contact has the e-mail address."""
        values, wrong = normalised(self.catalogue, kind, given, record.values if record else {}, now)
        if wrong:
            raise invalid_values(wrong, self.id)
        if record is None and kind == "contacts" and not any(values.values()):
            raise invalid("A contact needs an e-mail address or another property")
        for name, value in values.items():
            definition = self.catalogue.properties[kind].get(name)
            if value is None or definition is None or not definition.unique:
                continue
            holder = self.unique.get((kind, name, _folded(name, value)))
            if holder is not None and (record is None or holder != record.id):
                raise self._taken(kind, name, value, holder)
        return values

    def _taken(self, kind: str, name: str, value: str, holder: int) -> Refusal:
        """A second e-mail address is a conflict of its own; other unique values are invalid values."""
        if (kind, name) == ("contacts", "email"):
            return conflict(f"Contact already exists. Existing ID: {holder}")
        message = f"Cannot set {name} to {value}. {holder} already has that value."
        return invalid_values([Wrong(name, "CONFLICTING_UNIQUE_VALUE", message)], self.id)

    def create(self, kind: str, values: Mapping[str, str | None], now: float, indexed_at: float) -> Record:
        """`values` come from `checked`."""
        self.last_id += 1
        record = Record(self.last_id, created_at=now, updated_at=now)
        self.of(kind)[record.id] = record
        stamps = {"createdate": stamp(now), "hs_object_id": str(record.id), modified_name(kind): stamp(now)}
        self._store(kind, record, {**values, **stamps}, indexed_at)
        self.events.append(Event(kind, "creation", record.id, now, {"changeFlag": "NEW"}))
        return record

    def update(
        self, kind: str, record: Record, values: Mapping[str, str | None], now: float, indexed_at: float
    ) -> None:
        """One event per property that changed; equal values still move the date of modification (unverified)."""
        changed = {name: value for name, value in values.items() if record.values.get(name) != value}
        record.updated_at = max(now, record.updated_at + 0.001)
        self._store(kind, record, {**changed, modified_name(kind): stamp(record.updated_at)}, indexed_at)
        for name, value in changed.items():
            more = {"propertyName": name, "propertyValue": value or ""}
            self.events.append(Event(kind, "propertyChange", record.id, record.updated_at, more))

    def _store(self, kind: str, record: Record, values: Mapping[str, str | None], indexed_at: float) -> None:
        self._forget_unique(kind, record)
        for name, value in values.items():
            if value is None:
                record.values.pop(name, None)
            else:
                record.values[name] = value
        for name, value in record.values.items():
            for held in self._identities(kind, name, value):
                self.unique[(kind, *held)] = record.id
        self.index.record(kind, record.id, {"id": record.id, "values": dict(record.values)}, indexed_at)

    def _identities(self, kind: str, name: str, value: str) -> Iterable[tuple[str, str]]:
        """A secondary e-mail address belongs to its contact as much as the first."""
        definition = self.catalogue.properties[kind].get(name)
        if definition is not None and definition.unique:
            yield name, _folded(name, value)
        if (kind, name) == ("contacts", "hs_additional_emails"):
            for address in value.split(";"):
                yield "email", address.lower()

    def _forget_unique(self, kind: str, record: Record) -> None:
        for name, value in record.values.items():
            for held in self._identities(kind, name, value):
                if self.unique.get((kind, *held)) == record.id:
                    del self.unique[(kind, *held)]

    def archive(self, kind: str, record: Record, now: float, indexed_at: float) -> None:
        """Kept 90 days; its unique values are free again (unverified)."""
        record.archived_at = record.updated_at = now
        self._forget_unique(kind, record)
        self.index.record(kind, record.id, None, indexed_at)
        self.events.append(Event(kind, "deletion", record.id, now, {"changeFlag": "DELETED"}))

    def merge(self, kind: str, primary: Record, other: Record, now: float, indexed_at: float) -> Record:
        """The survivor gets a new id. Both old ones die, each with a deletion; no property changes are told."""
        values = {**other.values, **primary.values}
        old = [str(record.id) for record in (primary, other)]
        trace = [part for part in primary.values.get("hs_merged_object_ids", "").split(";") if part]
        for record in (primary, other):
            self.archive(kind, record, now, indexed_at)
        self.last_id += 1
        survivor = Record(self.last_id, created_at=primary.created_at, updated_at=now)
        self.of(kind)[survivor.id] = survivor
        if kind == "contacts":
            values["hs_merged_object_ids"] = ";".join([*trace, *old])
            if (second := other.values.get("email")) and second != values.get("email"):
                values["hs_additional_emails"] = second
        values |= {"hs_object_id": str(survivor.id), modified_name(kind): stamp(now)}
        self._store(kind, survivor, values, indexed_at)
        more = {
            "primaryObjectId": primary.id,
            "mergedObjectIds": [other.id],
            "newObjectId": survivor.id,
            "numberOfPropertiesMoved": len(set(other.values) - set(primary.values)),
        }
        self.events.append(Event(kind, "merge", primary.id, now, more))
        return survivor


def _folded(name: str, value: str) -> str:
    return value.lower() if name == "email" else value
