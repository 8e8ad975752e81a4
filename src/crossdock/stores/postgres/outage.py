"""A server that went away: it is waited for, since it mostly comes back within seconds."""

from __future__ import annotations

import asyncio

from crossdock.core.errors import NotNow, StoreError
from crossdock.stores.postgres.opening import driver

OUTAGE_S = 300.0
"""For so long; then whoever asks is told."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
AWAY = "PostgreSQL is away"


def is_lost(error: BaseException) -> bool:
    """Whether the connection or the server is gone, so that the same may be asked again. A value that cannot be sent
    is not that, although the driver calls it an interface error too."""
    asyncpg = driver()
    gone = (
        OSError,
        TimeoutError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,  # too many connections, no memory, a full disk
        asyncpg.IdleInTransactionSessionTimeoutError,
    )
    return isinstance(error, gone) and not isinstance(error, ValueError | StoreError)


class Outage:
    """From its first error on."""

    def __init__(self, error: BaseException, lasted_s: float = 0.0) -> None:
        self._why = f"{type(error).__name__}: {error}"
        self._began = asyncio.get_running_loop().time() - lasted_s
        self._pause_s = FIRST_PAUSE_S

    @property
    def lasted_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def pause(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    def lost(self) -> StoreError:
        return StoreError(
            f"PostgreSQL was lost: {self._why}",
            hint="Start it again. Whether a commit under way held is told by its id; applying it again is safe.",
        )

    def not_now(self) -> NotNow:
        return NotNow(AWAY, hint="It is asked again until it is back.")
