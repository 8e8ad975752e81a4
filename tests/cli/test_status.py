"""crossdock status: what is tried again says why, and when."""

import time
from datetime import datetime
from pathlib import Path

import pytest

from crossdock.testing.live import signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type
from .test_decisions import until


def test_what_is_tried_again_says_why_and_when(project: Path, type_: Type, there: Sink) -> None:
    there.answer = lambda asks, key, body: (429, b'{"error": "too many"}')  # type: ignore[method-assign]
    flow = project / "flows" / "person-to-contact.yaml"
    flow.write_text(flow.read_text() + "retry: {first_delay: 120s}\n")
    with Hub(project) as hub:
        began_at = time.time()
        for number in range(7, 12):
            assert hub.post(signup(number)) == 200
        until(type_, "retrying", 5)
        shown = type_("status", "--json").json["flows"][0]
        told = type_("status").out
        traced = type_("trace", "in:7").out
    assert len(shown["trying"]) == 3
    first = shown["trying"][0]
    assert first["state"] == "retrying"
    assert first["key"] in {f"in:{number}" for number in range(7, 12)}
    assert first["attempts"] == 1  # although a wait for a rate limit uses up none
    assert first["reason"] == 'HTTP 429: {"error": "too many"}'
    assert began_at < datetime.fromisoformat(first["next_attempt_at"]).timestamp() < began_at + 300
    assert shown["trying"] == sorted(shown["trying"], key=lambda one: one["next_attempt_at"])
    assert first["next_attempt_at"] in told
    assert "HTTP 429" in told
    assert ", next at " in traced


def test_a_platform_that_wants_no_calls_is_told_of_with_how_long(
    type_: Type, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.engine.exchange.Exchanger.held_off_s", lambda self, account: 599.5)
    with Hub(project) as hub:
        hub.post(signup(7))
        until(type_, "delivered")
        assert type_("status", "--json").json["connections"][0]["held_off_s"] == 599.5
        assert "wants no calls for 10 min more" in type_("status").out


def test_where_all_is_well_nothing_is_tried_again(project: Path, type_: Type) -> None:
    assert type_("status", "--json").json["flows"][0]["trying"] == []
    with Hub(project) as hub:
        hub.post(signup(7))
        until(type_, "delivered")
        assert type_("status", "--json").json["flows"][0]["trying"] == []
        assert "tried again" not in type_("status").out
