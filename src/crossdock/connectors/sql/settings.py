"""What a person writes about a database and the tables that are written."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from crossdock.connectors.http.paths import check_path
from crossdock.core.connector import ConnectionSettings

LONGEST_NAME = 63
"""bytes; PostgreSQL cuts longer ones off"""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*", re.ASCII)
_QUERY = {"host", "port", "sslmode"}


def _database(text: str) -> str:
    scheme, _, rest = text.partition(":")
    if scheme == "sqlite":
        if not rest or rest.startswith(":") or "?" in rest:
            raise ValueError("write the file's path, as in sqlite:warehouse.db")
        return text
    if scheme not in {"postgresql", "postgres"}:
        raise ValueError("write sqlite:PATH or postgresql://USER@HOST/DATABASE")
    parts = urlsplit(text)
    if parts.password is not None:
        raise ValueError("a URL may hold no password: crossdock secrets set CONNECTION password")
    if not parts.username or parts.path in {"", "/"} or parts.fragment:
        raise ValueError("write user and database too, as in postgresql://hub@db.example.com/shop")
    if unknown := {name for name, _ in parse_qsl(parts.query)} - _QUERY:
        raise ValueError(f"{sorted(unknown)[0]} is not known here; there are: {', '.join(sorted(_QUERY))}")
    return "postgresql" + text.removeprefix(scheme)


def _identifier(text: str) -> str:
    """A table's or column's name, of letters, digits and _; a table's may have its schema in front."""
    if not _NAME.fullmatch(text) or len(text) > LONGEST_NAME:
        raise ValueError(f"{text!r} is no name of a table or column: letters, digits and _, at most {LONGEST_NAME}")
    return text


def _table(text: str) -> str:
    parts = text.split(".")
    if len(parts) > 2:
        raise ValueError(f"{text!r}: write TABLE or SCHEMA.TABLE")
    for part in parts:
        _identifier(part)
    return text


def _path(text: str) -> str:
    return check_path(text) if text else text


Column = Annotated[str, AfterValidator(_identifier)]
Table = Annotated[str, AfterValidator(_table)]
Path = Annotated[str, AfterValidator(_path)]


class ActionSettings(BaseModel):
    """One table, and what is done to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    do: Literal["insert", "upsert"] = Field(
        description="insert: a new row for each event. upsert: the entity's row, by its key.", examples=["upsert"]
    )
    table: Table = Field(description="TABLE or SCHEMA.TABLE.", examples=["orders"])
    columns: dict[Column, Path] = Field(
        min_length=1,
        description='Column → path in the input; "" = all of it. Objects and lists are written as JSON text.',
        examples=[{"number": "number", "total": "total.amount"}],
    )
    key: tuple[Column, ...] = Field(
        default=(),
        description="upsert: the columns that name the row; a unique index holds them.",
        examples=[["number"]],
    )
    version: Column | None = Field(
        default=None, description="upsert: a column that only grows; a row is not replaced by an older one."
    )
    model: str = Field(default="record", description="The model whose entity is written.", examples=["order"])
    input: str | dict[str, Any] = Field(
        default="any", description="A model's name or a JSON Schema that the input must meet.", examples=["order"]
    )

    @model_validator(mode="after")
    def _whole(self) -> ActionSettings:
        if self.do == "insert" and (self.key or self.version):
            raise ValueError("an insert has no key and no version: every event makes a row of its own")
        if self.do == "upsert" and not self.key:
            raise ValueError("an upsert needs `key`: the columns that name the row")
        for column in (*self.key, *([self.version] if self.version else [])):
            if column not in self.columns:
                raise ValueError(f"{column} is not among `columns`: say where its value comes from")
        return self


class SqlSettings(ConnectionSettings):
    """A database and the tables that are written."""

    database: Annotated[str, AfterValidator(_database)] = Field(
        description="A SQLite file that exists, from the project's folder on, or a PostgreSQL database.",
        examples=["sqlite:warehouse.db", "postgresql://hub@db.example.com/shop"],
    )
    password: bool = Field(
        default=True, description="PostgreSQL asks for the secret `password`; false where it trusts the hub's user."
    )
    inbox: Table = Field(
        default="crossdock_inbox",
        description="The table of what was done already. The hub makes it where it may.",
    )
    actions: dict[str, ActionSettings] = Field(min_length=1, description="Name → table.")

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite:")
