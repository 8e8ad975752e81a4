"""What is known of a value without running the program: which parts of the sources it is, holds and depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

Place = tuple[str, ...]
"""A place in a source: its root, then keys. Roots are `.` (the input), `$name`, `function()` and marks."""

INPUT = "."
ANY = "*"
"""As a key: any key or index."""
DEEP = "**"
"""As the last key: the place before it, or anything inside that."""
SLICE = "[:]"
"""As a key of a mark: a stretch of an array."""
MARK = "@"
"""A root that begins so marks the way that a path expression takes; it is no source."""

MAX_KEYS = 16
"""Longer places end in DEEP."""
MAX_NODES = 2_000
"""A value described by more than this is described more coarsely."""


class Source(NamedTuple):
    """A place that a value depends on: all that is there, or only its shape.

    A shape is the type, the keys and the length; of a scalar, which has no inside, it is the scalar itself.
    """

    place: Place
    whole: bool
    without: frozenset[str]
    """Keys directly at the place whose values it does not depend on."""


Sources = frozenset[Source]
NONE: Sources = frozenset()
_NO_KEYS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Value:
    """Anything that a value may be.

    `copies` are places it may be a copy of, each without the keys that were replaced or deleted since; `members`
    are what the program put in, ANY among the keys for any of them. `data` is what it, with all inside, was
    computed from; `decided` is what chose it among others; `keys` is what its keys and its length come from.
    `words`, where there are any, are the only values that it can have.
    """

    copies: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    members: Mapping[str, Value] = field(default_factory=dict)
    data: Sources = NONE
    decided: Sources = NONE
    keys: Sources = NONE
    words: frozenset[str] = frozenset()

    # -- joining

    def joined(self, other: Value) -> Value:
        """Either of the two."""
        if self is other or other is NULL:
            return self if not self.words else replace(self, words=self.words & other.words)
        copies = dict(self.copies)
        for place, without in other.copies.items():
            copies[place] = copies[place] & without if place in copies else without
        members = dict(self.members)
        for key, value in other.members.items():
            members[key] = members[key].joined(value) if key in members else value
        return Value(
            copies,
            members,
            self.data | other.data,
            self.decided | other.decided,
            self.keys | other.keys,
            self.words | other.words if self.words and other.words else frozenset(),
        )

    def depending(self, *, data: Sources = NONE, decided: Sources = NONE, keys: Sources = NONE) -> Value:
        if data <= self.data and decided <= self.decided and keys <= self.keys:
            return self
        return replace(self, data=self.data | data, decided=self.decided | decided, keys=self.keys | keys)

    # -- asking what it depends on

    def scalar(self) -> Sources:
        """What it comes from where it is a scalar, and its type where it is not."""
        own = {
            Source(place[:-1], True, without) if place[-1] == DEEP else Source(place, False, _NO_KEYS)
            for place, without in self.copies.items()
            if not place[0].startswith(MARK)
        }
        return self.data.union(own)

    def shape(self) -> Sources:
        """What its type, keys, length and truth come from, and what decided on it."""
        return self.scalar() | self.keys | self.decided

    def everything(self) -> tuple[Sources, Sources]:
        """What it and all inside was made of, and what was decided on the way."""
        data: set[Source] = set()
        decided: set[Source] = set()
        pending = [self]
        while pending:
            value = pending.pop()
            data |= value.data
            data |= value.keys
            decided |= value.decided
            for place, without in value.copies.items():
                if not place[0].startswith(MARK):
                    data.add(Source(place[:-1] if place[-1] == DEEP else place, True, without))
            pending.extend(value.members.values())
        return frozenset(data), frozenset(decided)

    def marks(self) -> dict[Place, frozenset[str]]:
        return {place: without for place, without in self.copies.items() if place[0].startswith(MARK)}

    def unmarked(self, root: str) -> Value:
        """Without the marks of one root, wherever they are."""
        if not self.copies and not self.members:
            return self
        copies = {place: without for place, without in self.copies.items() if place[0] != root}
        members = {key: value.unmarked(root) for key, value in self.members.items()}
        return replace(self, copies=copies, members=members)

    # -- reaching inside

    def step(self, key: str) -> Value:
        """What is at a key; ANY for one that is not known."""
        found: Value | None = None
        if self.copies:
            copies: dict[Place, frozenset[str]] = {}
            for place, without in self.copies.items():
                if place[-1] == DEEP:
                    copies[place] = without
                elif key not in without:
                    longer = (*place, key) if len(place) < MAX_KEYS else (*place, DEEP)
                    copies[longer] = _NO_KEYS
            if copies:
                found = Value(copies)
        for name, value in self.members.items():
            if key in (name, ANY) or name == ANY:
                found = value if found is None else found.joined(value)
        return (found or NULL).depending(data=self.data, decided=self.decided | self.keys)

    def at(self, route: Iterable[str]) -> Value:
        value = self
        for key in route:
            if key == DEEP:
                return value.anywhere()
            if key != SLICE:
                value = value.step(key)
        return value

    def anywhere(self) -> Value:
        """Itself or anything inside it, told no longer apart."""
        copies: dict[Place, frozenset[str]] = {}
        data: set[Source] = set()
        decided: set[Source] = set()
        pending = [self]
        while pending:
            value = pending.pop()
            for place, without in value.copies.items():
                deep = place if place[-1] == DEEP else (*place, DEEP)
                copies[deep] = copies[deep] & without if deep in copies else without
            data |= value.data
            data |= value.keys
            decided |= value.decided
            pending.extend(value.members.values())
        return Value(_outermost(copies), {}, frozenset(data), frozenset(decided))

    def elements(self) -> Value:
        """An array of its elements, in whatever order."""
        return Value(members={ANY: self.step(ANY)}, keys=self.shape())

    def bounded(self) -> Value:
        """The same, or something coarser where it takes too much to say."""
        pending, count = [self], 0
        while pending:
            value = pending.pop()
            count += 1 + len(value.copies)
            if count > MAX_NODES:
                return self.coarse()
            pending.extend(value.members.values())
        return self

    def coarse(self) -> Value:
        """Anywhere in the sources that it speaks of."""
        value = self.anywhere()
        copies: dict[Place, frozenset[str]] = {(place[0], DEEP): _NO_KEYS for place in value.copies}
        return replace(value, copies=copies)


NULL = Value()


def _outermost(copies: dict[Place, frozenset[str]]) -> dict[Place, frozenset[str]]:
    """Places that end in DEEP, without those that lie inside others."""

    def held(place: Place) -> bool:
        return any(
            place[i] not in copies[outer] for i in range(1, len(place) - 1) if (outer := (*place[:i], DEEP)) in copies
        )

    return {place: without for place, without in copies.items() if not held(place)}


def computed(*values: Value) -> Value:
    """A value that is made of the others, of all that is in them."""
    data: Sources = NONE
    decided: Sources = NONE
    for value in values:
        more, chosen = value.everything()
        data |= more
        decided |= chosen
    return Value(data=data, decided=decided)


def type_of(value: Value) -> Value:
    """What an error says of a value that it does not show."""
    return Value(data=value.shape())


def put(value: Value, route: Place, new: Value, *, surely: bool) -> Value:
    """The value with another one at the route: `surely`, or perhaps."""
    if not route:
        return new if surely else value.joined(new)
    key, rest = route[0], route[1:]
    if key == DEEP:
        return value.anywhere().joined(new.anywhere())
    if key == SLICE:
        if rest:
            return put(value, (ANY, *(rest[1:] if rest[0] == ANY else rest)), new, surely=False)
        stretched = value.elements().joined(new.elements())
        return value.joined(stretched)
    changed = put(value.step(key), rest, new, surely=surely)
    if not surely:
        return value.joined(Value(members={key: changed}))
    if key == ANY:
        return Value(members={ANY: changed}, data=value.data, decided=value.decided, keys=value.shape())
    copies = {place: without if place[-1] == DEEP else without | {key} for place, without in value.copies.items()}
    return replace(value, copies=copies, members={**value.members, key: changed}, words=frozenset())


def without(value: Value, route: Place, *, surely: bool) -> Value:
    """The value after what is at the route was deleted: `surely`, or perhaps."""
    if not surely:
        if DEEP in route:
            return value.anywhere()
        if len(route) <= 1:
            return value.joined(value.elements()) if route else value.joined(NULL)
        key = ANY if route[0] == SLICE else route[0]
        return put(value, (key,), without(value.step(key), route[1:], surely=False), surely=False)
    if not route:
        return NULL
    key, rest = route[0], route[1:]
    if rest:
        return put(value, (key,), without(value.step(key), rest, surely=True), surely=True)
    if key == ANY:
        return Value(data=value.data, decided=value.decided, keys=value.shape())
    copies = {place: gone if place[-1] == DEEP else gone | {key} for place, gone in value.copies.items()}
    members = {name: member for name, member in value.members.items() if name != key}
    return replace(value, copies=copies, members=members, words=frozenset())
