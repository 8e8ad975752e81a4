"""Requests and answers as values. A request is frozen with its intent and sent byte for byte, any number of times."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from crossdock.core import json
from crossdock.core.ids import digest


class PayloadRef(Struct, frozen=True, gc=False):
    """Bytes kept in the store's `payloads`, by reference: rows stay narrow."""

    id: str
    size_bytes: int
    sha256: str
    """hex"""


class Http(Struct, frozen=True, gc=False):
    """One HTTP request, unsigned: credentials, dates and trace headers are added at every attempt."""

    method: str
    url: str
    """absolute, query included"""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def freeze(self) -> bytes:
        """The journalled form: JSON, the body as text where it is UTF-8, else base64."""
        try:
            body: dict[str, str] = {"text": self.body.decode()}
        except UnicodeDecodeError:
            body = {"base64": base64.b64encode(self.body).decode()}
        return json.encode({"method": self.method, "url": self.url, "headers": self.headers, **body})

    @staticmethod
    def thaw(frozen: bytes) -> Http:
        value = json.decode(frozen)
        body = value["text"].encode() if "text" in value else base64.b64decode(value["base64"])
        return Http(value["method"], value["url"], tuple((name, text) for name, text in value["headers"]), body)

    @property
    def hash(self) -> str:
        """Of the frozen form: equal requests have equal hashes."""
        return digest(self.freeze())

    def with_headers(self, *headers: tuple[str, str]) -> Http:
        """A copy in which these headers replace those of the same name (any case)."""
        names = {name.lower() for name, _ in headers}
        kept = tuple(pair for pair in self.headers if pair[0].lower() not in names)
        return Http(self.method, self.url, kept + headers, self.body)


Wire = Http
"""What an exchange can carry. Other wires (SQL, publish, SOAP, gRPC) join this union with their transports."""


class Response(Struct, frozen=True, gc=False):
    """A platform's answer. Hostile until judged: the body is capped, the headers are lower-cased."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as exact JSON. Raises NotJson."""
        return json.decode(self.body)

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        return self.header("content-type").partition(";")[0].strip().lower()
