"""What is known of a shared entity, as it is kept in its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from crossdock.core.merge import Shared, State
from crossdock.core.store import Cell


class Entry(Struct):
    shared: Shared = field(default_factory=Shared)
    folded: dict[str, int] = field(default_factory=dict)
    """connection → how many of the hub's writes there it knows of"""
    told: list[tuple[str, str]] = field(default_factory=list)
    """(event id, the decision), newest last"""


class _Step(Struct, omit_defaults=True):
    """A state as what it changes of the one before: who writes a record often changes little of it each time."""

    put: dict[str, Any] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    version: str = ""
    done: bool = True


class _Kept(Entry, omit_defaults=True):
    """Its `shared.ours` is empty."""

    ours: dict[str, list[_Step]] = field(default_factory=dict)


def entry_of(cell: Cell | None) -> Entry:
    if cell is None:
        return Entry()
    kept = msgspec.json.decode(cell.value, type=_Kept)
    ours = {connection: _states(steps) for connection, steps in kept.ours.items()}
    return Entry(replace(kept.shared, ours=ours), kept.folded, kept.told)


def kept(entry: Entry) -> bytes:
    ours = {connection: _steps(states) for connection, states in entry.shared.ours.items()}
    return msgspec.json.encode(_Kept(replace(entry.shared, ours={}), entry.folded, entry.told, ours))


def _steps(states: Sequence[State]) -> list[_Step]:
    before: dict[str, Any] = {}
    steps = []
    for state in states:
        put = {name: value for name, value in state.data.items() if name not in before or before[name] != value}
        steps.append(_Step(put, [name for name in before if name not in state.data], state.version, state.done))
        before = state.data
    return steps


def _states(steps: Sequence[_Step]) -> tuple[State, ...]:
    data: dict[str, Any] = {}
    states = []
    for step in steps:
        data = {name: value for name, value in data.items() if name not in step.gone} | step.put
        states.append(State(data, step.version, step.done))
    return tuple(states)
