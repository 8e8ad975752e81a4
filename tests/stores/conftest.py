"""A store for each test of the contract; an empty database on the tests' PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from crossdock.core.store import Store
from crossdock.stores.postgres import opening


@pytest.fixture
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """The open store of a test of the contract."""
    request.instance.folder = tmp_path
    store = await request.instance.open_store()
    yield store
    await store.close()


@pytest.fixture
async def url(postgres: str) -> str:
    """The server's database, emptied."""
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"DROP SCHEMA IF EXISTS {opening.SCHEMA} CASCADE")
    await connection.close()
    return postgres
