"""Dates. A "broken down time" is [year, month 0-11, day, hours, minutes, seconds, weekday, day of the year]; UTC."""

from __future__ import annotations

import calendar
import math
import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crossdock.jq.builtins.registry import native
from crossdock.jq.errors import RunError
from crossdock.jq.numbers import NUMBERS, to_int
from crossdock.jq.text import shown_as

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIMIT = 253_402_300_799


def _broken_down(seconds: Any) -> list[Any]:
    if (type(seconds) is float and not math.isfinite(seconds)) or abs(seconds) > _LIMIT:
        raise RunError("gmtime: the time is outside the years 1 to 9999")
    whole = math.floor(seconds)
    try:
        at = _EPOCH + timedelta(seconds=whole)
    except OverflowError:
        raise RunError("gmtime: the time is outside the years 1 to 9999") from None
    second: Any = at.second
    if type(seconds) is Decimal and seconds != whole:
        second = at.second + (seconds - whole)
    return [at.year, at.month - 1, at.day, at.hour, at.minute, second, at.isoweekday() % 7, at.timetuple().tm_yday - 1]


@native("gmtime", kind="list")
@native("localtime", kind="list")
def gmtime(v: Any) -> list[Any]:
    """`localtime` is the same: a program does not see the server's time zone."""
    if type(v) not in NUMBERS:
        raise RunError("gmtime() requires a number")
    return _broken_down(v)


def _from_parts(v: Any, who: str) -> datetime:
    if type(v) is not list or len(v) < 3 or any(type(part) not in NUMBERS for part in v[:8]):
        raise RunError(f"{who} requires parsed datetime inputs")
    parts = [to_int(part) for part in v[:6]] + [0] * (6 - len(v[:6]))
    year, month = parts[0] + parts[1] // 12, parts[1] % 12 + 1
    try:
        day = datetime(year, month, 1, tzinfo=UTC)
        return day + timedelta(days=parts[2] - 1, hours=parts[3], minutes=parts[4], seconds=parts[5])
    except (ValueError, OverflowError):
        raise RunError(f"{who}: the time is outside the years 1 to 9999") from None


@native("mktime", kind="int")
def mktime(v: Any) -> int:
    if type(v) is not list:
        raise RunError("mktime requires array of 6 numbers")
    return calendar.timegm(_from_parts(v, "mktime").timetuple())


def _format(v: Any, layout: Any, who: str) -> str:
    if type(v) in NUMBERS:
        v = _broken_down(v)
    elif type(v) is not list:
        raise RunError(f"{who} requires parsed datetime inputs")
    if type(layout) is not str:
        raise RunError(f"{who} requires a string format")
    if len(layout) > LONGEST:
        raise RunError(f"{who}: a format has at most {LONGEST:,} characters")
    at = _from_parts(v, who)
    return _DIRECTIVE.sub(lambda m: _directive(m.group(1), at), layout)


LONGEST = 1_000
"""Characters of a date and of its format: more make no date, but take time."""
_DIRECTIVE = re.compile(r"%([EO]?[a-zA-Z%+])")


def _directive(letter: str, at: datetime) -> str:
    own = {
        "Z": "UTC", "z": "+0000", "%": "%", "n": "\n", "t": "\t", "Y": str(at.year),
        "C": f"{at.year // 100:02}", "e": f"{at.day:2}", "s": str(calendar.timegm(at.timetuple())),
        "k": f"{at.hour:2}", "l": f"{(at.hour + 11) % 12 + 1:2}", "G": str(at.isocalendar().year),
        "D": f"{at:%m/%d}/{at.year % 100:02}", "F": f"{at.year}-{at:%m-%d}", "R": f"{at:%H:%M}", "T": f"{at:%H:%M:%S}",
        "r": f"{at:%I:%M:%S %p}", "h": f"{at:%b}", "u": str(at.isoweekday()),
        "c": f"{at:%a %b} {at.day:2} {at:%H:%M:%S} {at.year}",
        "x": f"{at:%m/%d}/{at.year % 100:02}", "X": f"{at:%H:%M:%S}",
    }  # fmt: skip
    letter = letter[-1]
    if letter in own:
        return own[letter]
    if letter in "aAbBdHIjmMpSUVwWyg":
        return f"{at.isocalendar().year % 100:02}" if letter == "g" else at.strftime(f"%{letter}")
    if letter == "P":
        return at.strftime("%p").lower()
    return f"%{letter}"


@native("strftime", 1, kind="str")
def strftime(v: Any, layout: Any) -> str:
    return _format(v, layout, "strftime/1")


@native("strflocaltime", 1, kind="str")
def strflocaltime(v: Any, layout: Any) -> str:
    return _format(v, layout, "strflocaltime/1")


@native("strptime", 1, kind="list")
def strptime(v: Any, layout: Any) -> list[Any]:
    if type(v) is not str or type(layout) is not str:
        raise RunError("strptime/1 requires string inputs and arguments")
    if len(v) > LONGEST or len(layout) > LONGEST:
        raise RunError(f'date "{v[:30]}" does not match format "{layout[:30]}": more than {LONGEST:,} characters')
    pattern = layout.replace("%T", "%H:%M:%S").replace("%F", "%Y-%m-%d").replace("%D", "%m/%d/%y")
    pattern = pattern.replace("%R", "%H:%M").replace("%e", "%d").replace("%h", "%b")
    try:
        at = _epoch(v) if pattern == "%s" else time.strptime(v, pattern)
    except (ValueError, OverflowError, OSError, re.error, IndexError, KeyError):
        raise RunError(f'date "{v}" does not match format "{layout}"') from None
    if at.tm_year < 1:
        raise RunError(f'date "{v}" does not match format "{layout}"')
    moment = datetime(at.tm_year, at.tm_mon, at.tm_mday, tzinfo=UTC)
    return [
        at.tm_year, at.tm_mon - 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec,
        moment.isoweekday() % 7, moment.timetuple().tm_yday - 1,
    ]  # fmt: skip


def _epoch(v: str) -> time.struct_time:
    return time.gmtime(int(v))


@native("todate", kind="str")
@native("todateiso8601", kind="str")
def todate(v: Any) -> str:
    if type(v) not in NUMBERS:
        raise RunError("strftime/1 requires parsed datetime inputs")
    return _format(v, "%Y-%m-%dT%H:%M:%SZ", "strftime/1")


@native("fromdate", kind="int")
@native("fromdateiso8601", kind="int")
def fromdate(v: Any) -> int:
    if type(v) is not str:
        raise RunError(f"{shown_as(v)} is not a date: strptime/1 requires string inputs and arguments")
    return mktime(strptime(v, "%Y-%m-%dT%H:%M:%SZ"))
