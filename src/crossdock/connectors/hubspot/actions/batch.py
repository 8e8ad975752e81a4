"""A batch of records with an outcome for each: linked ones by their id, new ones by a unique property."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossdock.connectors.hubspot.api import Api
from crossdock.connectors.hubspot.judge import EXISTING
from crossdock.core.connector import Call, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.verdict import Done, Items


@dataclass(frozen=True, slots=True)
class Write:
    """How one item is written: `by` is "" for the record's own id, else the unique property whose value is `value`."""

    item: Outbound
    by: str
    value: str
    properties: Mapping[str, str]


def write_all(api: Api, kind: str, writes: Sequence[Write], key_property: str) -> Steps[dict[ItemId, Any]]:
    """item id → the record that HubSpot answered, for the items that were written. One request for each way of writing
    and, in it, one input for each record: HubSpot refuses a batch that names a record twice."""
    if any(one.item.revision and one.by == key_property for one in writes):
        yield from _ensure_property(api, kind, key_property)
    records: dict[ItemId, Any] = {}
    for step, group in _groups(kind, writes):
        records |= yield from _write(api, kind, step, group)
    existing = {item: record[EXISTING] for item, record in records.items() if EXISTING in record}
    if existing:
        taken = [
            Write(one.item, "", existing[one.item.id], one.properties) for one in writes if one.item.id in existing
        ]
        for step, group in _groups(f"{kind}.existing", taken):
            written = yield from _write(api, kind, step, group)
            records = {item: record for item, record in records.items() if item not in existing} | written
    return records


def _ensure_property(api: Api, kind: str, name: str) -> Steps[None]:
    """The first write into an account that lacks the hub's property was not done; now it is made."""
    found = yield Call(f"{kind}.property", api.read_property(kind, name))
    if found.answer is None:
        yield Call(f"{kind}.property.make", api.make_property(kind, name), EffectClass.UPSERT)


def _write(api: Api, kind: str, step: str, group: Sequence[Write]) -> Steps[dict[ItemId, Any]]:
    by = group[0].by
    inputs = {one.item.id: (one.value, one.properties) for one in group}
    request = api.upsert(kind, by, inputs) if by else api.update(kind, inputs)
    answer = yield Call(step, request, EffectClass.UPSERT, tuple(inputs))
    if not isinstance(answer, Items):
        return {}
    return {item: said.answer for item, said in answer.by_id.items() if isinstance(said, Done)}


def _groups(name: str, writes: Sequence[Write]) -> Iterator[tuple[str, list[Write]]]:
    """What may go in one request: the same way of writing, no record twice, and after a stale answer each by itself."""
    groups: dict[str, list[Write]] = {}
    for one in writes:
        round_ = 0
        while True:
            step = f"{name}:{one.by or 'id'}" + (f":{round_}" if round_ else "")
            if one.item.revision:
                step = f"{step}:{one.item.id}"
            group = groups.setdefault(step, [])
            if all(other.value.lower() != one.value.lower() for other in group):
                group.append(one)
                break
            round_ += 1
    yield from groups.items()


def receipts_of(records: Mapping[ItemId, Any]) -> dict[ItemId, Receipt]:
    return {
        item: Receipt(str(record["id"]), version_of(record), record, url=str(record.get("url") or ""))
        for item, record in records.items()
        if isinstance(record, Mapping) and record.get("id")
    }


def version_of(record: Mapping[str, Any]) -> str:
    """`updatedAt` as the inbound maps write it, without trailing zeros, so that the hub's own write is known again."""
    whole, dot, fraction = str(record.get("updatedAt") or "").removesuffix("Z").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{dot if fraction else ''}{fraction}Z" if whole else ""
