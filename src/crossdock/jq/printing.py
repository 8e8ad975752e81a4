"""Values as the command prints them: laid out for people, or on one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crossdock.jq.text import pieces, quoted, scalar_text


@dataclass(frozen=True, slots=True)
class Layout:
    """`step` is what a level is indented by, nothing for one line; `raw` strings stand without quotes."""

    step: str = "  "
    before: str = ""
    after: str = "\n"
    raw: bool = False
    sort_keys: bool = False
    ascii_only: bool = False

    def shown(self, value: Any) -> str:
        return self.before + self._text(value) + self.after

    def _text(self, value: Any) -> str:
        if type(value) is str and self.raw:
            return value
        if self.sort_keys:
            value = _sorted(value)
        try:
            text = _indented(value, self.step) if self.step else "".join(pieces(value))
        except RecursionError:
            text = "".join(pieces(value))  # too deep to be read by people anyway
        return "".join(c if c.isascii() else _escaped(c) for c in text) if self.ascii_only else text


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _sorted(value: Any) -> Any:
    if type(value) is list:
        return [_sorted(item) for item in value]
    if type(value) is dict:
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def _indented(value: Any, step: str, depth: int = 0) -> str:
    if type(value) is list and value:
        inner = ",\n".join(step * (depth + 1) + _indented(item, step, depth + 1) for item in value)
        return f"[\n{inner}\n{step * depth}]"
    if type(value) is dict and value:
        inner = ",\n".join(
            f"{step * (depth + 1)}{quoted(key)}: {_indented(item, step, depth + 1)}" for key, item in value.items()
        )
        return f"{{\n{inner}\n{step * depth}}}"
    if type(value) is list or type(value) is dict:
        return "[]" if type(value) is list else "{}"
    return scalar_text(value)
