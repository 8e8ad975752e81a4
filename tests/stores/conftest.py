"""A store for each test of the contract; an empty database on the tests' PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossdock.core.store import Store


@pytest.fixture
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """The open store of a test of the contract."""
    request.instance.folder = tmp_path
    store = await request.instance.open_store()
    yield store
    await store.close()
