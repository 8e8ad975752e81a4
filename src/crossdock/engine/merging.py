"""Entities that several systems change: what each tells goes into the log as it is, and behind it what holds now.

For models whose file names owners (`owner:`, also an empty one). Flows take the event that says what holds, which is
nobody's: its account is "". Its trail names who has that already. What a system told is skipped by every flow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from crossdock.core import json
from crossdock.core.connector import Receipt
from crossdock.core.errors import CredentialError
from crossdock.core.event import Event, event_id
from crossdock.core.flow import Flow, MapFailed
from crossdock.core.merge import MOST, explain, hear, wants, will_write, wrote
from crossdock.core.store import Store
from crossdock.core.work import CellVersion, CellWrite, Guard
from crossdock.engine.context import Context
from crossdock.engine.shared_cell import Entry, entry_of, kept

MOST_TOLD = 20
"""Decisions of one entity that are kept for `trace`."""


class Note(Struct):
    sent: dict[str, Any]
    answered: dict[str, Any]
    version: str


class Notes(Struct):
    """What the hub has written of one entity at one connection. A cell of its own: only those that deliver there
    write it."""

    number: int = 0
    last: list[Note] = field(default_factory=list)
    """those that the entity's own cell did not know of when the newest of them was noted"""


class Merged(Struct):
    events: list[Event] = field(default_factory=list)
    guards: list[CellVersion] = field(default_factory=list)
    cells: list[CellWrite] = field(default_factory=list)


class Merger:
    """One connection's: what it tells is heard in the order in which it tells it."""

    def __init__(self, context: Context, connection: str) -> None:
        self._context = context
        self._connection = connection

    async def merge(self, events: Sequence[Event]) -> Merged:
        """The events for the log. The guards refuse the Work when another connection was heard meanwhile."""
        owners = self._context.landscape.owners
        merged = Merged()
        known: dict[str, tuple[Entry, int]] = {}
        for event in events:
            if event.model not in owners or event.verb == "deleted":
                merged.events.append(event)
                continue
            cell = cell_of(event.model, event.key)
            if cell not in known:
                known[cell] = await self._entry(event.model, event.key)
            merged.events += await self._hear(event, known[cell][0], owners[event.model])
        for cell, (entry, version) in known.items():
            merged.guards.append(CellVersion(cell, version))
            merged.cells.append(CellWrite(cell, kept(entry)))
        return merged

    async def _hear(self, event: Event, entry: Entry, owner: Mapping[str, str]) -> list[Event]:
        accounts = await self._accounts()
        heard = hear(entry.shared, owner, self._connection, json.decode(event.data), event.version)
        entry.shared = heard.shared
        entry.told = [*entry.told, (event.id, explain(heard, self._connection))][-MOST_TOLD:]
        told = replace(event, trail=_trail([*event.trail.split(","), *accounts.values()]))
        if not heard.news:
            return [told]
        content: list[str] = []
        for name in self._writers(event.model):
            if wants(heard, name, self._connection):
                entry.shared = will_write(entry.shared, name)
            else:
                content.append(accounts.get(name, ""))
        data = json.canonical(heard.shared.fields)
        version = f"{heard.shared.number:012}"
        verb = "created" if heard.shared.number == 1 else "updated"
        holds = replace(
            told,
            id=event_id("", event.model, event.key, verb, version, data),
            account="",
            verb=verb,
            version=version,
            origin="",
            trail=_trail(content),
            data=data,
            stale=False,
        )
        return [told, holds]

    def _writers(self, model: str) -> list[str]:
        """Connections that a flow of this model writes to."""
        return sorted({flow.connection for flow in self._flows() if any(_model(kind) == model for kind in flow.on)})

    def _flows(self) -> Iterable[Flow]:
        return self._context.landscape.flows.values()

    async def _accounts(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name in self._context.landscape.connections:
            try:
                found[name] = await self._context.account(name)
            except CredentialError:
                continue  # not connected yet: nothing was written there, and nothing came from there
        return found

    async def _entry(self, model: str, key: str) -> tuple[Entry, int]:
        """With all that the hub has written since."""
        cell = await self._context.store.cell(cell_of(model, key))
        entry = entry_of(cell)
        prefix = _notes_of(model, key, "")
        for name, noted in (await self._context.store.cells(prefix)).items():
            connection, notes = name.removeprefix(prefix), msgspec.json.decode(noted.value, type=Notes)
            fresh = min(notes.number - entry.folded.get(connection, 0), len(notes.last))
            for note in notes.last[len(notes.last) - fresh :]:
                entry.shared = wrote(entry.shared, connection, note.sent, note.answered, note.version)
            entry.folded[connection] = notes.number
        return entry, cell.version if cell is not None else 0


async def note_writes(
    context: Context, flow: Flow, delivered: Iterable[tuple[Event, Receipt]]
) -> tuple[list[Guard], list[CellWrite]]:
    """With the outcome: what is there now, for the events that say something of a shared entity. The guards refuse the
    Work when another flow into the connection has noted something meanwhile: then the notes are made anew."""
    gathered: dict[str, tuple[Notes, int]] = {}
    for event, receipt in delivered:
        if event.account or event.model not in context.landscape.owners:
            continue
        name = _notes_of(event.model, event.key, flow.connection)
        if name not in gathered:
            cell = await context.store.cell(name)
            notes = msgspec.json.decode(cell.value, type=Notes) if cell else Notes()
            known = entry_of(await context.store.cell(cell_of(event.model, event.key)))
            unknown = notes.number - known.folded.get(flow.connection, 0)
            notes.last = notes.last[max(len(notes.last) - unknown, 0) :]
            gathered[name] = (notes, cell.version if cell else 0)
        notes, _ = gathered[name]
        sent = json.decode(event.data)
        answered = _answered(context, flow, event.model, receipt)
        notes.last = [*notes.last, Note(sent, sent if answered is None else answered, receipt.version)][-MOST:]
        notes.number += 1
    guards: list[Guard] = [CellVersion(name, version) for name, (_, version) in gathered.items()]
    return guards, [CellWrite(name, msgspec.json.encode(notes)) for name, (notes, _) in gathered.items()]


def _answered(context: Context, flow: Flow, model: str, receipt: Receipt) -> dict[str, Any] | None:
    """The record as the platform answered it, read as if it had come in; None when it cannot be read that way."""
    inlet = context.connection(flow.connection).inlets.get(flow.action.echo)
    canon = context.landscape.models.get(model)
    if inlet is None or canon is None or receipt.record is None or flow.action.model != model:
        return None
    inlet.keys.known.clear()
    try:
        said = next(
            (one for one in inlet.map.run(receipt.record, now=context.clock.now()) if one["model"] == model), None
        )
    except (MapFailed, KeyError, TypeError):
        return None
    return dict(canon.canonical(said["data"])) if said is not None else None


async def decisions(store: Store, model: str, key: str) -> Mapping[str, str]:
    """Event id → how what it told was decided."""
    return dict(entry_of(await store.cell(cell_of(model, key))).told)


def cell_of(model: str, key: str) -> str:
    return f"shared/{model}/{key}"


def _notes_of(model: str, key: str, connection: str) -> str:
    return f"wrote/{model}/{key}/{connection}"


def _trail(accounts: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(account for account in accounts if account))


def _model(kind: str) -> str:
    return kind.partition(".")[0]
