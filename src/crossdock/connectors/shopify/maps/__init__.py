"""Shopify's records → canonical events.

A record comes in two spellings, of webhooks and of GraphQL. `rest.jq` and `graph.jq` only rename; then both go on
through the same program, so that a fact makes the same event by whichever way it was seen.
"""

from __future__ import annotations

from importlib.resources import files

_ORDERS_TOLD = ("orders/create", "orders/updated", "orders/cancelled", "orders/fulfilled", "orders/partially_fulfilled")
_ORDERS_READ = ("orders/read", "orders/paid", "orders/edited", "refunds/create", "order_transactions/create")


def inbound_maps(currency: str) -> dict[str, str]:
    """topic → jq program. Deletions have no map: what was booked stays booked."""
    maps = dict.fromkeys(_ORDERS_TOLD, _program("order", "rest", currency))
    maps |= dict.fromkeys(_ORDERS_READ, _program("order", "graph", currency))
    for kind in ("customer", "product"):
        maps |= dict.fromkeys((f"{kind}s/create", f"{kind}s/update"), _program(kind, "rest", currency))
        maps[f"{kind}s/read"] = _program(kind, "graph", currency)
    return maps


def _program(kind: str, spelling: str, currency: str) -> str:
    """What all share, the renaming, and the program that goes on from the renamed record."""
    folder = files("crossdock.connectors.shopify.maps")
    parts = ["common.jq", f"{spelling}.jq", f"{kind}.jq"]
    texts = [folder.joinpath(part).read_text("utf-8") for part in parts]
    return "\n".join([f'def shop_currency: "{currency}";', *texts])
