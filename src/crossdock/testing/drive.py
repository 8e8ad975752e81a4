"""Runs a connector's steps over answers written in the test: no socket, no engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from crossdock.core import json
from crossdock.core.connector import Call, Connector, Pause, Steps
from crossdock.core.verdict import Done, Items, Verdict
from crossdock.core.wire import Response

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Driven(Generic[T]):
    """What was asked, in order, and how it ended: with a value, or stopped by a verdict that ends the run."""

    asked: tuple[Call | Pause, ...]
    value: T | None = None
    stopped: Verdict | None = None

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(step for step in self.asked if isinstance(step, Call))

    def body(self, step: str) -> Any:
        """The JSON body of the request made under this step name. Raises KeyError."""
        for call in self.calls:
            if call.step == step:
                return json.decode(call.request.body)
        raise KeyError(f"no step {step!r} was made; there are: {', '.join(call.step for call in self.calls)}")


def reply(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body; text and bytes are sent as they stand, as HTML where they look like it."""
    if isinstance(body, str | bytes):
        raw = body.encode() if isinstance(body, str) else body
        kind = "text/html; charset=utf-8" if raw.lstrip().lower().startswith((b"<!doctype", b"<html")) else "text/plain"
    else:
        raw, kind = (b"", "") if body is None else (json.encode(body), "application/json")
    return Response(status, {**({"content-type": kind} if kind else {}), **dict(headers or {})}, raw)


def drive(
    connector: Connector, steps: Steps[T], answers: Iterable[Response | Verdict] = (), *, now: float = 0.0
) -> Driven[T]:
    """Answers each call in turn: a Response is judged by the connector, a verdict is taken as it is. The run stops at
    the first verdict that an engine would not hand to the steps.

    Raises AssertionError where a call has no answer, where two steps share a name, and where answers are left over."""
    script = list(answers)
    asked: list[Call | Pause] = []
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as stop:
            assert not script, f"{len(script)} answers were not asked for"
            return Driven(tuple(asked), value=stop.value)
        assert all(step.step != earlier.step for earlier in asked), f"two steps are called {step.step!r}"
        asked.append(step)
        if isinstance(step, Pause):
            answer = None
            continue
        assert script, f"no answer for {step.step}: {step.request.method} {step.request.url}"
        verdict = script.pop(0)
        if isinstance(verdict, Response):
            verdict = connector.judge(step, verdict, now)
        if not isinstance(verdict, Done | Items):
            assert not script, f"stopped at {step.step} by {verdict}; {len(script)} answers were not asked for"
            return Driven(tuple(asked), stopped=verdict)
        answer = verdict
