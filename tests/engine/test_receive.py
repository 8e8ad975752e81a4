"""What comes in, and to whom its bytes belong."""

from __future__ import annotations

from crossdock.core.connector import Part
from crossdock.engine.receive import arrival_work


def test_two_connections_never_share_a_payload_though_their_messages_are_alike() -> None:
    """Each is removed in its own time: a shared one would be gone for the connection that came later."""
    parts = [Part(identity="1", topic="t", order_hint="1", body=b'{"id":1}')]
    kept = [
        {payload.ref.id for payload in arrival_work("w", name, b'[{"id":1}]', {}, parts, 1.0).payloads}
        for name in ("shop", "twin")
    ]
    assert kept[0].isdisjoint(kept[1])
