"""What a handler sees and says, and the tiny router between them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers, QueryParams

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


class JsonError(ValueError):
    """The body is not strict JSON. The message says where."""


def decode_json(body: bytes) -> Any:
    """Numbers with a fraction become `Decimal`. Raises JsonError, also for NaN, bad UTF-8, deep nesting."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise JsonError(str(error)) from None


def encode_json(value: Any) -> bytes:
    """`Decimal` becomes a JSON number, digit for digit."""
    return _encoder.encode(value)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, fully read. `path` is decoded; `params` are the placeholders of the route that matched."""

    method: str
    path: str
    query: QueryParams
    headers: Headers
    body: bytes
    params: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Raises `JsonError`."""
        return decode_json(self.body)

    def form(self) -> dict[str, str]:
        """An urlencoded form; of a repeated name the last value counts."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def header(self, name: str, default: str = "") -> str:
        return self.headers.get(name, default)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> "Reply":
        kind = {"content-type": "application/json;charset=UTF-8"}
        return cls(status, encode_json(value), {**kind, **(headers or {})})

    @classmethod
    def text(cls, text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> "Reply":
        return cls(status, text.encode(), {"content-type": content_type})

    def with_headers(self, headers: Mapping[str, str]) -> "Reply":
        return Reply(self.status, self.body, {**self.headers, **headers})


Handler = Callable[[Request], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """`path` holds placeholders of one segment, `/company/{realm}/{entity}`; `{rest:path}` takes the rest."""

    method: str
    path: str
    handler: Handler

    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"(\{\w+(?::path)?\})", self.path)
        return re.compile("".join(_segment(part) for part in parts))


def _segment(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name, _, kind = part[1:-1].partition(":")
    return f"(?P<{name}>.+)" if kind == "path" else f"(?P<{name}>[^/]+)"


class Router:
    """First match wins, in the order given."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, route.pattern()) for route in routes]

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for route, pattern in self._routes:
            if route.method == method and (found := pattern.fullmatch(path)):
                return route, found.groupdict()
        return None

    def allowed(self, path: str) -> list[str]:
        """The methods that some route answers at this path: empty means there is no such path."""
        return sorted({route.method for route, pattern in self._routes if pattern.fullmatch(path)})
