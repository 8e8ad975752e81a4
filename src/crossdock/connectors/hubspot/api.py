"""HubSpot requests as values. A batch tells its inputs apart by `objectWriteTraceId`, which here is the item's id.

Source: HubSpot public API specification, CRM objects 2026-03.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossdock.core import json
from crossdock.core.wire import Http

BATCH = 100
_JSON = (("accept", "application/json"), ("content-type", "application/json"))


@dataclass(frozen=True, slots=True)
class Api:
    base_url: str
    version: str

    def objects(self, kind: str, path: str, body: Mapping[str, Any]) -> Http:
        url = f"{self.base_url}/crm/objects/{self.version}/{kind}/{path}"
        return Http("POST", url, _JSON, json.encode(body))

    def upsert(self, kind: str, id_property: str, inputs: Mapping[str, tuple[str, Mapping[str, str]]]) -> Http:
        """`inputs`: item id → (value of the unique property, properties). One property for all of a call."""
        rows = [
            {"id": value, "idProperty": id_property, "properties": properties, "objectWriteTraceId": item}
            for item, (value, properties) in inputs.items()
        ]
        return self.objects(kind, "batch/upsert", {"inputs": rows})

    def update(self, kind: str, inputs: Mapping[str, tuple[str, Mapping[str, str]]]) -> Http:
        """`inputs`: item id → (record id, properties)."""
        rows = [
            {"id": value, "properties": properties, "objectWriteTraceId": item}
            for item, (value, properties) in inputs.items()
        ]
        return self.objects(kind, "batch/update", {"inputs": rows})

    def read(self, kind: str, ids: Sequence[str], properties: Sequence[str]) -> Http:
        body = {
            "inputs": [{"id": record_id} for record_id in ids],
            "properties": properties,
            "propertiesWithHistory": [],
        }
        return self.objects(kind, "batch/read", body)

    def read_property(self, kind: str, name: str) -> Http:
        return Http("GET", f"{self.base_url}/crm/properties/{self.version}/{kind}/{name}", _JSON[:1])

    def make_property(self, kind: str, name: str) -> Http:
        """A text property whose value no two records of the kind share."""
        body = {
            "name": name,
            "label": "Crossdock key",
            "description": "By this the hub knows the records that it keeps here. Not to be changed by hand.",
            "groupName": {"contacts": "contactinformation", "deals": "dealinformation"}[kind],
            "type": "string",
            "fieldType": "text",
            "hasUniqueValue": True,
        }
        url = f"{self.base_url}/crm/properties/{self.version}/{kind}"
        return Http("POST", url, _JSON, json.encode(body))

    def associate(self, start: str, end: str, pairs: Sequence[tuple[str, str]]) -> Http:
        """The default association of each pair; setting one that is there changes nothing."""
        url = f"{self.base_url}/crm/associations/{self.version}/{start}/{end}/batch/associate/default"
        rows = [{"from": {"id": one}, "to": {"id": other}} for one, other in pairs]
        return Http("POST", url, _JSON, json.encode({"inputs": rows}))
