"""Natives about strings."""

from __future__ import annotations

from typing import Any

from crossdock.jq.budget import Meter
from crossdock.jq.builtins.registry import native
from crossdock.jq.errors import RunError
from crossdock.jq.numbers import NUMBERS, to_int
from crossdock.jq.text import shown_as

_WHITESPACE = "".join(
    map(chr, [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
)
_UPPER = {c: c - 32 for c in range(ord("a"), ord("z") + 1)}
_LOWER = {c: c + 32 for c in range(ord("A"), ord("Z") + 1)}


def split_plain(v: str, separator: str, meter: Meter) -> list[str]:
    meter.text(len(v))
    meter.charge(len(v) // 16)
    if not v:
        return []
    return v.split(separator) if separator else list(v)


@native("split", 1, meter=True, kind="list")
def split(v: Any, separator: Any, meter: Meter) -> list[str]:
    if type(v) is not str or type(separator) is not str:
        raise RunError("split input and separator must be strings")
    return split_plain(v, separator, meter)


@native("ascii_downcase", kind="str")
def ascii_downcase(v: Any) -> str:
    if type(v) is not str:
        raise RunError("ascii_downcase input must be a string")
    return v.lower() if v.isascii() else v.translate(_LOWER)


@native("ascii_upcase", kind="str")
def ascii_upcase(v: Any) -> str:
    if type(v) is not str:
        raise RunError("ascii_upcase input must be a string")
    return v.upper() if v.isascii() else v.translate(_UPPER)


@native("startswith", 1, kind="bool")
def startswith(v: Any, prefix: Any) -> bool:
    if type(v) is not str or type(prefix) is not str:
        raise RunError("startswith() requires string inputs")
    return v.startswith(prefix)


@native("endswith", 1, kind="bool")
def endswith(v: Any, suffix: Any) -> bool:
    if type(v) is not str or type(suffix) is not str:
        raise RunError("endswith() requires string inputs")
    return v.endswith(suffix)


@native("ltrimstr", 1, kind="str")
def ltrimstr(v: Any, prefix: Any) -> str:
    return v[len(prefix) :] if startswith(v, prefix) else v  # type: ignore[no-any-return]


@native("rtrimstr", 1, kind="str")
def rtrimstr(v: Any, suffix: Any) -> str:
    return v[: len(v) - len(suffix)] if endswith(v, suffix) else v  # type: ignore[no-any-return]


@native("trimstr", 1, kind="str")
def trimstr(v: Any, both: Any) -> str:
    return rtrimstr(ltrimstr(v, both), both)


def _trimmed(v: Any, meter: Meter) -> str:
    if type(v) is not str:
        raise RunError("trim input must be a string")
    meter.read(len(v))
    return v


@native("trim", meter=True, kind="str")
def trim(v: Any, meter: Meter) -> str:
    return _trimmed(v, meter).strip(_WHITESPACE)


@native("ltrim", meter=True, kind="str")
def ltrim(v: Any, meter: Meter) -> str:
    return _trimmed(v, meter).lstrip(_WHITESPACE)


@native("rtrim", meter=True, kind="str")
def rtrim(v: Any, meter: Meter) -> str:
    return _trimmed(v, meter).rstrip(_WHITESPACE)


@native("explode", meter=True, kind="list")
def explode(v: Any, meter: Meter) -> list[int]:
    if type(v) is not str:
        raise RunError("explode input must be a string")
    meter.array(len(v))
    meter.charge(len(v) // 16)
    return list(map(ord, v))


@native("implode", meter=True, kind="str")
def implode(v: Any, meter: Meter) -> str:
    if type(v) is not list:
        raise RunError("implode input must be an array")
    meter.charge(len(v))
    meter.fits(len(v))
    letters = []
    for item in v:
        if type(item) not in NUMBERS or item != item:
            raise RunError(f"{shown_as(item)} can't be imploded, unicode codepoint needs to be numeric")
        code = to_int(item)
        valid = 0 <= code < 0x110000 and not 0xD800 <= code < 0xE000
        letters.append(chr(code) if valid else "\ufffd")
    return "".join(letters)
