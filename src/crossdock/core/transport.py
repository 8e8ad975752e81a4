"""The door to the outside: the only outward I/O."""

from __future__ import annotations

from typing import Protocol

from crossdock.core.wire import Response, Wire

STRAY_S = 30.0
"""How long after its deadline what was sent may still be on its way: the bytes that a cut network holds up are given up
then. No less, since Linux counts a destination that reads nothing for a while among those."""


class Transport(Protocol):
    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        """Sends the request once and reads the whole answer within `deadline_s` in all (not idle time).

        Never retries, never follows a redirect, caps the decoded body. Raises TransportError, whose `sent` is False
        only where it is certain that no byte of the request left. Safe to call from many tasks."""
        ...

    async def close(self) -> None: ...
