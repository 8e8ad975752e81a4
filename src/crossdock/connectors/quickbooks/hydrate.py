"""Fetches the record that a webhook only names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossdock.connectors.quickbooks.api import Api, any_of, rows
from crossdock.core.connector import Call, Hydrate, PartId, Steps

ENTITIES = {
    "customer": "Customer",
    "item": "Item",
    "invoice": "Invoice",
    "payment": "Payment",
    "refundreceipt": "RefundReceipt",
    "creditmemo": "CreditMemo",
}
_NAME_LISTS = {"Customer", "Item"}


class HydrateByQuery(Hydrate):
    """Many records in one query. A record that has been deleted is left out; an inactive one is asked for too."""

    batch_size = 30

    def __init__(self, api: Api, entity: str) -> None:
        self.name = entity.lower()
        self._api = api
        self._entity = entity

    def fetch(self, parts: Mapping[PartId, str]) -> Steps[Mapping[PartId, Any]]:
        inactive_too = " and Active in (true, false)" if self._entity in _NAME_LISTS else ""
        wanted = any_of(sorted(set(parts.values())))
        request = self._api.select(self._entity, f"Id in {wanted}{inactive_too}")
        done = yield Call(f"hydrate:{self._entity}", request)
        records = {str(record.get("Id")): record for record in rows(done.answer, self._entity)}
        return {part: records[remote_id] for part, remote_id in parts.items() if remote_id in records}
