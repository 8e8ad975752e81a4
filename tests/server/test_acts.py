"""The hub's local door: a mistake of the caller is told as such; one of the hub's own can be looked up in its log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from crossdock.cli.assemble import Assembly, assembled
from crossdock.core import json
from crossdock.core.secret import Secret
from crossdock.project import load_project
from crossdock.testing.live import blank_project

Ask = Callable[[str, Any], Awaitable[tuple[int, Mapping[str, Any]]]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return blank_project(tmp_path / "p", "http://127.0.0.1:9")


def at_the_door(project: Path, play: Callable[[Assembly, Ask], Awaitable[None]]) -> list[Mapping[str, Any]]:
    """What was logged."""
    lines: list[Mapping[str, Any]] = []

    async def acts() -> None:
        async with assembled(load_project(project, "production")) as assembly:

            async def ask(act: str, said: Any) -> tuple[int, Mapping[str, Any]]:
                sent: list[dict[str, Any]] = []

                async def receive() -> dict[str, Any]:
                    return {"type": "http.request", "body": said if isinstance(said, bytes) else json.encode(said)}

                async def send(message: dict[str, Any]) -> None:
                    sent.append(message)

                await assembly.acts({"method": "POST", "path": f"/{act}"}, receive, send)
                return sent[0]["status"], json.decode(sent[1]["body"])

            with structlog.testing.capture_logs() as logged:
                await play(assembly, ask)
            lines.extend(logged)

    asyncio.run(acts())
    return lines


@pytest.mark.parametrize(
    ("act", "said", "why"),
    [
        ("retry", {}, "lacks 'ids'"),
        ("retry", {"ids": "one"}, "'ids' is not a list of texts"),
        ("retry", {"ids": [1]}, "'ids' is not a list of texts"),
        ("adopt", {"id": None, "remote_id": "r"}, "'id' is not a text"),
        ("adopt", {"id": "x", "remote_id": "r"}, "no delivery x"),
        (
            "link",
            {"connection": "out", "model": "person", "ids": [], "dry_run": "yes"},
            "'dry_run' is not true or false",
        ),
        ("set-secret", {"connection": "out", "field": "token"}, "lacks 'value'"),
        ("redeem", {"connection": "out", "callback": []}, "not connected in a browser"),
        ("state", [], "an act is told as a JSON object"),
        ("state", b"{", "JSON"),
    ],
)
def test_what_the_caller_says_wrong_is_told_as_such(project: Path, act: str, said: Any, why: str) -> None:
    async def play(assembly: Assembly, ask: Ask) -> None:
        status, answer = await ask(act, said)
        assert status == 400, answer
        assert why in answer["error"]

    assert not at_the_door(project, play)


@pytest.mark.parametrize("error", [KeyError("ids"), TypeError("secret words"), ZeroDivisionError()])
def test_the_hubs_own_mistake_is_looked_up_by_its_reference_and_shows_nothing(project: Path, error: Exception) -> None:
    async def play(assembly: Assembly, ask: Ask) -> None:
        async def fails(flow: str, who: str) -> None:
            raise error

        assembly.hub.rewind = fails  # type: ignore[method-assign]
        status, answer = await ask("rewind", {"flow": "person-to-contact"})
        assert status == 500
        assert "secret words" not in str(answer)
        answers.append(answer)

    answers: list[Mapping[str, Any]] = []
    (line,) = at_the_door(project, play)
    assert line["act"] == "rewind"
    assert line["reference"] in answers[0]["hint"]
    assert line["exc_info"]


def test_one_delivery_that_cannot_be_done_stops_no_other(project: Path) -> None:
    async def play(assembly: Assembly, ask: Ask) -> None:
        status, answer = await ask("retry", {"ids": ["one", "two"]})
        assert status == 200
        assert [failed["id"] for failed in answer["failed"]] == ["one", "two"]

    assert not at_the_door(project, play)


def test_no_secret_is_in_why_one_of_many_could_not_be_done(project: Path) -> None:
    async def play(assembly: Assembly, ask: Ask) -> None:
        assembly.redactor.add(Secret("hush-hush-hush"))
        _, answer = await ask("retry", {"ids": ["hush-hush-hush"]})
        assert answer["failed"][0]["error"] == "no delivery [redacted]"

    assert not at_the_door(project, play)
