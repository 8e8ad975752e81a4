"""An entity that several systems change: whose word holds, field by field.

A system tells whole records, and what it tells may be older than what the hub has just written there. So only what
differs from what is known to have been there is taken for a change; a change of a field that another system owns is
undone there; of any other field the newest change holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

Data = Mapping[str, Any]
"""The top-level members of a model's instance; one that is not there has no value."""

MOST = 64
"""Writes at one system that are remembered until it tells of them: an echo of one that is forgotten is taken for a
user's change. A system that tells minutes late of a record that is written every few seconds comes to dozens; one that
never tells of anything has so many kept for each record."""


class State(Struct, frozen=True):
    """A record at one moment."""

    data: dict[str, Any]
    version: str = ""
    """the platform's own, "" where it has none; sorts as text"""
    done: bool = True
    """it was there; else the hub has only decided to write it"""


class Shared(Struct, frozen=True):
    """What is known of one entity. Keys are connections."""

    fields: dict[str, Any] = field(default_factory=dict)
    """what holds"""
    there: dict[str, State] = field(default_factory=dict)
    """the record as its system told it last"""
    ours: dict[str, tuple[State, ...]] = field(default_factory=dict)
    """what the hub has written since, or will, in order: its system has not told of it yet"""
    number: int = 0
    """changes so far"""


class Heard(Struct, frozen=True):
    """What a record that was told has changed."""

    shared: Shared
    taken: dict[str, Any]
    """field → its new value, None where it went"""
    kept: dict[str, str]
    """field that was changed and does not hold → the connection that owns it"""

    @property
    def news(self) -> bool:
        return bool(self.taken or self.kept)


def hear(shared: Shared, owner: Mapping[str, str], connection: str, data: Data, version: str = "") -> Heard:
    """`owner` names for some fields the connection whose word holds. An owner that has never told of the entity is not
    waited for: until it does, the newest change holds."""
    there = shared.there.get(connection)
    if there is not None and version and version < there.version:
        return Heard(shared, {}, {})
    changed, left = _read(shared, connection, data, version)
    taken: dict[str, Any] = {}
    kept: dict[str, str] = {}
    for name, value in changed.items():
        owns = owner.get(name, connection)
        if value == shared.fields.get(name):
            continue
        if owns != connection and owns in shared.there:
            kept[name] = owns
        else:
            taken[name] = value
    after = Shared(
        {name: value for name, value in {**shared.fields, **taken}.items() if value is not None},
        {**shared.there, connection: State(dict(data), version)},
        {**shared.ours, connection: left},
        shared.number + bool(taken or kept),
    )
    return Heard(after, taken, kept)


def _read(shared: Shared, connection: str, data: Data, version: str) -> tuple[dict[str, Any], tuple[State, ...]]:
    """(field → value, None where it went: what the system's own users have changed; what it has yet to tell of)."""
    before = shared.there.get(connection, State({}))
    ours = shared.ours.get(connection, ())
    done = [state for state in ours if state.done]
    if version and all(state.version for state in done):
        told = [state for state in done if state.version <= version]
        left = tuple(state for state in ours if state not in told)
        if told and told[-1].version == version:
            return {}, left  # the hub's own write, whatever the platform has made of it
        return changes(data, told[-1:] or [before]), left
    for place, state in enumerate(ours):
        if state.done and state.data == data:
            return {}, ours[place + 1 :]
    changed = changes(data, [before, *done])
    for place, state in enumerate((before, *ours)):
        if state.done and changes(data, [state]).keys() <= changed.keys():
            return changed, ours[place:]
    return changed, ours


def changes(data: Data, known: Sequence[State]) -> dict[str, Any]:
    """What differs from all of these."""
    names = sorted({*data, *(name for state in known for name in state.data)})
    return {name: data.get(name) for name in names if all(data.get(name) != state.data.get(name) for state in known)}


def wants(heard: Heard, connection: str, told_by: str) -> bool:
    """Whether what holds must be written at this connection. Who told it wants back only what is undone: of fields that
    it never shows it knows nothing."""
    shared = heard.shared
    if connection == told_by and heard.kept:
        return True
    ours = shared.ours.get(connection, ())
    if ours:
        return bool(changes(shared.fields, ours[-1:]))
    if connection == told_by:
        return False
    return connection not in shared.there or bool(changes(shared.fields, [shared.there[connection]]))


def will_write(shared: Shared, connection: str) -> Shared:
    """The hub has decided to write what holds."""
    return _with(shared, connection, (*shared.ours.get(connection, ()), State(dict(shared.fields), done=False)))


def wrote(shared: Shared, connection: str, sent: Data, answered: Data, version: str = "") -> Shared:
    """The hub has written `sent`, and `answered` is what the platform says that it has now. What had been decided
    before it and never written is not going to be."""
    ours = shared.ours.get(connection, ())
    state = State(dict(answered), version)
    place = max((number for number, one in enumerate(ours) if not one.done and one.data == sent), default=None)
    if place is None:
        return _with(shared, connection, (*ours, state))
    return _with(shared, connection, (*(one for one in ours[:place] if one.done), state, *ours[place + 1 :]))


def _with(shared: Shared, connection: str, ours: tuple[State, ...]) -> Shared:
    return replace(shared, ours={**shared.ours, connection: ours[-MOST:]})


def explain(heard: Heard, connection: str) -> str:
    """The decision, for a person."""
    said = []
    if heard.taken:
        said.append(f"{', '.join(sorted(heard.taken))}: the newest change holds, {connection}'s")
    said += [
        f"{name}: {heard.shared.fields.get(name)!r} stays, since {owner} owns it; {connection} is set right"
        for name, owner in sorted(heard.kept.items())
    ]
    return "; ".join(said) or "nothing new"
