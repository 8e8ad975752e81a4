"""Runs a project's cases: what a flow makes of an event, what a connection makes of a record. No socket, no store."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from crossdock.core import json
from crossdock.core.connector import Call, Outbound, Receipt
from crossdock.core.errors import CrossdockError, ForAPerson
from crossdock.core.event import Event
from crossdock.core.flow import Connection, Flow, MapFailed, inputs_of
from crossdock.core.routing import Skip, route_event
from crossdock.core.verdict import NotDone, Refused, Unknown
from crossdock.project import Project
from crossdock.project.case_files import Case, CasePart, ExpectPart, SaidEvent
from crossdock.project.folder import LARGEST_DATA_BYTES, Folder
from crossdock.testing.differences import contained, differences, shown
from crossdock.testing.drive import drive, reply

SKIPS = {"filter": Skip.FILTER, "type": Skip.TYPE}
OUTCOMES: Mapping[object, str] = {NotDone: "not_done", Refused: "refused", Unknown: "unknown"}


@dataclass(frozen=True, slots=True)
class CaseResult:
    name: str
    file: str
    line: int
    failures: tuple[str, ...] = ()
    """what is otherwise than expected, a line each; () = as promised"""

    @property
    def passed(self) -> bool:
        return not self.failures


class _Otherwise(Exception):
    """The case does not hold, and there is no point in going on."""


def run_cases(project: Project, *, only: str = "") -> list[CaseResult]:
    """Every case of the project, or those whose name or file holds `only`."""
    wanted = [case for case in project.cases if only in case.said.name or only in case.file]
    return [run_case(project, case) for case in wanted]


def run_case(project: Project, case: Case) -> CaseResult:
    said = case.said
    try:
        if said.flow is not None:
            failures = tuple(_flow_case(project, project.landscape.flows[said.flow], said))
        else:
            failures = tuple(_inbound_case(project, project.landscape.connections[str(said.connection)], said))
    except _Otherwise as stop:
        failures = (str(stop),)
    except CrossdockError as error:
        failures = (error.what,)
    return CaseResult(said.name, case.file, case.line, failures)


# --- flows ------------------------------------------------------------------------------------------------------


def _flow_case(project: Project, flow: Flow, said: CasePart) -> Iterator[str]:
    assert said.event is not None
    model, _, verb = said.event.type.partition(".")
    data = _data(project, said.event.data, said.event.file)
    if problems := project.landscape.models[model].problems(data):
        raise _Otherwise(f"the case's event is not a valid {model}: {'; '.join(problems[:5])}")
    event = Event(
        id="case", connection="case", account="case", model=model, major=1, verb=verb, key=said.event.key,
        partitionkey=said.event.key, version=said.event.version, occurred_at=_now(said), cause="case", origin="",
        trail="", data=json.canonical(data),
    )  # fmt: skip
    skipped = route_event(flow, event, "destination", now=_now(said))
    if skipped is not None or said.skip is not None:
        if skipped is not (SKIPS[said.skip] if said.skip else None):
            wanted = f"skipped ({SKIPS[said.skip]})" if said.skip else "taken"
            yield f"the event should be {wanted}, and was {f'skipped ({skipped})' if skipped else 'taken'}"
        return
    try:
        inputs = _inputs(flow, event, data, said)
    except MapFailed as error:
        if said.error is None:
            yield error.what
        return
    if said.error is not None:
        made = ", ".join(map(shown, inputs.values()))
        raise _Otherwise(f"the map should fail, and made {made}")
    written = said.model_fields_set
    if "inputs" in written:
        yield from differences(said.inputs, inputs)
    elif "input" in written:
        yield from differences(said.input, next(iter(inputs.values())))
    if said.exchanges is not None:
        yield from _exchanges(project.landscape.connections[flow.connection], flow, event, inputs, said)


def _inputs(flow: Flow, event: Event, data: Any, said: CasePart) -> dict[str, Any]:
    """Item → the action's input. Raises MapFailed for all that would make a delivery dead before anything is sent."""
    if flow.map is None:
        return {"": data}
    outputs = flow.map.run(data, now=_now(said), needs=dict(said.needs), event=event.about())
    inputs = inputs_of(outputs, each=flow.each)
    for value in inputs.values():
        problems = flow.input.problems(value) if flow.input is not None else ()
        if problems:
            raise MapFailed(f"its output is not a valid {flow.action.name} input: {'; '.join(problems[:5])}")
    return inputs


def _exchanges(
    connection: Connection, flow: Flow, event: Event, inputs: Mapping[str, Any], said: CasePart
) -> Iterator[str]:
    assert said.exchanges is not None
    items = [
        Outbound(
            id=f"case:{item}", input=value, key=f"{event.key}#{item}" if item else event.key, seed="case",
            marker="xdcase",
            remote_id=said.linked.remote_id if said.linked else "",
            remote_version=said.linked.version if said.linked else "",
            needs=dict(said.needs), now=_now(said),
        )
        for item, value in inputs.items()
    ]  # fmt: skip
    answers = [reply(part.answer.status, part.answer.body, part.answer.headers) for part in said.exchanges]
    try:
        driven = drive(connection.connector, flow.action.perform(items), answers, now=_now(said))
    except AssertionError as error:
        raise _Otherwise(str(error)) from None
    except ForAPerson as error:
        if said.outcome != "cannot_send":
            raise _Otherwise(f"cannot be sent: {error}") from None
        return
    for number, (call, part) in enumerate(zip(driven.calls, said.exchanges, strict=False), start=1):
        yield from (f"exchange {number}: {line}" for line in _request_differences(call, part.expect))
    outcome = OUTCOMES.get(type(driven.stopped), "done")
    if outcome != said.outcome:
        why = getattr(driven.stopped, "why", "")
        yield f"the outcome should be {said.outcome}, and is {outcome}{f': {why}' if why else ''}"
    elif said.receipt is not None:
        receipt = next(iter((driven.value or {}).values()), Receipt())
        yield from contained(said.receipt, {name: getattr(receipt, name, None) for name in said.receipt}, "receipt")


def _request_differences(call: Call, expect: ExpectPart) -> Iterator[str]:
    request = call.request
    path = urlsplit(request.url).path
    for what, wanted, made in (("method", expect.method, request.method), ("url", expect.url, request.url)):
        if wanted is not None and wanted != made:
            yield f"{what}: expected {wanted}, got {made}"
    if expect.path is not None and expect.path != path:
        yield f"path: expected {expect.path}, got {path}"
    headers = {name.lower(): value for name, value in request.headers}
    for name, value in expect.headers.items():
        if headers.get(name.lower()) != value:
            yield f"header {name}: expected {value}, got {headers.get(name.lower(), 'none')}"
    if "body" in expect.model_fields_set:
        yield from contained(expect.body, json.decode(request.body) if request.body else None, "body")


# --- what comes in ----------------------------------------------------------------------------------------------


def _inbound_case(project: Project, connection: Connection, said: CasePart) -> Iterator[str]:
    inlet = connection.inlets.get(str(said.topic)) or connection.inlets.get("*")
    if inlet is None:
        known = ", ".join(sorted(connection.inlets)) or "none"
        raise _Otherwise(f"{connection.name} has no map for the topic {said.topic}; it has: {known}")
    record = _data(project, said.record, said.file)
    inlet.keys.known.clear()
    inlet.keys.asked.clear()
    try:
        made = [_event(project, connection, output) for output in inlet.map.run(record, now=_now(said))]
        if not made:
            raise MapFailed("the map made nothing of it; a filter belongs into a flow's `where`")
    except MapFailed as error:
        if said.error is None:
            yield error.what
        return
    if said.events is None:
        raise _Otherwise(f"the map should fail, and made {', '.join(each['type'] for each in made)}")
    types = [each["type"] for each in made]
    wanted = [each.type for each in said.events]
    if types != wanted:
        raise _Otherwise(f"expected the events {', '.join(wanted)}; got {', '.join(types)}")
    for position, (event, expected) in enumerate(zip(made, said.events, strict=True)):
        yield from _event_differences(expected, event, f"events.{position}")


def _event(project: Project, connection: Connection, output: Any) -> dict[str, Any]:
    """As the normaliser reads it. Raises MapFailed where it would quarantine."""
    try:
        model, verb, remote_id, data = output["model"], output["verb"], output["id"], output["data"]
    except (KeyError, TypeError):
        raise MapFailed("an inbound map makes objects with model, verb, id, version and data") from None
    if remote_id in (None, "") or isinstance(remote_id, dict | list | bool):
        raise MapFailed(f"{model}: the record has no usable id")
    validator = project.landscape.models.get(model)
    if validator is None:
        raise MapFailed(f"the map speaks of a model that the project does not have: {model!r}")
    if problems := validator.problems(data):
        raise MapFailed(f"not a valid {model}: {'; '.join(problems[:5])}")
    return {
        "type": f"{model}.{verb}",
        "key": f"{connection.name}:{remote_id}",
        "version": str(output.get("version") or ""),
        "data": data,
    }


def _event_differences(expected: SaidEvent, event: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in ("key", "version"):
        wanted = getattr(expected, name)
        if wanted is not None and wanted != event[name]:
            yield f"{path}.{name}: expected {shown(wanted)}, got {shown(event[name])}"
    if "data" in expected.model_fields_set:
        yield from differences(expected.data, event["data"], f"{path}.data")


# --- both -------------------------------------------------------------------------------------------------------


def _data(project: Project, inline: Any, file: str | None) -> Any:
    if file is None:
        return inline
    return json.decode(Folder(project.folder).read(file, LARGEST_DATA_BYTES))


def _now(said: CasePart) -> float:
    return datetime.datetime.fromisoformat(said.now).timestamp()
