"""One connection whose secrets cannot be read, or whose code fails at them, waits for a person; nobody else notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import structlog

from crossdock.core.connector import Inbound
from crossdock.core.errors import CredentialError
from crossdock.core.flow import Connection, Landscape
from crossdock.core.secret import Credential, Secret
from crossdock.engine.observe import Observer
from crossdock.telemetry.metrics import Metrics
from crossdock.testing.fake_connector import FakeConnector, FakeWebhook
from crossdock.testing.stage import SIGNED_WITH, OpenVault, Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually

ALTERED = CredentialError("the secret token of CONNECTION was altered: it is not used", hint="set it anew")


class Damaged(OpenVault):
    """Cannot open what it holds for `ill`."""

    def __init__(self) -> None:
        super().__init__()
        self.ill = ""

    async def credential(self, connection: str) -> Credential:
        if connection == self.ill:
            raise ALTERED
        return await super().credential(connection)


def damaged(here: Stage, connection: str) -> Damaged:
    vault = Damaged()
    vault.ill = connection
    here.hub.context.vault = vault
    here.hub.context.accounts.pop(connection, None)
    return vault


def test_a_destination_whose_secrets_are_damaged_waits_and_goes_on_when_they_are_mended() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            vault = damaged(here, "out")
            assert (await here.send({"id": 1, "value": "v"})).status == 200
            await here.clock.sleep(120.0)
            assert not here.hub.context.failed
            assert "token of out was altered" in here.hub.context.paused["out"]
            vault.ill = ""
            await here.settle()
            assert here.platform.effects == ["v"]

    run_virtually(play())


def test_a_webhook_that_cannot_be_checked_is_to_be_sent_again_and_other_hooks_are_open() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            vault = damaged(here, "in")
            reply = await here.send({"id": 1, "value": "v"})
            assert reply.status == 503
            assert b"altered" not in reply.body
            assert "was altered" in here.hub.context.paused["in"]
            assert (await here.send({"id": 2, "value": "w"}, connection="out")).status == 200
            await here.clock.sleep(60.0)
            vault.ill = ""
            await here.clock.sleep(10.0)
            assert (await here.send({"id": 1, "value": "v"})).status == 200
            await here.settle()
            assert here.platform.effects == ["v"]
            assert not here.hub.context.paused

    run_virtually(play())


def test_secrets_that_are_taken_away_stop_nothing_that_is_under_way() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            here.platform.delay_s = 10.0
            for number in range(4):
                await here.send({"id": number, "value": "v"})
            await here.clock.sleep(5.0)
            vault = Damaged()
            vault.ill = "out"
            here.hub.context.vault = vault
            await here.hub.credential_changed("out")
            await here.clock.sleep(60.0)
            assert not here.hub.context.failed
            assert "was altered" in here.hub.context.paused["out"]
            vault.ill = ""
            await here.settle()
            assert await here.states() == {"delivered": 4}

    run_virtually(play())


@pytest.mark.parametrize("method", ["challenge", "verify"])
def test_a_hook_whose_code_fails_says_so_once_and_shows_nothing(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = getattr(FakeWebhook, method)

    def fails(self: FakeWebhook, request: Inbound, *rest: Any) -> Any:
        if b"bad" in request.body:
            raise KeyError(SIGNED_WITH)
        return original(self, request, *rest)

    monkeypatch.setattr(FakeWebhook, method, fails)

    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            for _ in range(3):
                reply = await here.send({"id": 1, "value": "bad"})
                assert (reply.status, reply.body) == (500, b"the hub failed to check this; its log tells more")
            assert (await here.send({"id": 2, "value": "good"})).status == 200

    with structlog.testing.capture_logs() as lines:
        run_virtually(play())
    (line,) = lines
    assert "failed: KeyError (" in line["why"]
    assert SIGNED_WITH not in str(line)


def test_what_a_hook_cannot_split_for_a_defect_is_quarantined(monkeypatch: pytest.MonkeyPatch) -> None:
    def split(self: FakeWebhook, request: Inbound) -> Any:
        return request.nothing  # type: ignore[attr-defined]

    monkeypatch.setattr(FakeWebhook, "split", split)

    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            assert (await here.send({"id": 1, "value": "v"})).status == 200
            (message,) = await here.store.messages(connection="in")
            assert "AttributeError" in message.reason

    run_virtually(play())


class Careless(FakeConnector):
    """Expects more of an answer than comes, or has no account to name."""

    def refresh(self, credential: Credential, now: float) -> Any:
        raise KeyError("refresh-secret")
        yield


def test_tokens_that_cannot_be_renewed_for_a_defect_pause_their_connection() -> None:
    async def play() -> None:
        made = landscape(flow("put"))
        connections: Mapping[str, Connection] = {
            **made.connections,
            "out": Connection("out", Careless(made_settings())),
        }
        world = Landscape("t", "test", connections, made.flows, made.models)
        async with stage(world) as here:
            vault = here.hub.context.vault
            assert isinstance(vault, OpenVault)
            vault.held["out"] = Credential({"refresh_token": Secret("r")}, here.clock.now() + 1.0)
            assert (await here.send({"id": 1, "value": "v"})).status == 200
            await here.clock.sleep(60.0)
            assert not here.hub.context.failed
            assert "out's tokens failed: KeyError" in here.hub.context.paused["out"]
            assert "refresh-secret" not in here.hub.context.paused["out"]
            assert await here.states() == {"retrying": 1}

    run_virtually(play())


def made_settings() -> Any:
    return FakeConnector.settings_type()


def test_who_sends_what_is_not_authentic_is_told_in_the_log_together() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            observer = Observer(here.hub, Metrics())
            for seconds in range(120):
                await here.send({"id": seconds, "value": "v"}, secret="guessed")
                await observer.once()
                await here.clock.sleep(1.0)
            assert not here.hub.context.failed

    with structlog.testing.capture_logs() as lines:
        run_virtually(play())
    assert [line["amount"] for line in lines] == [1, 60]
    assert {line["connection"] for line in lines} == {"in"}
