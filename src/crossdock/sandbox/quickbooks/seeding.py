"""Data that a test or a demo starts from: it passes the same rules as data that comes through the API."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from crossdock.sandbox.quickbooks import books, setup
from crossdock.sandbox.quickbooks.company import Company, Settings
from crossdock.sandbox.quickbooks.fields import Day
from crossdock.sandbox.quickbooks.kinds import KINDS
from crossdock.sandbox.simulator import SeedError


def settings(data: Any) -> Settings:
    """Raises SeedError, or FaultError for a date that is none."""
    if not isinstance(data, dict):
        raise SeedError("company: an object is needed")
    unknown = set(data) - set(Settings.names())
    if unknown:
        raise SeedError(f"company: unknown field {sorted(unknown)[0]!r}; there are {', '.join(Settings.names())}")
    try:
        chosen = msgspec.convert(data, Settings)
        ZoneInfo(chosen.time_zone)
    except msgspec.ValidationError as error:
        raise SeedError(f"company: {error}") from None
    except (ZoneInfoNotFoundError, ValueError):
        raise SeedError(f"company.time_zone: there is no time zone {data['time_zone']!r}") from None
    if chosen.book_close_date:
        Day().clean(chosen.book_close_date, "company.book_close_date")
    return chosen


def records(company: Company, name: str, given: Any) -> Any:
    """Makes the records of one kind, in order; returns them as shown. Raises SeedError, FaultError."""
    if not isinstance(given, list):
        raise SeedError(f"{name}: an array is needed")
    if name == "Vendor":
        company.other_names |= {str(vendor).strip().lower() for vendor in given}
        return given
    kind = KINDS.get(name.lower())
    if kind is None:
        raise SeedError(f"there is no {name!r}; there are Vendor, {', '.join(one.name for one in KINDS.values())}")
    if not all(isinstance(record, dict) for record in given):
        raise SeedError(f"{name}: an array of objects is needed")
    if kind.name == "TaxCode":
        return [setup.tax_code(company, str(one.get("Name", "")), _rates(one)) for one in given]
    return [books.shown(company, kind, books.save(company, kind, record)) for record in given]


def _rates(data: Mapping[str, Any]) -> dict[str, Decimal]:
    try:
        return {str(name): Decimal(str(percent)) for name, percent in data.get("Rates", {}).items()}
    except (InvalidOperation, AttributeError):
        raise SeedError('TaxCode.Rates: percentages by name are needed, such as {"HST": 13}') from None
