"""A platform repeats what it was sent: its words are kept as the reason, and no secret among them."""

import base64
import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from crossdock.testing.live import SECRET, signup
from crossdock.testing.sink import Sink

from .conftest import Hub, Type
from .test_decisions import until, without_a_way_to_find_out

TOKEN = "a token of the sink"
EMAIL, PHONE = "p7@example.com", "+15145550199"
SHAPES = (TOKEN, base64.b64encode(TOKEN.encode()).decode()[:24], TOKEN.encode().hex(), SECRET)


def repeating(there: Sink, status: int, padding: int = 0) -> None:
    """The platform answers with the request's own header, the buyer's address and number; what follows is cut off."""
    said = {
        "error": "x" * padding + f" {TOKEN}",
        "sent": {"Authorization": f"Bearer {TOKEN}", "password": "hunter2hunter2"},
        "who": f"{EMAIL} {PHONE}",
        "base64": base64.b64encode(TOKEN.encode()).decode(),
    }
    there.answer = lambda asks, key, body: (status, json.dumps(said).encode())  # type: ignore[method-assign]


@pytest.mark.parametrize(("status", "state"), [(422, "dead"), (429, "retrying"), (500, "held")])
def test_what_a_platform_repeats_is_nowhere(
    project: Path, type_: Type, there: Sink, status: int, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if state == "held":
        without_a_way_to_find_out(project)
    repeating(there, status)
    with Hub(project) as hub:
        assert hub.post(signup(7)) == 200
        until(type_, state)
        groups = {"dead": "dead-letters", "held": "holds"}
        commands = [("status",), ("trace", "in:7"), ("trace", "in:7", "--bodies"), ("audit",), ("quarantine", "list")]
        if state in groups:
            identity = type_(groups[state], "list", "--json").json[0]["id"]
            commands += [(groups[state], "list"), (groups[state], "show", identity)]
        said = {
            (*words, *more): (typed.out, typed.err)
            for words in commands
            for more in ((), ("--json",))
            for typed in [type_(*words, *more)]
        }
        said[("metrics",)] = (hub.get("/metrics")[1].decode(), hub.get("/readyz")[1].decode())
    said[("log",)] = capsys.readouterr()
    for command, texts in said.items():
        for text in texts:
            assert not any(shape in text for shape in (*SHAPES, "hunter2", PHONE)), command
            if "--bodies" not in command and "show" not in command:
                assert EMAIL not in text, command
    assert f"HTTP {status}" in said[("trace", "in:7", "--json")][0]
    assert "p…@example.com" in said[("trace", "in:7", "--json")][0]
    for file in (project / ".crossdock").iterdir():
        if file.is_file():
            assert not any(shape.encode() in file.read_bytes() for shape in (*SHAPES, "hunter2", PHONE)), file


def test_a_quotation_that_ends_in_the_middle_of_a_secret_keeps_none_of_it(
    project: Path, type_: Type, there: Sink
) -> None:
    repeating(there, 422, padding=275)
    with Hub(project) as hub:
        hub.post(signup(7))
        until(type_, "dead")
    reason = type_("dead-letters", "list", "--json").json[0]["reason"]
    assert "xxx" in reason
    assert TOKEN[:12] not in reason


def test_a_message_that_cannot_be_understood_is_told_without_its_address(project: Path, type_: Type) -> None:
    body: dict[str, Any] = json.loads(signup(7))
    body["person"]["email"] = ["ada@example.com"]
    with Hub(project) as hub:
        hub.post(json.dumps(body).encode())
        ends_at = time.monotonic() + 15
        while not (listed := type_("quarantine", "list", "--json").json):
            assert time.monotonic() < ends_at
            time.sleep(0.05)
    assert "email" in listed[0]["reason"]
    with contextlib.closing(sqlite3.connect(project / ".crossdock" / "production.db")) as store:
        ((reason,),) = store.execute("SELECT reason FROM messages")
    assert "ada@example.com" not in reason


def test_a_live_secret_in_what_came_in_is_not_shown(project: Path, type_: Type) -> None:
    """Some senders put the secret that they share with us into the body."""
    with Hub(project) as hub:
        hub.post(signup(7, verification=SECRET))
        until(type_, "delivered")
    for more in ((), ("--json",)):
        shown = type_("trace", "in:7", "--bodies", *more)
        assert shown.code == 0
        assert "verification" in shown.out
        assert SECRET not in shown.out
