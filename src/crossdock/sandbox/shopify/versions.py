"""Quarterly API versions: which exist, and which one answers a request for another.

Source: shopify.dev, "API versioning": quarterly names, a year of support, and that a version that is gone falls
forward to the oldest.
"""

import re
from datetime import UTC, datetime
from typing import Final

SUPPORTED: Final = 4
"""A version is answered for a year, so four quarters are open at a time."""


def stable(civil: float) -> list[str]:
    """The supported versions, oldest first: `2026-01` … `2026-10` in November 2026."""
    today = datetime.fromtimestamp(civil, UTC)
    quarter = today.year * 4 + (today.month - 1) // 3
    return [f"{number // 4}-{number % 4 * 3 + 1:02d}" for number in range(quarter - SUPPORTED + 1, quarter + 1)]


def served(asked: str, civil: float) -> str | None:
    """The version that answers, told in `X-Shopify-API-Version`; None where no such version exists.

    One that is no longer supported falls forward to the oldest that is; the next quarter's is open as a candidate.
    """
    open_now = stable(civil)
    if asked == "unstable" or asked in open_now:
        return asked
    if not re.fullmatch(r"\d{4}-(01|04|07|10)", asked):
        return None
    if asked < open_now[0]:
        return open_now[0]
    year, month = int(open_now[-1][:4]), int(open_now[-1][5:])
    candidate = f"{year + 1}-01" if month == 10 else f"{year}-{month + 3:02d}"
    return asked if asked == candidate else None
