"""Two systems that change one entity: every interleaving of two edits and their echoes comes to rest, and agrees.

The world is small enough to try all of it: each system has a record, tells whole records in the order of its changes,
and takes whole records. Its users edit once, at any moment; the hub reads and writes at any moment.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from crossdock.core.merge import MOST, Shared, State, explain, hear, wants, will_write, wrote

A, B = "quickbooks", "hubspot"
OWNER: Mapping[str, str] = {"tax_id": A, "phone": B}
START = {"tax_id": "T0", "phone": "P0", "name": "N0"}


@dataclass(frozen=True)
class Place:
    """A system: its record, what it has yet to tell (with versions), what the hub has yet to write there."""

    record: tuple[tuple[str, str], ...]
    version: int = 0
    read: int = 0
    to_tell: tuple[tuple[tuple[tuple[str, str], ...], int], ...] = ()
    to_write: tuple[tuple[tuple[str, str], ...], ...] = ()


@dataclass(frozen=True)
class World:
    places: tuple[tuple[str, Place], ...]
    edits: tuple[tuple[str, str, str], ...]
    """(where, field, value), each still to come"""
    hub: Any
    writes: int = 0

    def place(self, name: str) -> Place:
        return dict(self.places)[name]

    def having(self, name: str, place: Place, **changed: Any) -> World:
        return replace(self, places=tuple({**dict(self.places), name: place}.items()), **changed)


def packed(record: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(record.items()))


def frozen(shared: Shared) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(shared, number=0), order="deterministic")


def thawed(data: bytes) -> Shared:
    return msgspec.json.decode(data, type=Shared)


class Rules:
    """How these two systems behave."""

    def __init__(
        self, owner: Mapping[str, str], *, versions: bool, snapshots: bool, echoes: bool, guarded: bool
    ) -> None:
        self.owner = owner
        self.versions = versions
        """records bear a version that grows with each change"""
        self.snapshots = snapshots
        """a notice holds the record as it was; else the record is read when the notice is"""
        self.echoes = echoes
        """the hub's own writes are told too"""
        self.guarded = guarded
        """a write over a change that the hub has not read is refused, and tried again after it was"""

    def next(self, world: World) -> Iterator[World]:
        yield from self._edit(world)
        for name in (A, B):
            yield from self._tell(world, name)
            yield from self._write(world, name)

    def _edit(self, world: World) -> Iterator[World]:
        for number, (where, field, value) in enumerate(world.edits):
            if any(one[0] == where for one in world.edits[:number]):
                continue  # one after another
            place = world.place(where)
            record, version = packed({**dict(place.record), field: value}), place.version + 1
            edited = replace(place, record=record, version=version, to_tell=(*place.to_tell, (record, version)))
            yield world.having(where, edited, edits=world.edits[:number] + world.edits[number + 1 :])

    def _tell(self, world: World, name: str) -> Iterator[World]:
        place = world.place(name)
        if not place.to_tell:
            return
        (record, version), *later = place.to_tell
        if not self.snapshots:
            record, version = place.record, place.version
        heard = hear(thawed(world.hub), self.owner, name, dict(record), self._said(version))
        told = world.having(name, replace(place, to_tell=tuple(later), read=version))
        shared = heard.shared
        for other in (A, B) if heard.news else ():
            if wants(heard, other, name):
                shared = will_write(shared, other)
                there = told.place(other)
                # What waits is superseded by the newer state, or goes first: both may happen.
                told = told.having(other, replace(there, to_write=(*there.to_write, packed(shared.fields))))
        yield replace(told, hub=frozen(shared))

    def _write(self, world: World, name: str) -> Iterator[World]:
        place = world.place(name)
        if not place.to_write or (self.guarded and any(version > place.read for _, version in place.to_tell)):
            return
        for number in {0, len(place.to_write) - 1}:
            record, later = place.to_write[number], place.to_write[number + 1 :]
            version = place.version + 1
            tells = (*place.to_tell, (record, version)) if self.echoes else place.to_tell
            hub = wrote(thawed(world.hub), name, dict(record), dict(record), self._said(version))
            done = replace(place, record=record, version=version, to_tell=tells, to_write=later)
            if self.guarded:
                done = replace(done, read=version)
            yield world.having(name, done, hub=frozen(hub), writes=world.writes + 1)

    def _said(self, version: int) -> str:
        return f"{version:04}" if self.versions else ""


def explored(rules: Rules, edits: tuple[tuple[str, str, str], ...]) -> tuple[int, list[World]]:
    """(worlds, those at rest). Fails where the hub writes more than this many edits can ask for."""
    known = Shared(fields=dict(START), there={A: State(dict(START)), B: State(dict(START))})
    first = World(((A, Place(packed(START))), (B, Place(packed(START)))), edits, frozen(known))
    seen, at_rest, waiting = {first}, [], [first]
    while waiting:
        world = waiting.pop()
        assert world.writes <= 3 * len(edits), f"it does not come to rest: {world}"
        further = list(rules.next(world))
        if not further:
            at_rest.append(world)
        for one in further:
            if one not in seen:
                seen.add(one)
                waiting.append(one)
    return len(seen), at_rest


VALUES = {"tax_id": ("T1", "T2"), "phone": ("P1", "P2"), "name": ("N1", "N2")}
EDITS = [((A, one, VALUES[one][0]), (B, other, VALUES[other][1])) for one in VALUES for other in VALUES]
NAMES = ("versions", "snapshots", "echoes", "guarded")
ALL_RULES = [dict(zip(NAMES, flags, strict=True)) for flags in itertools.product((True, False), repeat=len(NAMES))]


@pytest.mark.parametrize("rules", ALL_RULES, ids=lambda rules: "-".join(name for name, on in rules.items() if on))
@pytest.mark.parametrize("owner", [OWNER, {}], ids=["owned", "newest"])
@pytest.mark.parametrize("edits", EDITS, ids=lambda edits: f"{edits[0][1]}-{edits[1][1]}")
def test_g28_two_edits_and_their_echoes_come_to_rest_in_every_order_and_both_sides_agree(
    edits: Any, owner: Mapping[str, str], rules: Mapping[str, bool]
) -> None:
    worlds, at_rest = explored(Rules(owner, **rules), edits)
    assert worlds > 10
    assert at_rest
    for world in at_rest:
        there, here = dict(world.place(A).record), dict(world.place(B).record)
        holds = thawed(world.hub).fields
        assert there == here == holds, world
        for field, values in VALUES.items():
            mine = [edit for edit in edits if edit[1] == field]
            if not mine:
                assert holds[field] == START[field], "what nobody changed stays"
            elif not (rules["snapshots"] or rules["guarded"]):
                pass  # what is overwritten before anybody could read it is known to nobody
            elif field not in owner:
                assert holds[field] in values, "an edit is never lost to nothing"
            else:
                by_owner = [value for where, _, value in mine if where == owner[field]]
                assert holds[field] == (by_owner[0] if by_owner else START[field])


def test_three_edits_come_to_rest_too() -> None:
    edits = ((A, "name", "N1"), (B, "name", "N2"), (A, "phone", "P1"))
    worlds, at_rest = explored(Rules(OWNER, versions=True, snapshots=True, echoes=True, guarded=False), edits)
    assert worlds > 100
    for world in at_rest:
        assert world.place(A).record == world.place(B).record
        assert dict(world.place(A).record)["phone"] == "P0", "hubspot owns it"


def shared_from(**there: dict[str, Any]) -> Shared:
    return Shared(fields=dict(START), there={name: State(data) for name, data in there.items()})


@pytest.mark.parametrize(
    ("data", "version", "taken"),
    [
        ({**START, "name": "N0"}, "04", {}),
        ({**START, "phone": "P9", "name": "N0"}, "04", {"phone": "P9"}),
        ({**START, "name": "N2"}, "05", {}),
        ({**START, "name": "n2 as the platform spells it"}, "05", {}),
        ({**START, "name": "N0"}, "06", {"name": "N0"}),
        ({**START, "name": "N2", "phone": None}, "06", {"phone": None}),
        ({**START, "name": "N0"}, "", {}),
        ({**START, "name": "N2", "phone": "P9"}, "", {"phone": "P9"}),
    ],
)
def test_only_what_its_users_changed_is_a_change(data: dict[str, Any], version: str, taken: dict[str, Any]) -> None:
    """The hub has written the name N2 as version 05, over a record that was told with the name N0."""
    shared = msgspec.structs.replace(Shared(), there={A: State(dict(START), "03")}, fields={**START, "name": "N2"})
    shared = wrote(shared, A, {**START, "name": "N2"}, {**START, "name": "N2"}, "05")
    heard = hear(shared, {}, A, {name: value for name, value in data.items() if value is not None}, version)
    assert heard.taken == taken


def test_the_decision_is_explained() -> None:
    shared = shared_from(quickbooks=dict(START), hubspot=dict(START))
    told = {**START, "tax_id": "T9", "name": "Ada"}
    heard = hear(shared, OWNER, B, told)
    assert explain(heard, B) == (
        "name: the newest change holds, hubspot's; tax_id: 'T0' stays, since quickbooks owns it; hubspot is set right"
    )
    assert wants(heard, A, B)
    assert wants(heard, B, B)
    assert explain(hear(heard.shared, OWNER, B, told), B) == "nothing new"


def test_until_its_owner_has_told_of_it_a_field_is_anybodys() -> None:
    first = hear(Shared(), OWNER, B, {"tax_id": "T1", "phone": "P1"})
    assert first.shared.fields == {"tax_id": "T1", "phone": "P1"}
    assert wants(first, A, B)
    assert not wants(first, B, B)
    then = hear(first.shared, OWNER, A, {"tax_id": "T2"})
    assert then.shared.fields == {"tax_id": "T2", "phone": "P1"}
    assert wants(then, B, A)
    assert not wants(then, A, A), "it never shows a phone: it is not asked to have one back"


@pytest.mark.parametrize("versions", [True, False])
def test_g28_of_many_writes_none_is_a_users_change_when_they_are_told_of_at_last(versions: bool) -> None:
    shared = Shared(fields=dict(START), there={A: State(dict(START)), B: State(dict(START))})
    records = [{**START, "name": f"N{number}"} for number in range(1, MOST + 1)]
    for number, record in enumerate(records, start=1):
        shared = hear(shared, OWNER, A, record).shared
        shared = wrote(will_write(shared, B), B, record, record, f"{number:04}" if versions else "")
    for number, record in enumerate(records, start=1):
        heard = hear(shared, OWNER, B, record, f"{number:04}" if versions else "")
        assert not heard.news
        shared = heard.shared
    assert shared.ours[B] == ()
    assert shared.fields == records[-1]
