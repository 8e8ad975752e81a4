"""How the shop rounds and writes money.

Webhook (REST) bodies write every amount with the currency's own decimals ("164.90"); GraphQL trims trailing
zeros down to one decimal ("55.0"). Recorded from a development store, API 2025-01 to 2026-07.
"""

from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
_WITHOUT_MINOR_UNIT = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "XAF", "XOF"}
)


def places(currency: str) -> int:
    return 0 if currency in _WITHOUT_MINOR_UNIT else 2


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Half up to the currency's smallest unit, the way the shop rounds each tax line on its own."""
    return amount.quantize(Decimal(1).scaleb(-places(currency)), rounding=ROUND_HALF_UP)


def rest_amount(amount: Decimal, currency: str) -> str:
    return f"{rounded(amount, currency):f}"


def graph_amount(amount: Decimal) -> str:
    text = f"{amount:f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
