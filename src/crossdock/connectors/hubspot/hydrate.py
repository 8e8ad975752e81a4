"""Reads the records that webhooks only name, a hundred in one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossdock.connectors.hubspot.api import BATCH, Api
from crossdock.core.connector import Call, Hydrate, PartId, Steps

PROPERTIES = {
    "contacts": (
        "email", "firstname", "lastname", "phone", "company", "address", "city", "state", "zip", "country",
    ),
    "deals": (
        "dealname", "amount", "deal_currency_code", "dealstage", "pipeline", "closedate", "description",
        "hs_is_closed_won", "hs_is_closed",
    ),
}  # fmt: skip


class ReadRecords(Hydrate):
    """A record that is archived or merged away is left out."""

    batch_size = BATCH

    def __init__(self, api: Api, kind: str, name: str) -> None:
        self.name = name
        self._api = api
        self._kind = kind

    def fetch(self, parts: Mapping[PartId, str]) -> Steps[Mapping[PartId, Any]]:
        ids = sorted(set(parts.values()))
        done = yield Call(f"hydrate:{self._kind}", self._api.read(self._kind, ids, PROPERTIES[self._kind]))
        results = (done.answer or {}).get("results") or ()
        records = {str(record["id"]): record for record in results}
        return {part: records[remote_id] for part, remote_id in parts.items() if remote_id in records}
