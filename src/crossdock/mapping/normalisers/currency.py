from __future__ import annotations

import csv
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from crossdock.mapping.normalisers.unreadable import Unreadable, shown


@cache
def currencies() -> Mapping[str, int]:
    """ISO 4217 code → decimals of its minor unit. Withdrawn codes that old documents bear are kept."""
    text = files("crossdock.mapping.normalisers").joinpath("currencies.csv").read_text(encoding="utf-8")
    return {row["currency"]: int(row["decimals"]) for row in csv.DictReader(text.splitlines())}


def currency(code: object) -> str:
    """The ISO 4217 code in capitals, from one in any case (`cad`)."""
    text = code.strip().upper() if isinstance(code, str) else ""
    if text in currencies():
        return text
    close = get_close_matches(text, currencies(), n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise Unreadable(f"{shown(code)} is no ISO 4217 currency{meant}")


def decimals(code: str) -> int:
    """2 for EUR, 0 for JPY, 3 for KWD."""
    return currencies()[code]
