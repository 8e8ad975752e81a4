"""Accounts and items by the names that people know, looked up when they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crossdock.connectors.quickbooks.api import Api, any_of, quoted, record_of, rows
from crossdock.core.connector import Call, Outbound, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson


def is_id(named: str) -> bool:
    """Ids are digits; QuickBooks' own shipping item has a word for an id."""
    return named.isdecimal() or named == "SHIPPING_ITEM_ID"


def account_id(api: Api, named: str) -> Steps[str]:
    """The account's id. Raises ForAPerson where the company has no account of that name."""
    if is_id(named):
        return named
    done = yield Call(f"account:{named}", api.select("Account", f"Name = {quoted(named)}"))
    hits = rows(done.answer, "Account")
    if not hits:
        raise ForAPerson(
            f"QuickBooks has no account named {named!r}; name one of its accounts in the connection's settings"
        )
    return str(hits[0]["Id"])


def item_ids(
    api: Api, item: Outbound, names: Iterable[str], income_account: str, *, step: str = "items"
) -> Steps[Mapping[str, str]]:
    """Name → id of each item. One that does not exist is made, as a service on the income account; if somebody makes it
    at the same moment, the name is taken, and the next revision finds it."""
    names = set(names)
    wanted = sorted(name for name in names if not is_id(name))
    found = {name: name for name in names if is_id(name)}
    if not wanted:
        return found
    done = yield Call(step, api.select("Item", f"Name in {any_of(wanted)}"))
    by_name = {str(hit["Name"]).lower(): str(hit["Id"]) for hit in rows(done.answer, "Item")}
    income = ""
    for name in wanted:
        if name.lower() not in by_name:
            income = income or (yield from account_id(api, income_account))
            by_name[name.lower()] = yield from _make(api, item, name, income)
        found[name] = by_name[name.lower()]
    return found


def _make(api: Api, item: Outbound, name: str, income: str) -> Steps[str]:
    step = f"item:{name}"
    body = {"Name": name, "Type": "Service", "IncomeAccountRef": {"value": income}}
    done = yield Call(step, api.save("Item", body, item.provider_key(step)), EffectClass.NATIVE_KEY, (item.id,))
    return str(record_of(done.answer, "Item")["Id"])


def item_ids_by_sku(api: Api, skus: Iterable[str]) -> Steps[Mapping[str, str]]:
    """SKU → id of the active items that have one; a SKU that two items share names neither."""
    wanted = sorted({sku for sku in skus if sku})
    if not wanted:
        return {}
    done = yield Call("items.by_sku", api.select("Item", f"Sku in {any_of(wanted)}"))
    hits: list[Mapping[str, Any]] = rows(done.answer, "Item")
    named = [str(hit.get("Sku", "")) for hit in hits]
    return {sku: str(hit["Id"]) for sku, hit in zip(named, hits, strict=True) if named.count(sku) == 1}
