"""A PostgreSQL server of the tests' own, on a socket, gone afterwards."""

import os
from collections.abc import Callable, Iterator

import asyncpg
import pytest

from crossdock.stores.postgres.opening import SCHEMA
from crossdock.testing.services import POSTGRES, Missing, Postgres

REQUIRED = "CROSSDOCK_TEST_REQUIRED"
"""Set where nothing may be skipped."""


Needs = Callable[[str], None]


@pytest.fixture
def needs() -> Needs:
    """Is told what this machine lacks for a test; "" = nothing."""
    return _skip


def _skip(lacking: str) -> None:
    if lacking and os.environ.get(REQUIRED):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)


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
        _skip(str(missing))
        raise
