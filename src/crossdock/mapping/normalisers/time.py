"""Instants as RFC 3339 text in UTC (`2026-11-03T14:12:43Z`), and calendar days as `YYYY-MM-DD`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from crossdock.mapping.normalisers.unreadable import Unreadable, shown

MILLISECONDS_FROM = 10**11
"""epoch numbers from here on are milliseconds: as seconds they would lie after the year 5000"""
LAST_EPOCH = 10**15
_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?\s?(?:([Zz])|([+-])(\d\d):?(\d\d)?)?)?",
    re.ASCII,
)
_EPOCH = re.compile(r"-?\d{9,10}|-?\d{12,13}", re.ASCII)
"""epoch numbers sent as text: not short enough to be a day written without dashes"""
_DAY = re.compile(r"(\d{1,4})[-./ ](\d{1,2})[-./ ](\d{1,4})", re.ASCII)
_ORDERS = {"ymd": (0, 1, 2), "dmy": (2, 1, 0), "mdy": (2, 0, 1)}


def instant(value: object, zone: object = None) -> str | None:
    """RFC 3339 in UTC, from ISO text or a number of seconds or milliseconds since 1970; null and blank stay null.

    Text without an offset is local to `zone` (an IANA name) and unreadable without one; a day alone is its midnight.
    An hour that the clocks repeat is taken the first time, one that they skip moves on with them. A fraction is
    kept to nanoseconds, without trailing zeros.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        return _from_epoch(value)
    return _from_epoch(Decimal(value)) if _EPOCH.fullmatch(value) else _from_text(value, zone)


def date_in(value: object, zone: object) -> str | None:
    """The calendar day in `zone` at an instant (anything that `instant` reads with an offset); null stays null."""
    text = instant(value)
    if text is None:
        return None
    local = datetime.fromisoformat(f"{text[:19]}+00:00")
    try:
        return local.astimezone(_zone(zone)).date().isoformat()
    except OverflowError:
        raise Unreadable(f"{shown(value)} is out of range") from None


def day(text: object, order: object = "ymd") -> str | None:
    """A calendar day, from numbers with `-`, `.`, `/` or blanks between, in the order `ymd`, `dmy` or `mdy`.

    The year has four digits. Null and blank stay null.
    """
    if text is None or (isinstance(text, str) and not text.strip()):
        return None
    if order not in _ORDERS:
        raise Unreadable(f"the order of a day is one of {', '.join(_ORDERS)}, not {shown(order)}")
    found = _DAY.fullmatch(text.strip()) if isinstance(text, str) else None
    year, month, date_ = (found[1 + index] for index in _ORDERS[str(order)]) if found else ("", "", "")
    if len(year) != 4:
        raise Unreadable(f"{shown(text)} is no day in the order {order} with a year of four digits")
    try:
        return date(int(year), int(month), int(date_)).isoformat()
    except ValueError:
        raise Unreadable(f"{shown(text)} is no day of the calendar") from None


def day_add(text: object, days: object) -> str | None:
    """The day that many days later, or earlier if negative; null stays null."""
    start = day(text)
    if start is None:
        return None
    if isinstance(days, bool) or not isinstance(days, int | Decimal) or days != int(days):
        raise Unreadable(f"{shown(days)} is no whole number of days")
    try:
        return (date.fromisoformat(start) + timedelta(days=int(days))).isoformat()
    except OverflowError:
        raise Unreadable(f"{days} days from {start} is out of range") from None


def _from_text(text: str, zone: object) -> str:
    found = _TEXT.fullmatch(text.strip()) if len(text) <= 100 else None
    if not found:
        raise Unreadable(f'{shown(text)} is no instant like "2026-11-03T09:12:44-05:00"')
    year, month, day_, hour, minute, second, fraction, utc, sign, hours, minutes = found.groups()
    try:
        local = datetime(
            int(year), int(month), int(day_), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
        offset: tzinfo
        if utc:
            offset = UTC
        elif sign:
            offset = timezone(int(f"{sign}1") * timedelta(hours=int(hours), minutes=int(minutes or 0)))
        elif zone is None:
            raise Unreadable(f"{shown(text)} has no offset from UTC: say its time zone")
        else:
            offset = _zone(zone)
        return _written(local.replace(tzinfo=offset).astimezone(UTC), fraction)
    except Unreadable:
        raise
    except (ValueError, OverflowError):
        raise Unreadable(f"{shown(text)} is no instant of the calendar") from None


def _from_epoch(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unreadable(f"{shown(value)} is no instant")
    number = Decimal(value)
    if not number.is_finite() or not -LAST_EPOCH < number < LAST_EPOCH:
        raise Unreadable(f"{shown(value)} is out of range for seconds or milliseconds since 1970")
    seconds = number / 1000 if abs(number) >= MILLISECONDS_FROM else number
    whole = int(seconds.to_integral_value("ROUND_FLOOR"))
    fraction = f"{seconds - whole:.9f}"[2:]
    try:
        return _written(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole), fraction)
    except OverflowError:
        raise Unreadable(f"{shown(value)} is out of range") from None


def _written(at: datetime, fraction: str | None) -> str:
    kept = (fraction or "").rstrip("0")
    return f"{at.year:04d}-{at:%m-%dT%H:%M:%S}{'.' if kept else ''}{kept}Z"


@lru_cache(maxsize=256)
def _known_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = get_close_matches(name[:60], available_timezones(), n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise Unreadable(f"{shown(name)} is no time zone{meant}") from None


def _zone(name: object) -> ZoneInfo:
    if not isinstance(name, str) or not name:
        raise Unreadable(f"{shown(name)} is no time zone")
    return _known_zone(name)
