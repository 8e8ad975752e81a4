"""Inserts a row for each event, or keeps an entity's row up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crossdock.connectors.http.paths import MISSING, as_text, at
from crossdock.connectors.sql.settings import ActionSettings, SqlSettings
from crossdock.connectors.sql.statements import change, inbox_table, into_inbox
from crossdock.core import json
from crossdock.core.connector import Action, Call, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson
from crossdock.core.wire import Sql


class TableAction(Action):
    """One transaction: the effect's key goes into the inbox, and if it was not there, the row is written.

    In:     what `input` says: a model's instance, or any JSON value.
    Out:    upsert: the key's values, joined by `/`. insert: nothing, since each event makes a row.
    Errors: what the database refuses (a constraint, a value that is of no such type, a table that is not there)
            is refused; a lock, a deadlock or a full disk was not done.
    Source: the project's connection file.
    """

    effects = (EffectClass.INBOX,)

    def __init__(self, name: str, action: ActionSettings, database: SqlSettings) -> None:
        self.name = name
        self.model = action.model
        self.input = action.input
        self.whole_state = action.do == "upsert"
        self.links = action.do == "upsert"
        self._action = action
        self._database = database

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        values = [value_of(item.input, column, path) for column, path in self._action.columns.items()]
        key = self._key(dict(zip(self._action.columns, values, strict=True)))
        sqlite, inbox = self._database.is_sqlite, self._database.inbox
        request = Sql(
            self._database.database,
            (
                into_inbox(inbox, item.provider_key(self.name), sqlite=sqlite),
                change(self._action, values, sqlite=sqlite),
            ),
            setup=(inbox_table(inbox),),
        )
        yield Call(self.name, request, EffectClass.INBOX, (item.id,))
        return {item.id: Receipt(remote_id=key)}

    def _key(self, row: Mapping[str, Any]) -> str:
        for column in self._action.key:
            if row[column] in (None, ""):
                raise ForAPerson(f"{self._action.table}.{column} is part of the key, and the input has nothing for it")
        return "/".join(as_text(row[column]) or str(row[column]) for column in self._action.key)


def value_of(value: Any, column: str, path: str) -> Any:
    """A JSON scalar to bind: decimals as text, so that none loses a digit; objects and lists as JSON text; what is not
    there as NULL."""
    found = at(value, path) if path else value
    if found is MISSING:
        return None
    if isinstance(found, dict | list):
        return json.encode(found).decode()
    if isinstance(found, Decimal):
        return str(found)
    if isinstance(found, str) and "\0" in found:
        raise ForAPerson(f"the text for {column} holds a character that no database takes (NUL)")
    return found
