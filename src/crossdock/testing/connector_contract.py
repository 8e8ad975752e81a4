"""What every connector must hold, whatever its platform. A test calls `check_connector` with one sample an action.

check_connector(connector, credential, [Sample("upsert_customer", outbound, [reply(200, {...})])])
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from crossdock.core.connector import Action, Call, Connector, Outbound
from crossdock.core.effects import EffectClass
from crossdock.core.secret import Credential
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Response, thaw
from crossdock.testing.drive import drive, reply

PARAGRAPHS = ("In:", "Out:", "Errors:", "Source:")
LOGIN_PAGE = reply(200, "<!doctype html><html><body>Please sign in</body></html>")
CUT_SHORT = Response(200, {"content-type": "application/json"}, b'{"id": "1", "na')
NEVER_DONE: tuple[Response, ...] = (LOGIN_PAGE, CUT_SHORT, reply(500, {}), reply(502, "Bad Gateway"), reply(503, ""))
REDIRECT = reply(307, None, {"location": "http://169.254.169.254/latest/meta-data"})
LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of an action that succeeds: its item, and the platform's answers in the order of the calls."""

    action: str
    item: Outbound
    answers: Sequence[Response | Verdict]


def check_connector(connector: Connector, credential: Credential, samples: Sequence[Sample]) -> None:
    """Raises AssertionError, naming the action and the rule. `credential` must hold secrets that occur nowhere else."""
    check_described(connector)
    assert {sample.action for sample in samples} == set(connector.actions), "one sample for each action, at least"
    for sample in samples:
        action = connector.actions[sample.action]
        calls = check_repeatable(connector, action, sample)
        check_secrets(connector, credential, sample.action, calls)
        for call in calls:
            check_verdicts(connector, sample.action, call)


def check_described(connector: Connector) -> None:
    """People and `check` read these: settings with a description each, actions with their contract in words."""
    assert connector.name
    assert connector.title
    for name, setting in type(connector.settings).model_fields.items():
        assert setting.description, f"the setting {name!r} has no description"
    for name, action in connector.actions.items():
        assert name == action.name, f"{name!r} calls itself {action.name!r}"
        text = type(action).__doc__ or ""
        missing = [paragraph for paragraph in PARAGRAPHS if paragraph not in text]
        assert not missing, f"{name}: its docstring lacks {', '.join(missing)}"
        assert action.effects, f"{name} says no effect class: EffectClass.NONE is one"
        assert action.batch_size >= 1
        if EffectClass.LOOKUP in action.effects or action.match:
            assert action.finds, f"{name} is to be looked up, but has no find"
            assert type(action).find is not Action.find, f"{name} says that it finds, and does not"
        if action.echo:
            assert action.echo in connector.maps, (
                f"{name}: no map is called {action.echo!r}, by which it knows its echo"
            )
    for name, hydrate in connector.hydrates.items():
        assert name == hydrate.name
    for name, poll in connector.polls.items():
        assert name == poll.name


def check_repeatable(connector: Connector, action: Action, sample: Sample) -> tuple[Call, ...]:
    """Driven twice, an action asks for the same requests, byte for byte: a crash in between changes nothing."""
    first = drive(connector, action.perform([sample.item]), sample.answers)
    again = drive(connector, action.perform([sample.item]), sample.answers)
    assert first.stopped is None, f"{sample.action}: its sample stops at {first.calls[-1].step} by {first.stopped}"
    assert first.value is not None
    assert sample.item.id in first.value, f"{sample.action}: no receipt for its only item"
    assert [(call.step, call.request.hash) for call in first.calls] == [
        (call.step, call.request.hash) for call in again.calls
    ], f"{sample.action} asks for other requests when it is driven again"
    for call in first.calls:
        assert thaw(call.request.freeze()) == call.request, f"{sample.action}: {call.step} does not survive freezing"
        assert call.effect is None or call.effect in action.effects, (
            f"{sample.action}: {call.step} is of no class it has"
        )
        assert not re.search(r"[\r\n\0]", call.request.url), f"{sample.action}: {call.step} has a line break in its URL"
    return first.calls


def check_secrets(connector: Connector, credential: Credential, name: str, calls: Sequence[Call]) -> None:
    """What is journalled holds no secret."""
    for call in calls:
        frozen = call.request.freeze().decode()
        for secret, value in credential.secrets.items():
            assert value.reveal() not in frozen, f"{name}: {call.step} freezes the secret {secret!r}"
        connector.sign(call.request, credential, 1_700_000_000.0, "nonce")


def check_verdicts(connector: Connector, name: str, call: Call) -> None:
    """Answers that any platform gives in bad times, or somebody in its place."""
    for answer in NEVER_DONE:
        verdict = connector.judge(call, answer, 0.0)
        assert not isinstance(verdict, Done | Items), (
            f"{name}: {call.step} takes {answer.status} {answer.body[:20]!r} for done"
        )
        if call.effect is not None:
            assert isinstance(verdict, Unknown), f"{name}: {call.step} is sure of {answer.status} {answer.body[:20]!r}"
    assert isinstance(connector.judge(call, REDIRECT, 0.0), Refused), f"{name}: {call.step} would follow a redirect"
    for wait in ("Wed, 21 Oct 2015 07:28:00 GMT", "999999999999", "soon", "-5", ""):
        verdict = connector.judge(call, reply(429, {}, {"retry-after": wait}), 1_700_000_000.0)
        assert isinstance(verdict, NotDone), f"{name}: {call.step} is not sure that a 429 did nothing"
        assert not verdict.counts, f"{name}: waiting for {call.step}'s limit uses up an attempt"
        assert verdict.wait_s is None or 0 <= verdict.wait_s <= LONGEST_WAIT_S, f"{name}: waits {verdict.wait_s} s"
