"""What a person wrote, made ready to run: a flow and a connection as the engine sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from crossdock.core.connector import Action, Connector
from crossdock.core.errors import CrossdockError
from crossdock.core.keys import EntityKeys
from crossdock.core.retry import RetryPolicy


class MapFailed(CrossdockError):
    """A map could not say what to send. `what` names the map, the place in it and the path in the input."""


class Mapper(Protocol):
    """A compiled map, a filter or a key expression: pure, bounded in steps, time and output."""

    def run(self, value: Any, *, now: float = 0.0, **variables: Any) -> Sequence[Any]:
        """All outputs. Raises MapFailed."""
        ...


class Validator(Protocol):
    def problems(self, value: Any) -> Sequence[str]:
        """What is wrong with an instance, each with its path; () = it is valid."""
        ...


class Canon(Validator, Protocol):
    """A canonical model."""

    def canonical(self, data: Any) -> Any:
        """The one spelling of equal instances, to hash, store and compare: without null members."""
        ...


@dataclass(frozen=True, slots=True)
class Need:
    """An entity that must be linked at the destination first."""

    name: str
    model: str
    key: Mapper
    """the event's data → the entity's key; no output or null = nothing is needed"""
    within_s: float = 900.0
    then: Literal["fetch", "hold"] = "hold"


@dataclass(frozen=True, slots=True)
class Flow:
    """When this event, do this action on that connection."""

    name: str
    on: frozenset[str]
    """event types: `order.created`"""
    connection: str
    action: Action
    where: Mapper | None = None
    """first output true = the event is for this flow"""
    map: Mapper | None = None
    """None = the event's data is the action's input"""
    input: Validator | None = None
    """checks what the map made"""
    each: bool = False
    needs: Sequence[Need] = ()
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_dead: Literal["block", "skip"] = "block"
    on_unknown: Literal["hold", "resend"] = "hold"
    collapse: Literal["latest", "none"] = "none"
    begin: Literal["now", "beginning"] | float = "now"
    """where a new flow starts in the stream: at what comes from now on, at the oldest event, or at an instant"""
    in_flight: int = 64
    """deliveries of this flow that may be at work at once"""
    deadline_s: float = 30.0
    """for one attempt, in all"""


@dataclass(frozen=True, slots=True)
class Inlet:
    """One topic of a connection, made ready: the platform's record → canonical events."""

    topic: str
    map: Mapper
    keys: EntityKeys
    """the map's `entity_key`"""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connector configured in a project."""

    name: str
    connector: Connector
    inlets: Mapping[str, Inlet] = field(default_factory=dict)
    """by topic; `*` catches the rest"""
    polls: Mapping[str, float] = field(default_factory=dict)
    """poll name → seconds between rounds"""
    public_url: str = ""
    """the URL under which its webhooks reach the hub, as the sender signs it; "" = as the request says"""
    deadline_s: float = 30.0
    """for one answer, in all, where something is read that no flow asked for: what came as an id, a poll's page"""


@dataclass(frozen=True, slots=True)
class Landscape:
    """Everything one hub runs: a project in one environment, checked and compiled."""

    name: str
    environment: str
    connections: Mapping[str, Connection]
    flows: Mapping[str, Flow]
    models: Mapping[str, Canon]
    """by name"""
    retention_s: Mapping[str, float] = field(default_factory=dict)
    """payloads, messages, events, effects"""
    owners: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """model → field → the connection whose word holds; only of models that several systems change"""


def inputs_of(outputs: Sequence[Any], *, each: bool) -> dict[str, Any]:
    """Item → the action's input, from what a flow's map made; without `each` the one item is "". Raises MapFailed."""
    if not each:
        if len(outputs) != 1:
            raise MapFailed(f"one output is expected, {len(outputs)} came; a filter belongs into `where`")
        return {"": outputs[0]}
    inputs: dict[str, Any] = {}
    for output in outputs:
        item = output.get("item") if isinstance(output, Mapping) else None
        name = str(item) if isinstance(item, str | int) and not isinstance(item, bool) else ""
        if not name or "input" not in output:
            raise MapFailed("with `each` it must make objects {item, input}, each item under a name of its own")
        if name in inputs:
            raise MapFailed(f"it makes two items that are called {name}")
        inputs[name] = output["input"]
    return inputs
