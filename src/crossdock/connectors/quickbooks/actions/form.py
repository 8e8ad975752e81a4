"""What invoices, refund receipts and credit memos share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossdock.connectors.quickbooks.accounts import item_ids, item_ids_by_sku
from crossdock.connectors.quickbooks.api import Api
from crossdock.connectors.quickbooks.lines import Booked, sales_lines, skus_in
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core.connector import Outbound, Steps
from crossdock.core.errors import ForAPerson


def lines_of(
    api: Api,
    item: Outbound,
    booked: Booked,
    settings: QuickBooksSettings,
    *,
    step: str = "items",
    billed: Mapping[str, str] | None = None,
) -> Steps[list[dict[str, Any]]]:
    """The document's lines with their items; asks QuickBooks for the items that are known by name or SKU only."""
    by_sku = (yield from item_ids_by_sku(api, skus_in(booked))) if settings.products == "by_sku" else {}
    named = {
        getattr(settings.items, line.kind)
        for line in booked.lines
        if not (line.kind == "product" and line.sku in by_sku)
    }
    items = yield from item_ids(api, item, named, settings.income_account, step=step)
    return sales_lines(booked, settings, items, by_sku, billed)


def currency_fields(currency: str, settings: QuickBooksSettings) -> dict[str, Any]:
    """Nothing in the home currency. Raises ForAPerson for another one where the company keeps only one."""
    if currency == settings.currency:
        return {}
    if not settings.multicurrency:
        raise ForAPerson(
            f"the document is in {currency}, the books are in {settings.currency}; switch multicurrency on in"
            " QuickBooks and set `multicurrency: true`"
        )
    return {"CurrencyRef": {"value": currency}}
