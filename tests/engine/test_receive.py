"""What comes in, and to whom its bytes belong."""

from __future__ import annotations

import asyncio
import gc

import pytest

from crossdock.core.connector import Inbound, Part
from crossdock.core.errors import StoreError
from crossdock.engine.receive import arrival_work
from crossdock.testing.stage import SIGNED_WITH, flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually


def test_two_connections_never_share_a_payload_though_their_messages_are_alike() -> None:
    """Each is removed in its own time: a shared one would be gone for the connection that came later."""
    parts = [Part(identity="1", topic="t", order_hint="1", body=b'{"id":1}')]
    kept = [
        {payload.ref.id for payload in arrival_work(f"work for {name}", name, b'[{"id":1}]', {}, parts, 1.0).payloads}
        for name in ("shop", "twin")
    ]
    assert kept[0].isdisjoint(kept[1])


def test_a_get_that_is_no_handshake_leaves_nothing_though_it_is_signed() -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            request = Inbound("GET", "https://hub.example/hooks/in", {"x-secret": SIGNED_WITH}, b"")
            assert (await here.hub.receiver.receive("in", request)).status == 405
            assert not await here.store.messages(connection="in")

    run_virtually(play())


def test_g18_who_sends_while_the_store_says_nothing_is_told_to_send_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        async with stage(landscape(flow("put"))) as here:
            silent = asyncio.Event()
            vault = here.hub.context.vault
            opened = vault.credential

            async def credential(connection: str) -> object:
                await silent.wait()
                return await opened(connection)

            monkeypatch.setattr(vault, "credential", credential)
            request = Inbound("POST", "https://hub.example/hooks/in", {"x-secret": SIGNED_WITH}, b"[]")
            receive = here.hub.receiver.receive
            replies = await asyncio.gather(*(receive("in", request) for _ in range(3)))
            assert [reply.status for reply in replies] == [503] * 3
            silent.set()
            assert (await receive("in", request)).status == 200

    run_virtually(play())


def test_a_store_that_fails_when_nobody_listens_any_more_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    unheard: list[object] = []

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
        async with stage(landscape(flow("put"))) as here:

            async def credential(connection: str) -> object:
                await here.clock.sleep(60.0)
                raise StoreError("PostgreSQL was lost")

            monkeypatch.setattr(here.hub.context.vault, "credential", credential)
            request = Inbound("POST", "https://hub.example/hooks/in", {"x-secret": SIGNED_WITH}, b"[]")
            assert (await here.hub.receiver.receive("in", request)).status == 503
            await here.clock.sleep(61.0)
            gc.collect()

    run_virtually(play())
    assert not unheard
