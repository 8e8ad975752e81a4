"""Fetches an entity that a delivery needs and that never came by itself: it arrives as if it had been sent."""

from __future__ import annotations

import contextlib

from crossdock.core.connector import Part
from crossdock.core.errors import NotNow
from crossdock.engine.context import Context
from crossdock.engine.receive import Receiver


class Fetcher:
    def __init__(self, context: Context, receiver: Receiver) -> None:
        self._context = context
        self._receiver = receiver

    async def fetch(self, model: str, key: str, wanted_by: str) -> bool:
        """Puts a message into the inbox that will be hydrated; once for each `wanted_by`, however often it is asked
        for. While the store has no room nothing is put there, and who asks again later is served. False when the key
        does not say where it is from, or its connection cannot fetch this model."""
        name, _, remote_id = key.partition(":")
        connection = self._context.landscape.connections.get(name)
        if connection is None or not remote_id or model not in connection.connector.fetches:
            return False
        hydrate, topic = connection.connector.fetches[model]
        part = Part(
            identity=f"fetch/{model}/{remote_id}/{wanted_by}",
            topic=topic,
            order_hint=remote_id,
            body=b"{}",
            hydrate=hydrate,
            remote_id=remote_id,
        )
        with contextlib.suppress(NotNow):
            await self._receiver.take(connection, b"", {"crossdock-fetch": model}, [part])
        return True
