"""Tokens: renewed once for everybody, stored before they are used, and a person is asked when nothing else helps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crossdock.core import json
from crossdock.core.connector import Call, ConnectionSettings, Steps
from crossdock.core.flow import Connection, Landscape
from crossdock.core.secret import Credential, Secret
from crossdock.core.wire import Http, Response
from crossdock.testing.fake_connector import FakeConnector
from crossdock.testing.fake_platform import BASE, JSON, FakePlatform
from crossdock.testing.stage import SIGNED_WITH, OpenVault, Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


class WithTokens(FakeConnector):
    def sign(self, request: Http, credential: Credential, civil: float, nonce: str) -> Http:
        return request.with_headers(("authorization", f"Bearer {credential.get('access_token')}"))

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        done = yield Call("refresh", Http("POST", f"{BASE}/token", body=credential.get("refresh_token").encode()))
        return credential.with_secrets(
            now + done.answer["expires_in"],
            access_token=done.answer["access_token"],
            refresh_token=done.answer["refresh_token"],
        )


@dataclass
class StrictPlatform(FakePlatform):
    """A refresh token is good for one use."""

    token: int = 0
    life_s: int = 600
    refreshes: int = 0
    revoked: bool = False
    lifetimes: dict[str, float] = field(default_factory=dict)

    def _play(self, request: Http) -> Response:
        if request.url == f"{BASE}/token":
            if self.revoked or request.body != f"refresh-{self.token}".encode():
                return Response(400, JSON, b'{"error":"invalid_grant"}')
            self.token += 1
            self.refreshes += 1
            names = {"access_token": f"access-{self.token}", "refresh_token": f"refresh-{self.token}"}
            return Response(200, JSON, json.encode({**names, "expires_in": self.life_s}))
        if dict(request.headers).get("authorization") != f"Bearer access-{self.token}":
            return Response(401, JSON, b'{"error":"expired"}')
        return super()._play(request)


def world() -> Landscape:
    connector = WithTokens(ConnectionSettings())
    made = landscape(flow("create_with_key", connector=connector))
    return Landscape("t", "test", {**made.connections, "out": Connection("out", connector)}, made.flows, made.models)


def credential(token: int, expires_at: float | None) -> Credential:
    secrets = {"access_token": f"access-{token}", "refresh_token": f"refresh-{token}", "webhook_secret": SIGNED_WITH}
    return Credential({name: Secret(value) for name, value in secrets.items()}, expires_at)


def vault_of(here: Stage) -> OpenVault:
    vault = here.hub.context.vault
    assert isinstance(vault, OpenVault)
    return vault


def test_an_expired_token_is_renewed_once_for_64_callers() -> None:
    platform = StrictPlatform(delay_s=0.2)

    async def play() -> None:
        async with stage(world(), platform=platform) as here:
            vault_of(here).held["out"] = credential(0, here.clock.now() + 1)
            for number in range(64):
                await here.send({"id": number, "value": str(number)})
            await here.settle()
            assert platform.refreshes == 1
            assert vault_of(here).held["out"].get("refresh_token") == "refresh-1"
            assert await here.states() == {"delivered": 64}

    run_virtually(play())


def test_a_token_that_the_platform_refuses_is_renewed_and_costs_no_attempt() -> None:
    platform = StrictPlatform(delay_s=0.2)
    platform.token = 1

    async def play() -> None:
        async with stage(world(), platform=platform) as here:
            stale = credential(1, None)
            vault_of(here).held["out"] = stale.with_secrets(None, access_token="access-0")
            for number in range(10):
                await here.send({"id": number, "value": str(number)})
            await here.settle()
            assert platform.refreshes == 1
            assert {row.attempts for row in await here.deliveries()} == {0}

    run_virtually(play())


def test_a_token_that_does_not_live_for_long_is_used_again_soon_after_its_renewal() -> None:
    platform = StrictPlatform(life_s=55)

    async def play() -> None:
        async with stage(world(), platform=platform) as here:
            vault_of(here).held["out"] = credential(0, here.clock.now() + 1)
            for number in range(3):
                await here.send({"id": number, "value": str(number)})
                await here.clock.sleep(20.0)
            assert not here.hub.context.paused
            assert await here.states() == {"delivered": 3}
            assert platform.refreshes == 2, "the third came when the second token was no longer fresh"

    run_virtually(play())


def test_the_new_pair_is_stored_before_it_is_used() -> None:
    platform = StrictPlatform()

    async def play() -> None:
        async with stage(world(), platform=platform) as here:
            vault = vault_of(here)
            vault.held["out"] = credential(0, here.clock.now() + 1)
            stored: list[int] = []
            put = vault.put_credential

            async def noting(connection: str, fresh: Credential, since: Credential | None = None) -> None:
                stored.append(len([request for request in platform.requests if "create" in request.url]))
                await put(connection, fresh)

            vault.put_credential = noting  # type: ignore[method-assign]
            await here.send({"id": 1, "value": "v"})
            await here.settle()
            assert stored == [0]

    run_virtually(play())


def test_a_connection_that_needs_a_person_waits_and_loses_nothing() -> None:
    platform = StrictPlatform(revoked=True)

    async def play() -> None:
        async with stage(world(), platform=platform) as here:
            vault_of(here).held["out"] = credential(0, here.clock.now() + 1)
            for number in range(20):
                await here.send({"id": number, "value": str(number)})
            await here.clock.sleep(600)
            assert "crossdock connect out" in here.hub.context.paused["out"]
            states = await here.states()
            assert set(states) <= {"waiting", "retrying"}
            assert len(platform.requests) < 10
            platform.revoked = False
            platform.token = 7
            vault_of(here).held["out"] = credential(7, None)
            await here.settle()
            assert await here.states() == {"delivered": 20}

    run_virtually(play())


def test_a_token_server_that_is_away_is_asked_again_later() -> None:
    platform = StrictPlatform()
    platform.faults["/create"] = []

    async def play() -> None:
        async with stage(world(), platform=platform) as here:
            vault_of(here).held["out"] = credential(0, here.clock.now() + 1)
            away = platform._play

            def down(request: Http) -> Response:
                if request.url.endswith("/token") and here.clock.now() < 1_790_000_060.0:
                    return Response(503, JSON, b"{}")
                return away(request)

            platform._play = down  # type: ignore[method-assign]
            await here.send({"id": 1, "value": "v"})
            await here.settle()
            assert not here.hub.context.paused
            assert await here.states() == {"delivered": 1}

    run_virtually(play())


@pytest.mark.parametrize("field_name", ["access_token", "refresh_token"])
def test_no_token_is_written_to_the_journal(field_name: str, tmp_path: Path) -> None:
    platform = StrictPlatform()

    async def play() -> None:
        async with stage(world(), platform=platform, path=tmp_path / "hub.db") as here:
            vault_of(here).held["out"] = credential(0, here.clock.now() + 1)
            await here.send({"id": 1, "value": "v"})
            await here.settle()

    run_virtually(play())
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert field_name.removesuffix("_token").encode() + b"-1" not in stored


class Slow(OpenVault):
    """Takes a while to open, and gives what it held when it was asked."""

    sleep: Callable[[float], Awaitable[None]]

    async def credential(self, connection: str) -> Credential:
        held = await super().credential(connection)
        await self.sleep(2.0)
        return held


@pytest.mark.parametrize("after_s", [0.5, 1.5, 2.5])
def test_what_a_person_sets_is_used_however_slowly_the_old_one_was_read(after_s: float) -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            vault = here.hub.context.vault = Slow()
            vault.sleep = here.clock.sleep
            credentials = here.hub.exchanger.credentials
            asking = asyncio.create_task(credentials.get("out"))
            await here.clock.sleep(after_s)
            vault.held["out"] = Credential({"token": Secret("new")}, account="fake.example")
            await here.hub.credential_changed("out")
            await asking
            assert (await credentials.get("out")).get("token") == "new"

    run_virtually(play())


def test_who_connects_while_the_old_tokens_are_renewed_is_who_the_hub_speaks_as() -> None:
    platform = StrictPlatform(delay_s=5.0)

    class Merging(OpenVault):
        """As the vault does: nothing is written over what a person has set meanwhile."""

        async def put_credential(
            self, connection: str, credential: Credential, since: Credential | None = None
        ) -> None:
            if since is None or self.held[connection] == since:
                await super().put_credential(connection, credential)

    async def play() -> None:
        async with stage(world(), platform=platform) as here:
            vault = here.hub.context.vault = Merging()
            vault.held["out"] = credential(0, here.clock.now() + 1)
            renewing = asyncio.create_task(here.hub.exchanger.credentials.get("out"))
            await here.clock.sleep(2.0)
            vault.held["out"] = credential(7, None)
            await here.hub.credential_changed("out")
            assert (await renewing).get("access_token") == "access-7"
            assert (await here.hub.exchanger.credentials.get("out")).get("access_token") == "access-7"

    run_virtually(play())


class WithKey(FakeConnector):
    """An API key, which only a person renews."""

    def sign(self, request: Http, credential: Credential, civil: float, nonce: str) -> Http:
        return request.with_headers(("authorization", credential.get("api_key")))


class Locked(FakePlatform):
    def _play(self, request: Http) -> Response:
        if dict(request.headers).get("authorization") != "good":
            return Response(401, JSON, b"{}")
        return super()._play(request)


def test_a_key_that_is_set_while_the_old_one_is_being_refused_pauses_nothing() -> None:
    async def play() -> None:
        connector = WithKey(ConnectionSettings())
        made = landscape(flow("put", connector=connector))
        connections = {**made.connections, "out": Connection("out", connector)}
        locked = Landscape("t", "test", connections, made.flows, made.models)
        async with stage(locked, platform=Locked(delay_s=5.0)) as here:
            vault = vault_of(here)
            vault.held["out"] = Credential({"api_key": Secret("old")}, account="fake.example")
            await here.send({"id": 1, "value": "v"})
            await here.clock.sleep(2.0)
            vault.held["out"] = Credential({"api_key": Secret("good")}, account="fake.example")
            await here.hub.credential_changed("out")
            await here.settle(within_s=120.0)
            assert here.platform.effects == ["v"]
            assert not here.hub.context.paused

    run_virtually(play())


def test_a_key_that_the_platform_refuses_is_told_as_that_and_whose_it_is() -> None:
    async def play() -> None:
        connector = WithKey(ConnectionSettings())
        made = landscape(flow("put", connector=connector))
        connections = {**made.connections, "out": Connection("out", connector)}
        async with stage(Landscape("t", "test", connections, made.flows, made.models), platform=Locked()) as here:
            vault_of(here).held["out"] = Credential({"api_key": Secret("old")}, account="fake.example")
            await here.send({"id": 1, "value": "v"})
            await here.clock.sleep(2.0)
            (row,) = await here.deliveries()
            assert row.reason == (
                "HTTP 401: the connection is paused: out: the platform refuses the credentials; "
                "set them anew: crossdock secrets set out"
            )
            (exchange,) = await here.store.exchanges([row.id])
            (tried,) = await here.store.attempts([exchange.id])
            assert (tried.status, str(tried.outcome)) == (401, "not_done")

    run_virtually(play())
