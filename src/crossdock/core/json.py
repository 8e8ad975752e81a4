"""Exact JSON inside the hub: integers of any size and decimals keep their digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from crossdock.core.errors import NotJson

LARGEST_EXPONENT = 400
"""Beyond it a number of few characters would become one of very many digits."""


def _exact(text: str) -> Decimal:
    value = Decimal(text)
    if ("e" in text or "E" in text) and abs(value.adjusted()) > LARGEST_EXPONENT:
        raise ValueError(f"a number with an exponent beyond {LARGEST_EXPONENT}")
    return value


_decoder = msgspec.json.Decoder(float_hook=_exact)
_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def decode(data: bytes | str) -> Any:
    """A JSON value; non-integers become Decimal. Raises NotJson with the byte position, never the data."""
    try:
        return _decoder.decode(data)
    except RecursionError:
        raise NotJson("not valid JSON: nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise NotJson(f"not valid JSON: {error}") from None


def encode(value: Any) -> bytes:
    """Compact UTF-8 in insertion order; Decimals are written as numbers with their own digits."""
    return _encoder.encode(value)


def canonical(value: Any) -> bytes:
    """As `encode`, with sorted keys: equal values give equal bytes, for hashing."""
    return _canonical.encode(value)
