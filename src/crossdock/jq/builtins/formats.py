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


def _html(v: Any, meter: Meter) -> str:
    return to_string(v, meter).translate(_HTML)


def _uri(v: Any, meter: Meter) -> str:
    return quote(to_string(v, meter), safe="-_.~", errors="replace")


def _urid(v: Any, meter: Meter) -> str:
    text = to_string(v, meter)

    def decoded(match: re.Match[bytes]) -> bytes:
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
    cells = []
    for item in _row(v, "csv"):
        if type(item) is str:
            cells.append('"' + item.replace('"', '""') + '"')
        else:
            cells.append(_cell(item, "csv"))
    meter.charge(len(cells))
    return ",".join(cells)


def _tsv(v: Any, meter: Meter) -> str:
    cells = [item.translate(_TSV) if type(item) is str else _cell(item, "tsv") for item in _row(v, "tsv")]
    meter.charge(len(cells))
    return "\t".join(cells)


def _cell(item: Any, name: str) -> str:
    if item is None:
        return ""
    if type(item) is list or type(item) is dict:
        raise RunError(f"{shown_as(item)} is not valid in a {name} row")
    return scalar_text(item)


def _sh(v: Any, meter: Meter) -> str:
    items = v if type(v) is list else [v]
    meter.charge(len(items))
    words = []
    for item in items:
        if type(item) is list or type(item) is dict:
            raise RunError(f"{shown_as(item)} can not be escaped for shell")
        words.append("'" + item.replace("'", "'\\''") + "'" if type(item) is str else scalar_text(item))
    return " ".join(words)


def _bytes(v: Any, meter: Meter) -> bytes:
    text = to_string(v, meter)
    meter.text(2 * len(text))
    return text.encode("utf-8", "replace")


def _base64(v: Any, meter: Meter) -> str:
    return base64.b64encode(_bytes(v, meter)).decode()


def _base64d(v: Any, meter: Meter) -> str:
    text = to_string(v, meter)
    bare = text.rstrip("=")
    if _NOT_BASE64.search(bare):
        raise RunError(f"{shown_as(text)} is not valid base64 data")
    if len(bare) % 4 == 1:
        raise RunError(f"{shown_as(text)} trailing base64 byte found")
    return base64.b64decode(bare + "=" * (-len(bare) % 4)).decode("utf-8", "replace")


def _base32(v: Any, meter: Meter) -> str:
    return base64.b32encode(_bytes(v, meter)).decode()


def _base32d(v: Any, meter: Meter) -> str:
    text = to_string(v, meter)
    bare = text.rstrip("=")
    try:
        return base64.b32decode(bare + "=" * (-len(bare) % 8)).decode("utf-8", "replace")
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
