"""A PostgreSQL server of the tests' own, on a socket, gone afterwards."""

import os
from collections.abc import Iterator

import pytest

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
