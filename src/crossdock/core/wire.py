"""Requests and answers as values. A request is frozen with its intent and sent byte for byte, any number of times."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from crossdock.core import json
from crossdock.core.ids import digest
from crossdock.core.secret import Secret


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


class Statement(Struct, frozen=True, gc=False):
    """One SQL statement with its values, which are bound and never part of the text."""

    text: str
    """in the database's own words, placeholders included"""
    values: tuple[Any, ...] = ()
    """JSON scalars"""
    if_first: bool = False
    """left out unless the first statement of its transaction changed a row"""


class Sql(Struct, frozen=True, gc=False):
    """Statements that one transaction carries out, unsigned: the password is added at every attempt."""

    database: str
    """`sqlite:PATH` or `postgresql://USER@HOST:PORT/NAME`, without a password"""
    statements: tuple[Statement, ...]
    setup: tuple[str, ...] = ()
    """what must exist, run before the first request of a process; each can be repeated"""
    password: Secret | None = None

    @property
    def method(self) -> str:
        """As a person and a case read it."""
        return "SQL"

    @property
    def url(self) -> str:
        """Where it goes."""
        return self.database

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """SQL has none; so that all wires can be read alike."""
        return ()

    @property
    def body(self) -> bytes:
        """What it carries: JSON, a list of {sql, values}."""
        return json.encode([{"sql": one.text, "values": one.values} for one in self.statements])

    def freeze(self) -> bytes:
        """The journalled form: JSON."""
        statements = [(one.text, one.values, one.if_first) for one in self.statements]
        return json.encode({"sql": self.database, "setup": self.setup, "statements": statements})

    @staticmethod
    def thaw(frozen: bytes) -> Sql:
        value = json.decode(frozen)
        statements = tuple(Statement(text, tuple(values), if_first) for text, values, if_first in value["statements"])
        return Sql(value["sql"], statements, tuple(value["setup"]))

    @property
    def hash(self) -> str:
        """Of the frozen form: equal requests have equal hashes."""
        return digest(self.freeze())


Wire = Http | Sql
"""What an exchange can carry. Other wires (publish, SOAP, gRPC) join this union with their transports."""


def thaw(frozen: bytes) -> Wire:
    """A journalled request of any wire."""
    return Sql.thaw(frozen) if b'"sql":' in frozen[:8] else Http.thaw(frozen)


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
