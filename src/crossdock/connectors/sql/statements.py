"""The SQL of an action. Names are checked and quoted; values are bound, never written into the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crossdock.connectors.sql.settings import ActionSettings
from crossdock.core.wire import Statement


def quoted(name: str) -> str:
    """TABLE, SCHEMA.TABLE or a column."""
    return ".".join(f'"{part}"' for part in name.split("."))


def mark(number: int, *, sqlite: bool) -> str:
    """Where value number `number` goes, from 1."""
    return f"?{number}" if sqlite else f"${number}"


def inbox_table(inbox: str) -> str:
    """Makes the table of what was done already; old rows may be removed by `done_at`."""
    return (
        f"CREATE TABLE IF NOT EXISTS {quoted(inbox)} (key text PRIMARY KEY,"
        " done_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)"
    )


def into_inbox(inbox: str, key: str, *, sqlite: bool) -> Statement:
    """Changes no row when the effect of this key was committed before."""
    table, place = quoted(inbox), mark(1, sqlite=sqlite)
    return Statement(f"INSERT INTO {table} (key) VALUES ({place}) ON CONFLICT DO NOTHING", (key,))  # noqa: S608 - names are quoted


def change(action: ActionSettings, values: Sequence[Any], *, sqlite: bool) -> Statement:
    """The row itself; `values` in the order of the action's columns."""
    table = quoted(action.table)
    columns = ", ".join(quoted(column) for column in action.columns)
    places = ", ".join(mark(number, sqlite=sqlite) for number in range(1, len(action.columns) + 1))
    text = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - names are quoted, values bound
    if action.do == "upsert":
        text += f" ON CONFLICT ({', '.join(quoted(column) for column in action.key)}) DO {_replacement(action)}"
    return Statement(text, tuple(values), if_first=True)


def _replacement(action: ActionSettings) -> str:
    others = [quoted(column) for column in action.columns if column not in action.key]
    if not others:
        return "NOTHING"
    sets = ", ".join(f"{column} = excluded.{column}" for column in others)
    if action.version is None:
        return f"UPDATE SET {sets}"
    old, new = f"{quoted(action.table.split('.')[-1])}.{quoted(action.version)}", f"excluded.{quoted(action.version)}"
    return f"UPDATE SET {sets} WHERE {old} IS NULL OR {old} <= {new}"
