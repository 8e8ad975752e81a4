"""cases/*.yaml: an event and what a flow makes of it, or a platform's record and the events that it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from crossdock.core import json
from crossdock.core.errors import NotJson, Problem, ProjectError
from crossdock.models.violation import nearest
from crossdock.project import document as yaml
from crossdock.project.document import Document
from crossdock.project.explain import read_model
from crossdock.project.files import EventType, Word, Written
from crossdock.project.folder import LARGEST_DATA_BYTES, Folder
from crossdock.project.sources import Sources


def _inside(name: str) -> str:
    if not name.endswith(".json"):
        raise ValueError("should be a .json file in the project, as in cases/order.json")
    return name


JsonFile = Annotated[str, AfterValidator(_inside)]


class EventPart(Written):
    """The event that the flow is given."""

    type: EventType = Field(description="model.verb", examples=["order.created"])
    key: Word = Field(default="case:1", description="The entity's key: $event.key.", examples=["shopify:5310000000123"])
    version: str = Field(default="", description="The source's version: $event.version.", examples=["2026-11-03"])
    data: Any = Field(default=None, description="An instance of the model.", examples=[{"name": "Ada"}])
    file: JsonFile | None = Field(default=None, description="A JSON file with the data.", examples=["cases/order.json"])

    @model_validator(mode="after")
    def _one_source(self) -> EventPart:
        if (self.data is None) == (self.file is None):
            raise ValueError("write `data`, or `file`")
        return self


class LinkedPart(Written):
    """The record at the destination that the event's entity is linked to already."""

    remote_id: Word = Field(description="Its id there.", examples=["145"])
    version: str = Field(default="", description="Its version there.", examples=["2"])


class ExpectPart(Written):
    """A request that the action makes. What is written must be there; what is left out is not looked at."""

    method: str | None = Field(default=None, description="HTTP method.", examples=["POST"])
    url: str | None = Field(default=None, description="The whole URL.", examples=["https://api.example.com/v1/orders"])
    path: str | None = Field(default=None, description="The URL's path, without the query.", examples=["/v1/orders"])
    headers: dict[str, str] = Field(
        default={}, description="Headers, by name.", examples=[{"accept": "application/json"}]
    )
    body: Any = Field(default=None, description="What the JSON body holds.", examples=[{"total": "92.66"}])


class AnswerPart(Written):
    """What the platform answers."""

    status: int = Field(default=200, ge=100, le=599, description="HTTP status.", examples=[201])
    headers: dict[str, str] = Field(default={}, description="Headers, by name.", examples=[{"retry-after": "30"}])
    body: Any = Field(default=None, description="JSON, or text.", examples=[{"id": 77}])


class ExchangePart(Written):
    expect: ExpectPart = Field(default=ExpectPart(), description="The request.", examples=[{"method": "POST"}])
    answer: AnswerPart = Field(default=AnswerPart(), description="Its answer.", examples=[{"status": 201}])


class SaidEvent(Written):
    """An event that a record becomes. What is left out is not looked at."""

    type: EventType = Field(description="model.verb", examples=["order.created"])
    key: str | None = Field(default=None, description="The entity's key.", examples=["shopify:5310000000123"])
    version: str | None = Field(default=None, description="The source's version.", examples=["2026-11-03T14:12:43Z"])
    data: Any = Field(default=None, description="The instance, whole.", examples=[{"name": "Ada"}])


class CasePart(Written):
    """One case. With `flow`: `event`, and one of `input`, `inputs`, `skip` and `error`, or `exchanges`. With
    `connection`: `topic`, `record` or `file`, and `events` or `error`."""

    name: Word = Field(description="The promise, in words.", examples=["a paid order becomes an invoice"])
    now: str = Field(default="2026-01-01T00:00:00Z", description="What time it is.", examples=["2026-11-03T14:12:43Z"])

    flow: str | None = Field(default=None, description="The flow that is tried.", examples=["order-to-invoice"])
    event: EventPart | None = Field(default=None, description="What it is given.", examples=[{"type": "order.created"}])
    needs: dict[str, Word] = Field(
        default={}, description="Need → the linked record's id: $needs.", examples=[{"customer": "145"}]
    )
    linked: LinkedPart | None = Field(
        default=None, description="The record that the entity is linked to already.", examples=[{"remote_id": "145"}]
    )
    input: Any = Field(default=None, description="What the action is given, whole.", examples=[{"number": "2044"}])
    inputs: dict[str, Any] | None = Field(
        default=None, description="With `each`: the inputs by their item.", examples=[{"line-1": {"sku": "MUG"}}]
    )
    skip: Literal["filter", "type"] | None = Field(
        default=None, description="The flow does not take the event: by `where`, or by `on`.", examples=["filter"]
    )
    error: Literal["mapping"] | None = Field(
        default=None, description="The map cannot say what to send, or makes something invalid.", examples=["mapping"]
    )
    exchanges: tuple[ExchangePart, ...] | None = Field(
        default=None, description="The action's requests and their answers, in order.", examples=[[{"answer": {}}]]
    )
    outcome: Literal["done", "not_done", "refused", "unknown", "cannot_send"] = Field(
        default="done", description="How the exchanges end.", examples=["refused"]
    )
    receipt: dict[str, Any] | None = Field(
        default=None,
        description="What is kept of the answer: remote_id, version, url, note.",
        examples=[{"remote_id": "77"}],
    )

    connection: str | None = Field(default=None, description="The connection that is tried.", examples=["shopify"])
    topic: str | None = Field(default=None, description="The topic of what came in.", examples=["orders/create"])
    record: Any = Field(default=None, description="The platform's record.", examples=[{"id": 5310000000123}])
    file: JsonFile | None = Field(default=None, description="A JSON file with it.", examples=["cases/order.json"])
    events: tuple[SaidEvent, ...] | None = Field(
        default=None, description="The events it becomes, in order.", examples=[[{"type": "order.created"}]]
    )

    @model_validator(mode="after")
    def _whole(self) -> CasePart:
        written = self.model_fields_set
        outbound = written & {"event", "needs", "linked", "input", "inputs", "skip", "exchanges", "outcome", "receipt"}
        inbound = written & {"topic", "record", "file", "events"}
        if (self.flow is None) == (self.connection is None):
            raise ValueError("a case tries a `flow` or a `connection`")
        if self.flow is not None:
            if inbound:
                raise ValueError(f"`{min(inbound)}` goes with `connection`, not with `flow`")
            if self.event is None:
                raise ValueError("say the `event` that the flow is given")
            said = written & {"input", "inputs", "skip", "error"}
            if len(said) > 1 or not said | (written & {"exchanges"}):
                raise ValueError("say what is expected: `input`, `inputs`, `skip`, `error` or `exchanges`")
            return self
        if outbound:
            raise ValueError(f"`{min(outbound)}` goes with `flow`, not with `connection`")
        if self.topic is None or ("record" in written) == ("file" in written):
            raise ValueError("say the `topic`, and the `record` or a `file` that holds it")
        if ("events" in written) == ("error" in written):
            raise ValueError("say what is expected: `events`, or `error`")
        return self


@dataclass(frozen=True, slots=True)
class Case:
    file: str
    line: int
    said: CasePart


def read_cases(sources: Sources) -> tuple[list[Case], list[Problem]]:
    """The cases that are in form, and what is wrong with the others."""
    cases: list[Case] = []
    problems: list[Problem] = []
    try:
        names = sources.folder.names("cases")
    except ProjectError as error:
        return [], list(error.problems)
    for name in names:
        try:
            document = sources.folder.document(name)
        except ProjectError as error:
            problems += error.problems
            continue
        if not isinstance(document.data, list):
            what = "should be a list of cases, each beginning with `- name:`"
            problems.append(document.problem((), what))
            continue
        for index, data in enumerate(document.data):
            case, found = _read(document, index, data)
            problems += found
            if case is not None:
                problems += _looked_up(sources, document, index, case.said)
                cases.append(case)
    return cases, problems


def _read(document: Document, index: int, data: Any) -> tuple[Case | None, list[Problem]]:
    def locate(path: yaml.Path, at_value: bool) -> tuple[str, int, int]:
        return document.name, *document.place((index, *path), at_value=at_value and bool(path))

    said, problems = read_model(CasePart, data, locate, "a case")
    return (Case(document.name, document.place((index,))[0], said) if said else None), problems


def _looked_up(sources: Sources, document: Document, index: int, case: CasePart) -> list[Problem]:
    """The names that a case uses."""
    problems = []
    for kind, said, known in (("flow", case.flow, sources.flows), ("connection", case.connection, sources.connections)):
        if said is not None and said not in known and f"{kind}s/{said}.yaml" not in sources.broken:
            meant = nearest(said, known)
            hint = f"did you mean `{meant}`?" if meant else ""
            problems.append(document.problem((index, kind), f"there is no {kind} `{said}`", hint, at_value=True))
    in_event = case.event.file if case.event is not None else None
    for path, file in (((index, "file"), case.file), ((index, "event", "file"), in_event)):
        if file is not None:
            problems += _unreadable(sources.folder, document, path, file)
    return problems


def _unreadable(folder: Folder, document: Document, path: yaml.Path, file: str) -> list[Problem]:
    try:
        data = folder.read(file, LARGEST_DATA_BYTES)
    except ProjectError as error:
        return [document.problem(path, f"{file} {each.what}", each.hint, at_value=True) for each in error.problems]
    try:
        json.decode(data)
    except NotJson as error:
        found = re.search(r"\(byte (\d+)\)", error.what)
        before = data[: int(found[1])] if found else b""
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        return [Problem(file, line, column, f"is {error.what}")]
    return []
