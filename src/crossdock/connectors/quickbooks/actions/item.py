"""A product or service that can be invoiced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crossdock.connectors.quickbooks import text
from crossdock.connectors.quickbooks.accounts import account_id
from crossdock.connectors.quickbooks.actions.customer import receipt_of
from crossdock.connectors.quickbooks.api import Api, quoted, record_of, rows
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Action, Call, Found, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson


class UpsertItem(Action):
    """Makes an item, or brings one up to date. Stock is not kept in it: goods are NonInventory.

    In:     `product`.
    Out:    the item's Id and SyncToken.
    Finds:  by SKU, then by name.
    Errors: 6240 (the name is taken) is not done: the next request adds the SKU or the shop's id to the name.
    Source: QuickBooks Online API, Item; Name is unique, at most 100 characters, without colon and quotes.
    """

    name = "upsert_item"
    model = "product"
    input = "product"
    effects = (EffectClass.NATIVE_KEY, EffectClass.LOOKUP)
    match = ("SKU", "name")
    whole_state = True
    finds = True

    def __init__(self, api: Api, settings: QuickBooksSettings) -> None:
        self._api = api
        self._settings = settings

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        if item.remote_id:
            found = yield Call("item.read", self._api.read("Item", item.remote_id))
            if found.answer is None:
                raise ForAPerson(f"item {item.remote_id} is gone from QuickBooks; link its key to another one")
            record = record_of(found.answer, "Item")
            body = {"Id": item.remote_id, "SyncToken": record["SyncToken"], "sparse": True, **_fields(item.input)}
            body["Name"] = record["Name"]
        else:
            income = yield from account_id(self._api, self._settings.income_account)
            suffix = (item.input.get("sku") or text.short_id(item.key)) if item.revision else ""
            body = {
                "Name": text.item_name(_title(item.input), suffix),
                "Type": "Service" if item.input.get("kind") == "service" else "NonInventory",
                "IncomeAccountRef": {"value": income},
                **_fields(item.input),
            }
        request = self._api.save("Item", body, item.provider_key("item"))
        done = yield Call("item", request, EffectClass.NATIVE_KEY, (item.id,))
        return {item.id: receipt_of(record_of(done.answer, "Item"))}

    def find(self, item: Outbound) -> Steps[Found | None]:
        sku = item.input.get("sku", "")
        if sku:
            done = yield Call("item.by_sku", self._api.select("Item", f"Sku = {quoted(sku)}"))
            hits = rows(done.answer, "Item")
            if hits:
                others = tuple(str(hit["Id"]) for hit in hits[1:])
                return Found(receipt_of(hits[0]), certain=not others, others=others, why=f"SKU {sku}")
        name = text.item_name(_title(item.input))
        done = yield Call("item.by_name", self._api.select("Item", f"Name = {quoted(name)}"))
        hits = [hit for hit in rows(done.answer, "Item") if not sku or not hit.get("Sku")]
        return Found(receipt_of(hits[0]), why=f"name {name}") if hits else None


def _title(product: Mapping[str, Any]) -> str:
    variant = product.get("variant_title")
    return f"{product['title']} - {variant}" if variant else str(product["title"])


def _fields(product: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"Description": text.cut(_title(product), text.DESCRIPTION)}
    if product.get("sku"):
        fields["Sku"] = text.cut(product["sku"], 100)
    if product.get("price"):
        fields["UnitPrice"] = Decimal(product["price"]["amount"])
    if "taxable" in product:
        fields["Taxable"] = product["taxable"]
    return fields
