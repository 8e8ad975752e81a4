"""`@text @json @html @uri @urid @csv @tsv @sh @base64 @base64d @base32 @base32d`."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from crossdock.jq.budget import Meter
from crossdock.jq.builtins.registry import native
from crossdock.jq.errors import RunError
from crossdock.jq.runtime import to_string
from crossdock.jq.text import scalar_text, shown_as, to_text

_HTML = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", "'": "&apos;", '"': "&quot;"})
_TSV = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})?")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]")


CHUNK = 65_535
"""Longer texts are converted in pieces of this length, which 3 and 5 divide."""


def _converted(text: Any, convert: Callable[[Any], str], meter: Meter) -> str:
    """The text (or bytes) converted, piece by piece: what grows too long is stopped before it fills the memory."""
    if len(text) <= CHUNK:
        meter.read(len(text))
        return convert(text)
    parts, size = [], 0
    for start in range(0, len(text), CHUNK):
        meter.read(CHUNK)
        parts.append(convert(text[start : start + CHUNK]))
        size += len(parts[-1])
        meter.fits(size)
    return "".join(parts)


def _html(v: Any, meter: Meter) -> str:
    return _converted(to_string(v, meter), lambda text: text.translate(_HTML), meter)


def _uri(v: Any, meter: Meter) -> str:
    return _converted(to_string(v, meter), lambda text: quote(text, safe="-_.~", errors="replace"), meter)


def _urid(v: Any, meter: Meter) -> str:
    text = to_string(v, meter)
    meter.read(len(text))

    def decoded(match: re.Match[bytes]) -> bytes:
        meter.charge(1)
        if match.group(1) is None:
            raise _not_uri(text)
        return bytes([int(match.group(1), 16)])

    try:
        return _PERCENT.sub(decoded, text.encode("utf-8", "replace")).decode()
    except UnicodeDecodeError:
        raise _not_uri(text) from None


def _not_uri(text: str) -> RunError:
    return RunError(f"{shown_as(text)} is not a valid uri encoding")


def _row(v: Any, name: str) -> list[Any]:
    if type(v) is not list:
        raise RunError(f"{shown_as(v)} cannot be {name}-formatted, only array")
    return v


def _csv(v: Any, meter: Meter) -> str:
    return _joined(_row(v, "csv"), ",", lambda text: text.replace('"', '""'), '"', _csv_cell, meter)


def _tsv(v: Any, meter: Meter) -> str:
    return _joined(_row(v, "tsv"), "\t", lambda text: text.translate(_TSV), "", _tsv_cell, meter)


def _joined(
    items: list[Any],
    between: str,
    convert: Callable[[str], str],
    quotes: str,
    cell: Callable[[Any], str],
    meter: Meter,
) -> str:
    """The items as one text, strings converted and quoted; never much longer than may be."""
    cells, size = [], 0
    for item in items:
        text = f"{quotes}{_converted(item, convert, meter)}{quotes}" if type(item) is str else cell(item)
        meter.charge(1)
        size += len(text) + 1
        meter.fits(size)
        cells.append(text)
    return between.join(cells)


def _csv_cell(item: Any) -> str:
    return _cell(item, "csv")


def _tsv_cell(item: Any) -> str:
    return _cell(item, "tsv")


def _sh_word(item: Any) -> str:
    if type(item) is list or type(item) is dict:
        raise RunError(f"{shown_as(item)} can not be escaped for shell")
    return scalar_text(item)


def _cell(item: Any, name: str) -> str:
    if item is None:
        return ""
    if type(item) is list or type(item) is dict:
        raise RunError(f"{shown_as(item)} is not valid in a {name} row")
    return scalar_text(item)


def _sh(v: Any, meter: Meter) -> str:
    items = v if type(v) is list else [v]
    return _joined(items, " ", lambda text: text.replace("'", "'\\''"), "'", _sh_word, meter)


def _bytes(v: Any, meter: Meter) -> bytes:
    text = to_string(v, meter)
    meter.text(2 * len(text))
    return text.encode("utf-8", "replace")


def _base64(v: Any, meter: Meter) -> str:
    return base64.b64encode(_bytes(v, meter)).decode()


def _base64d(v: Any, meter: Meter) -> str:
    text = to_string(v, meter)
    meter.read(len(text))
    meter.fits(len(text) * 3 // 4)
    bare = text.rstrip("=")
    if _NOT_BASE64.search(bare):
        raise RunError(f"{shown_as(text)} is not valid base64 data")
    if len(bare) % 4 == 1:
        raise RunError(f"{shown_as(text)} trailing base64 byte found")
    return base64.b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8", "replace")


def _base32(v: Any, meter: Meter) -> str:
    return _converted(_bytes(v, meter), lambda data: base64.b32encode(data).decode(), meter)


def _base32d(v: Any, meter: Meter) -> str:
    text = to_string(v, meter)
    bare = text.rstrip("=")
    bare += "=" * (-len(bare) % 8)
    try:
        pieces = []
        for start in range(0, len(bare), 8 * CHUNK):
            meter.read(8 * CHUNK)
            pieces.append(base64.b32decode(bare[start : start + 8 * CHUNK]))
        return b"".join(pieces).decode("utf-8", "replace")
    except binascii.Error:
        raise RunError(f"{shown_as(text)} is not valid base32 data") from None


FORMATS: dict[str, Callable[[Any, Meter], str]] = {
    "text": to_string, "json": to_text, "html": _html, "uri": _uri, "urid": _urid, "csv": _csv, "tsv": _tsv,
    "sh": _sh, "base64": _base64, "base64d": _base64d, "base32": _base32, "base32d": _base32d,
}  # fmt: skip


@native("format", 1, meter=True, kind="str")
def format_(v: Any, name: Any, meter: Meter) -> str:
    if type(name) is not str:
        raise RunError(f"{shown_as(name)} is not a valid format")
    if name not in FORMATS:
        raise RunError(f"{name} is not a valid format")
    return FORMATS[name](v, meter)
