"""Spans of time as a person writes them: `2s`, `15m`, `90d`."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d|w)", re.ASCII)
LONGEST_S = 100 * 365 * 86_400.0


def seconds(text: Any) -> float:
    """Raises ValueError."""
    if isinstance(text, str) and (match := _FORM.fullmatch(text.strip())):
        value = float(match[1]) * UNITS_S[match[2]]
        if value <= LONGEST_S:
            return value
        raise ValueError("is longer than a hundred years")
    raise ValueError("should be a number and its unit (ms, s, m, h, d, w), as in 15m")


def shown(value_s: float) -> str:
    """The shortest way to write it."""
    for unit, size in sorted(UNITS_S.items(), key=lambda each: -each[1]):
        if value_s >= size and (value_s / size).is_integer():
            return f"{int(value_s / size)}{unit}"
    return f"{value_s:g}s"


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    Field(ge=0),
    PlainSerializer(shown, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _FORM.pattern}),
]
"""Seconds inside, `15m` outside."""
