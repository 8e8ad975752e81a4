"""Whether what flows need can ever be there: some flow must link it at the same destination, and not in a circle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crossdock.core.flow import Flow


@dataclass(frozen=True, slots=True)
class Unmet:
    flow: str
    need: str
    what: str
    hint: str


def unmet_needs(flows: Mapping[str, Flow]) -> list[Unmet]:
    """Of all flows of a project; by destination."""
    found = []
    for connection in sorted({flow.connection for flow in flows.values()}):
        found += _at_one_place([flow for flow in flows.values() if flow.connection == connection])
    return found


def _at_one_place(flows: Sequence[Flow]) -> list[Unmet]:
    linked = {flow.action.model for flow in flows if flow.action.links}
    unmet = [
        Unmet(
            flow.name,
            need.name,
            f"no flow ever links a {need.model} at {flow.connection}, so this one would wait in vain",
            f"add a flow that writes the {need.model} to {flow.connection}"
            + (f"; linked there are: {', '.join(sorted(linked))}" if linked else ""),
        )
        for flow in flows
        for need in flow.needs
        if need.model not in linked
    ]
    if unmet:
        return unmet
    stuck = _stuck(flows)
    for flow in stuck:
        for need in flow.needs:
            circle = _circle(flow, need.model, stuck)
            if circle:
                way = " → ".join(circle)
                return [Unmet(flow.name, need.name, f"needs go in a circle: {way}", "one of them must go without")]
    return []


def _stuck(flows: Sequence[Flow]) -> list[Flow]:
    """Flows that wait for one another: what is left after taking away, again and again, those whose needs are met."""
    waiting, met = list(flows), set[str]()
    while True:
        ready = [flow for flow in waiting if all(need.model in met for need in flow.needs)]
        if not ready:
            return waiting
        met |= {flow.action.model for flow in ready if flow.action.links}
        waiting = [flow for flow in waiting if flow not in ready]


def _circle(flow: Flow, wanted: str, among: Iterable[Flow], way: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Flow by flow, from `flow` back to itself through the models they need; () when `wanted` does not lead back."""
    way = (*way, flow.name)
    for other in among:
        if other.action.model != wanted or not other.action.links:
            continue
        if other.name in way:
            return (*way[way.index(other.name) :], other.name)
        for need in other.needs:
            if circle := _circle(other, need.model, among, way):
                return circle
    return ()
