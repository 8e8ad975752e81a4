"""A PostgreSQL server of the tests' own, on a socket, gone afterwards."""

import os
from collections.abc import Iterator

import asyncpg
import pytest

from crossdock.stores.postgres.opening import SCHEMA
from crossdock.testing.services import POSTGRES, Missing, Postgres

REQUIRED = "CROSSDOCK_TEST_REQUIRED"
"""Set where nothing may be skipped."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The url of a database that the tests may empty."""
    if url := os.environ.get(POSTGRES):
        yield url
        return
    with own_postgres() as server:
        yield server.url


@pytest.fixture
async def url(postgres: str) -> str:
    """The server's database, emptied."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    await connection.close()
    return postgres


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server that the test may stop and start."""
    with own_postgres() as started:
        yield started


def own_postgres() -> Postgres:
    try:
        return Postgres()
    except Missing as missing:
        if os.environ.get(REQUIRED):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
