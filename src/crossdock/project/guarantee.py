"""What a flow promises, and why: told by `crossdock check`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crossdock.core.effects import EffectClass
from crossdock.core.flow import Flow
from crossdock.core.resolution import guarantee_of
from crossdock.project.duration import shown


@dataclass(frozen=True, slots=True)
class FlowReport:
    """One flow, as a person reads it."""

    name: str
    file: str
    on: tuple[str, ...]
    to: str
    """connection"""
    action: str
    guarantee: str
    """in a sentence"""
    why: tuple[str, ...]
    """each a sentence; the first ones are the action's, the others the flow's own"""


Owners = Mapping[str, Mapping[str, str]]
"""model → field → the connection whose word holds"""


def report_of(flow: Flow, file: str, owners: Owners) -> FlowReport:
    guarantee = guarantee_of(flow.action.effects, flow.on_unknown)
    return FlowReport(
        flow.name,
        file,
        tuple(sorted(flow.on)),
        flow.connection,
        flow.action.name,
        guarantee,
        (*_of_the_action(flow), *_of_the_flow(flow), *_of_the_models(flow, owners)),
    )


def _of_the_action(flow: Flow) -> list[str]:
    action, to = flow.action, flow.connection
    said = []
    for effect in action.effects:
        match effect:
            case EffectClass.NATIVE_KEY:
                kept = shown(action.key_retention_s)
                said.append(f"{to} is given a key with each request and remembers it for {kept}")
            case EffectClass.UPSERT:
                said.append(f"the request names the record, so {to} writes the same one again")
            case EffectClass.LOOKUP:
                after = f", {shown(action.settle_s)} after a doubtful answer" if action.settle_s else ""
                said.append(f"the record can be found again at {to}{after}")
            case EffectClass.INBOX:
                said.append(
                    f"{to} commits the change together with a mark of it, and leaves out what bears one already"
                )
            case EffectClass.NONE:
                said.append(f"{to} offers no way to find out whether a request was carried out")
            case _:
                said.append(f"by {effect}")
    if action.finds and action.match:
        said.append(f"before a first create it looks for the record by {', '.join(action.match)}")
    elif action.links and EffectClass.UPSERT not in action.effects:
        said.append("it does not look for records that exist already: the first write creates one")
    if action.batch_size > 1:
        said.append(f"up to {action.batch_size} are sent in one request, each with its own outcome")
    return said


def _of_the_flow(flow: Flow) -> list[str]:
    said = []
    if flow.collapse == "latest":
        said.append("a newer event replaces older ones of its key that still wait; out-of-date ones are skipped")
    else:
        said.append("every event is delivered, in the order of its key")
    said += [
        f"waits up to {shown(need.within_s)} until the {need.model} is linked at {flow.connection}, then "
        + ("fetches it and waits as long again" if need.then == "fetch" else "holds")
        for need in flow.needs
    ]
    retry = flow.retry
    said.append(f"tries {retry.attempts} times, waiting {shown(retry.first_delay_s)} to {shown(retry.max_delay_s)}")
    behind = "wait behind it" if flow.on_dead == "block" else "go on without it"
    said.append(f"after a dead letter, later events of its key {behind}")
    return said


def _of_the_models(flow: Flow, owners: Owners) -> list[str]:
    said = []
    for model in sorted({kind.partition(".")[0] for kind in flow.on} & owners.keys()):
        words = [f"{field} is as {connection} says" for field, connection in sorted(owners[model].items())]
        said.append(f"{model}: {'; '.join([*words, 'of any other field the newest change holds'])}")
    return said
