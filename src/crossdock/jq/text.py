"""JSON text out of values, and values shown in messages."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from crossdock.jq.errors import RunError

if TYPE_CHECKING:
    from crossdock.jq.budget import Meter

MAX_DEPTH = 10_000
_encode = msgspec.json.Encoder(decimal_format="number").encode
_quote = json.JSONEncoder(ensure_ascii=False).encode
_TYPE_NAMES = {
    type(None): "null", bool: "boolean", int: "number", Decimal: "number", float: "number",
    str: "string", list: "array", dict: "object",
}  # fmt: skip


def type_name(value: Any) -> str:
    name = _TYPE_NAMES.get(type(value))
    if name is None:
        raise RunError(f"a value of Python type {type(value).__name__} is not JSON")
    return name


def scalar_text(value: Any) -> str:
    """JSON text of anything but an array or object. Raises RunError on integers that are too long."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    kind = type(value)
    if kind is str:
        return quoted(value)
    if kind is int:
        try:
            return str(value)
        except ValueError:
            from crossdock.jq.numbers import too_long

            raise too_long() from None
    if kind is Decimal:
        return str(value) if value.is_finite() else "null"
    if kind is float:
        if value != value:
            return "null"
        if math.isinf(value):
            return "1.7976931348623157e+308" if value > 0 else "-1.7976931348623157e+308"
        return repr(value)
    raise RunError(f"a value of Python type {kind.__name__} is not JSON")


def quoted(value: str) -> str:
    text = _quote(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


def pieces(value: Any) -> Iterator[str]:
    """Compact JSON text bit by bit, at any depth, without recursion."""
    stack: list[Any] = [(0, value)]
    while stack:
        item = stack.pop()
        if type(item) is str:
            yield item
            continue
        depth, node = item
        kind = type(node)
        if kind is not list and kind is not dict:
            yield scalar_text(node)
        elif depth > MAX_DEPTH:
            yield '"<skipped: too deep>"'
        elif kind is list:
            yield "["
            stack.append("]")
            for i in range(len(node) - 1, -1, -1):
                stack.append((depth + 1, node[i]))
                if i:
                    stack.append(",")
        else:
            yield "{"
            stack.append("}")
            for i, (key, child) in reversed(list(enumerate(node.items()))):
                if type(key) is not str:
                    raise RunError(f"an object key of Python type {type(key).__name__} is not JSON")
                stack.append((depth + 1, child))
                stack.append(("," if i else "") + quoted(key) + ":")


def to_bytes(value: Any) -> bytes:
    """Compact JSON. Infinities become the largest double, nan becomes null, as in jq."""
    try:
        data = _encode(value)
    except (RecursionError, UnicodeEncodeError, ValueError, TypeError, OverflowError):
        return "".join(pieces(value)).encode()
    if b"null" in data and _has_infinity(value):
        return "".join(pieces(value)).encode()
    return data


def to_text(value: Any, meter: Meter) -> str:
    """`tojson`: charged by size before it is built, so shared structure cannot explode."""
    kind = type(value)
    if kind is not list and kind is not dict:
        if kind is not str:
            return scalar_text(value)
        meter.read(len(value))
        text = quoted(value)
    else:
        meter.charge(_size(value, meter) // 16)
        text = to_bytes(value).decode()
    meter.fits(len(text))
    return text


def _size(value: Any, meter: Meter) -> int:
    size = 0
    limit = meter.budget.value_bytes
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is str:
            size += len(item)
            continue
        if kind is dict:
            size += 4 * len(item)
            stack.extend(item.values())
        elif kind is list:
            size += len(item)
            stack.extend(item)
        else:
            continue
        meter.charge(len(item) // 8 + 1)
        if size > limit:
            meter.text(size)
    return size


def _has_infinity(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is list:
            stack.extend(item)
        elif kind is dict:
            stack.extend(item.values())
        elif kind is float and math.isinf(item):
            return True
    return False


def shown(value: Any, limit: int = 30) -> str:
    """JSON text cut to `limit` bytes for a message, with jq's ellipsis and closing sign."""
    text = ""
    for piece in pieces(value):
        text += piece
        if len(text) > limit:
            break
    data = text.encode()
    if len(data) < limit:
        return text
    closing = {"[": "]", "{": "}", '"': '"'}.get(text[0], "")
    cut = limit - 4 - len(closing)
    return data[:cut].decode("utf-8", "ignore") + "..." + closing


def shown_as(value: Any) -> str:
    return f"{type_name(value)} ({shown(value)})"


def shown_path(keys: Iterable[Any]) -> str:
    """A path as a program would write it."""
    path = "".join(
        f"[{key}]" if type(key) is int else f".{key}" if key.isidentifier() and key.isascii() else f"[{quoted(key)}]"
        for key in keys
    )
    return path if path.startswith(".") else f".{path}"
