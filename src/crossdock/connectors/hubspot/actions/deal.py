"""A sale in the making, or made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crossdock.connectors.hubspot.actions.batch import Write, receipts_of, write_all
from crossdock.connectors.hubspot.api import BATCH, Api
from crossdock.connectors.hubspot.settings import HubSpotSettings
from crossdock.core.connector import Action, Call, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass


class UpsertDeal(Action):
    """Makes deals or brings them up to date, up to 100 in a request, and ties each to its contact.

    In:     `deal`; with the need `customer` the deal is associated with that contact.
    Out:    the deal's id; its version is `updatedAt`.
    Errors: 207 has an outcome for each deal; a stage that the pipeline lacks, or a currency
            that the account lacks, is refused.
    Source: HubSpot API, deals batch upsert by the account's own unique property; associations batch associate default.
    """

    name = "upsert_deal"
    model = "deal"
    input = "deal"
    effects = (EffectClass.UPSERT,)
    batch_size = BATCH
    whole_state = True
    echo = "deal.creation"

    def __init__(self, api: Api, settings: HubSpotSettings) -> None:
        self._api = api
        self._settings = settings

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        records = yield from write_all(
            self._api, "deals", [self._write(item) for item in items], self._settings.key_property
        )
        receipts = receipts_of(records)
        tied = {item.id: item for item in items if item.id in receipts and item.needs.get("customer")}
        if tied:
            pairs = [(receipts[id_].remote_id, item.needs["customer"]) for id_, item in tied.items()]
            request = self._api.associate("deals", "contacts", pairs)
            yield Call("deals.contacts", request, EffectClass.UPSERT, tuple(tied))
        return receipts

    def _write(self, item: Outbound) -> Write:
        """By the hub's own property, so a deal that was made in a request whose answer was lost is found again."""
        key = self._settings.key_property
        properties = {**self._properties(item.input), key: item.key}
        if item.remote_id and not item.revision:
            return Write(item, "", item.remote_id, properties)
        return Write(item, key, item.key, properties)

    def _properties(self, deal: Mapping[str, object]) -> dict[str, str]:
        amount = deal.get("amount")
        said = {
            "dealname": deal["name"],
            "pipeline": deal.get("pipeline") or self._settings.pipeline,
            "dealstage": deal.get("platform_stage") or getattr(self._settings.stages, str(deal["stage"])),
            "amount": amount["amount"] if isinstance(amount, Mapping) else None,
            "deal_currency_code": amount["currency"] if isinstance(amount, Mapping) else None,
            "closedate": deal.get("closed_at") or (f"{deal['closes_on']}T00:00:00Z" if deal.get("closes_on") else None),
            "description": deal.get("notes"),
        }
        return {name: str(value) for name, value in said.items() if value}
