"""Each request to the transport of its kind."""

from __future__ import annotations

import asyncio

from crossdock.core.transport import Transport
from crossdock.core.wire import Response, Sql, Wire


class Wires:
    """See `core.transport.Transport`."""

    def __init__(self, *, http: Transport, sql: Transport) -> None:
        self._http = http
        self._sql = sql

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        transport = self._sql if isinstance(request, Sql) else self._http
        return await transport.exchange(request, deadline_s)

    async def close(self) -> None:
        await asyncio.gather(self._http.close(), self._sql.close())
