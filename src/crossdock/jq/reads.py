"""Which parts of the input a program may use, in an output, a decision or a message of its own."""

from __future__ import annotations

from crossdock.jq.lineage.report import report, sources_of
from crossdock.jq.lineage.trace import traced
from crossdock.jq.lineage.value import ANY, DEEP, INPUT, Place
from crossdock.jq.syntax import Node


def reads(tree: Node, variables: tuple[str, ...]) -> frozenset[str]:
    """The used paths; a container that was only counted or iterated appears as `path.*`."""
    found = traced(tree, variables)
    if found is None:
        return frozenset((".",))
    trace, outcome = found
    whole: set[Place] = set()
    shapes: set[Place] = set()
    for place, all_of_it, _ in trace.used | sources_of(report(outcome)):
        if place[0] == INPUT:
            keys = place[1:-1] if place[-1] == DEEP else place[1:]
            (whole if all_of_it else shapes).add(keys)
    iterated = {place[1:-1] if place[-1] == DEEP else place[1:] for place in trace.iterated if place[0] == INPUT}
    for found_places in (iterated, shapes):
        inside = {keys[:i] for keys in whole for i in range(len(keys) + 1)}
        whole |= {keys for keys in found_places if keys not in inside and not _within(keys, whole)}
    told = {keys for keys in whole if not (keys and keys[-1] == ANY and keys[:-1] in whole)}
    return frozenset(".".join(keys) or "." for keys in told)


def _within(keys: Place, places: set[Place]) -> bool:
    return any(keys[:i] in places for i in range(len(keys)))
