"""A person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crossdock.connectors.hubspot.actions.batch import Write, receipts_of, write_all
from crossdock.connectors.hubspot.api import BATCH, Api
from crossdock.connectors.hubspot.settings import HubSpotSettings
from crossdock.core.connector import Action, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass


class UpsertContact(Action):
    """Makes contacts or brings them up to date, up to 100 in a request.

    In:     `customer`.
    Out:    the contact's id; its version is `updatedAt`.
    Errors: 207 has an outcome for each contact. A contact that is gone (merged, deleted) is looked for again by
            e-mail. An address that is another contact's second one is a conflict that names the contact, and goes on
            there.
    Source: HubSpot API, contacts batch upsert: by `email`, else by the account's own unique property.
    """

    name = "upsert_contact"
    model = "customer"
    input = "customer"
    effects = (EffectClass.UPSERT,)
    batch_size = BATCH
    whole_state = True
    echo = "contact.creation"

    def __init__(self, api: Api, settings: HubSpotSettings) -> None:
        self._api = api
        self._settings = settings

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        records = yield from write_all(
            self._api, "contacts", [self._write(item) for item in items], self._settings.key_property
        )
        return receipts_of(records)

    def _write(self, item: Outbound) -> Write:
        """A linked contact is written by its id, unless a try told that it is gone."""
        properties = contact_properties(item.input)
        if self._settings.lifecycle_stage:
            properties["lifecyclestage"] = self._settings.lifecycle_stage
        if item.remote_id and not item.revision:
            return Write(item, "", item.remote_id, properties)
        if properties.get("email"):
            return Write(item, "email", properties["email"], properties)
        key = self._settings.key_property
        return Write(item, key, item.key, {**properties, key: item.key})


def contact_properties(customer: Mapping[str, object]) -> dict[str, str]:
    """What is not said is left as it is in HubSpot."""
    said = {
        "email": str(customer.get("email") or "").lower(),
        "firstname": customer.get("first_name"),
        "lastname": customer.get("last_name") or (customer.get("name") if not customer.get("first_name") else None),
        "phone": customer.get("phone"),
        "company": customer.get("company"),
    }
    addresses = customer.get("addresses")
    if isinstance(addresses, list) and addresses:
        place = addresses[0]
        street = ", ".join(filter(None, [place.get("line1"), place.get("line2")]))
        said |= {
            "address": street,
            "city": place.get("city"),
            "state": place.get("region") or place.get("region_code"),
            "zip": place.get("postal_code"),
            "country": place.get("country"),
        }
    return {name: str(value) for name, value in said.items() if value}
