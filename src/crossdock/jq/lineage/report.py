"""Lineage for people and for proofs: the flows from places of the sources to places of the outputs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from crossdock.jq.lineage.outcome import Outcome
from crossdock.jq.lineage.value import ANY, DEEP, INPUT, Place, Source, Sources, Value

How = Literal["copies", "computes", "keys", "decides"]
_ORDER: tuple[How, ...] = ("copies", "computes", "keys", "decides")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Flow:
    """What is at `source` may reach what is at `target` in an output, and all inside it.

    `copies`: as it is, so that what lies inside the source lies in the same place inside the target. `computes`: as
    a part of something made of it. `keys`: as a key of the target, or through its length. `decides`: not itself, but
    it has a say in which value is there, or whether one is there at all.
    """

    target: tuple[str, ...]
    source: Place
    """Its root (`.`, `$name`, `function("constant")`), then keys; ANY for any, DEEP at the end for anything inside."""
    how: How
    whole: bool = True
    """False: only the shape of what is at the source (type, keys, length), or a scalar that stands there."""
    without: frozenset[str] = frozenset()
    """Keys directly at the source that do not flow."""

    def carries(self, leaf: Place, output: Sequence[str]) -> bool:
        """Whether a change of what is at a leaf of the source can show at a path of the outputs."""
        place = self.source
        shared = min(len(self.target), len(output))
        if not _alike(self.target[:shared], output[:shared]):
            return False
        rest = tuple(output[shared:])
        if self.how == "copies" and rest and place[-1] != DEEP:
            if rest[0] in self.without:
                return False
            place = place + rest
            return _alike(place, leaf)
        if place[-1] == DEEP:
            place = place[:-1]
        if not _alike(place, leaf):
            return False
        if not self.whole:
            return len(leaf) <= len(place)
        return len(leaf) <= len(place) or leaf[len(place)] not in self.without

    def source_text(self) -> str:
        place = self.source[:-1] if self.source[-1] == DEEP else self.source
        root = "" if place[0] == INPUT else place[0]
        text = root + path_text(place[1:], dot=not root)
        if not self.whole:
            return f"shape of {text}"
        if self.source[-1] == DEEP:
            text = f"parts of {text}"
        if self.without:
            text += f" without {', '.join(path_text((key,)) for key in sorted(self.without))}"
        return text


def _alike(first: Sequence[str], second: Sequence[str]) -> bool:
    return all(a == b or ANY in (a, b) for a, b in zip(first, second, strict=False))


def path_text(keys: Iterable[str], *, dot: bool = True) -> str:
    """Keys as a jq path."""
    text = ""
    for key in keys:
        text += "[]" if key == ANY else f".{key}" if _PLAIN(key) else f"[{json.dumps(key, ensure_ascii=False)}]"
    return ("." if dot else "") + text if not text.startswith(".") else text


@dataclass(frozen=True, slots=True)
class Lineage:
    """All flows of a program: it may name too many, never too few."""

    flows: tuple[Flow, ...]

    def of(self, *output: str) -> tuple[Flow, ...]:
        """The flows into what is at a path of the outputs, what holds it and what it holds."""
        return tuple(flow for flow in self.flows if _alike(flow.target, output))

    def carriers(self, source: Place, output: Sequence[str] = ()) -> tuple[Flow, ...]:
        """The flows by which what is at a place of the sources can show at a path of the outputs."""
        return tuple(flow for flow in self.flows if flow.carries(source, output))

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {
                "output": path_text(flow.target),
                "how": flow.how,
                "source": flow.source_text(),
                "root": flow.source[0],
                "keys": [key for key in flow.source[1:] if key != DEEP],
                "whole": flow.whole,
                "without": sorted(flow.without),
            }
            for flow in self.flows
        ]

    def __str__(self) -> str:
        if not self.flows:
            return "nothing of its input reaches an output"
        rows: list[tuple[str, str, str]] = []
        told: set[tuple[str, str]] = set()
        for flow in self.flows:
            target, source = path_text(flow.target), flow.source_text()
            if (target, source.removeprefix("shape of ")) not in told:
                rows.append((target, flow.how, source))
            told |= {(target, source), (target, source.removeprefix("parts of "))}
        widths = [min(40, max(len(row[i]) for row in rows)) for i in (0, 1)]
        lines = []
        before: tuple[str, ...] = ()
        for row in rows:
            target = "" if row[:1] == before[:1] else row[0]
            how = "" if row[:2] == before[:2] else row[1]
            lines.append(f"{target:<{widths[0]}}  {how:<{widths[1]}}  {row[2]}")
            before = row
        return "\n".join(lines)


def report(outcome: Outcome) -> Lineage:
    found: dict[Flow, None] = dict.fromkeys(_flows((), "decides", outcome.count))
    if not outcome.never:
        found.update(dict.fromkeys(_inside(outcome.value)))
    flows = sorted(found, key=lambda flow: (flow.target, _ORDER.index(flow.how), flow.source, flow.whole))
    kept: dict[tuple[str, ...], list[Flow]] = {}
    for flow in sorted(flows, key=lambda flow: (_ORDER.index(flow.how), len(flow.target), len(flow.source))):
        above = (kept.get(flow.target[:i], ()) for i in range(len(flow.target) + 1))
        if not any(_says_more(other, flow) for others in above for other in others):
            kept.setdefault(flow.target, []).append(flow)
    chosen = {flow for found in kept.values() for flow in found}
    return Lineage(tuple(flow for flow in flows if flow in chosen))


def _inside(value: Value) -> Iterator[Flow]:
    pending: list[tuple[tuple[str, ...], Value]] = [((), value)]
    while pending:
        target, value = pending.pop()
        for place, without in value.copies.items():
            yield Flow(target, place, "copies", True, without)
        yield from _flows(target, "computes", value.data)
        yield from _flows(target, "keys", value.keys)
        yield from _flows(target, "decides", value.decided)
        pending.extend(((*target, key), member) for key, member in value.members.items())


def _flows(target: tuple[str, ...], how: How, sources: Sources) -> Iterator[Flow]:
    for source in sources:
        yield Flow(target, source.place, how, source.whole, source.without)


def _says_more(other: Flow, flow: Flow) -> bool:
    """Whether the other flow, into the same target or what holds it, tells at least all that this one does."""
    if other.how == "copies" and other.source[-1] != DEEP:
        return False  # it tells of one place of the source for each place of the output
    if flow.how == "copies" and other.how != "copies":
        return False
    if other.how == "keys" and other.target != flow.target and flow.how != "decides":
        return False
    mine = flow.source[:-1] if flow.source[-1] == DEEP else flow.source
    place = other.source[:-1] if other.source[-1] == DEEP else other.source
    if not other.whole:
        return not flow.whole and mine == place
    if place != mine[: len(place)]:
        return False
    if len(mine) == len(place):
        return other.without <= flow.without
    return mine[len(place)] not in other.without


def everything(variables: Iterable[str]) -> Lineage:
    """What is said of a program that is too large to follow."""
    roots = [INPUT, *(f"${name}" for name in variables)]
    return Lineage(tuple(Flow((), (root,), "computes") for root in roots))


def sources_of(lineage: Lineage) -> frozenset[Source]:
    return frozenset(Source(flow.source, flow.whole, flow.without) for flow in lineage.flows)
