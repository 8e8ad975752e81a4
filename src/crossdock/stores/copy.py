"""A stopped hub moves from one store to another: every row, or none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

from crossdock.core import json
from crossdock.core.errors import StoreError
from crossdock.core.store import Store
from crossdock.stores.tables import MOVED, TABLES


class Moving(Protocol):
    """A store that no hub may open meanwhile, nor write to where one has it open."""

    async def amounts(self) -> Mapping[str, int]:
        """Rows of each table."""
        ...

    def rows(self, table: str) -> AsyncIterator[Sequence[Sequence[Any]]]: ...

    async def begin(self) -> None: ...

    async def load(self, table: str, rows: Sequence[Sequence[Any]]) -> None: ...

    async def commit(self) -> None: ...

    async def moved(self) -> bytes | None:
        """The mark, if it has one."""
        ...

    async def mark(self, value: bytes) -> None:
        """Durable, and from here on no hub writes to it any more."""
        ...

    async def unmark(self) -> None: ...

    async def close(self) -> None: ...


async def open_moving(url: str, *, new: bool = False) -> Moving:
    """Raises StoreError when a hub holds it. `new`: a SQLite file may be made."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        from crossdock.stores.sqlite.moving import SqliteMoving

        return SqliteMoving(rest, new=new)
    if scheme in {"postgresql", "postgres"}:
        from crossdock.stores.postgres.moving import PostgresMoving

        return await PostgresMoving.open(url)
    raise StoreError(f"no store is called {scheme!r}", hint="Write `sqlite:PATH` or `postgresql://USER@HOST/DATABASE`.")


async def copy(
    source_url: str, target_url: str, told: Callable[[str, int, int], None] = lambda *_: None
) -> Mapping[str, int]:
    """Rows copied, by table. `told` hears (table, done, of). The source is marked as moved, and opens no more until
    `reopen`, before the target's one commit: at no moment do both open with a hub's past in them. A kill leaves all as
    it was or, between mark and commit, a marked source and an empty target; then `copy` may be called again.

    Raises StoreError; then the target holds nothing of it, unless it says that this is not known."""
    source = await open_moving(source_url)
    try:
        _refuse_another_target(await source.moved(), source_url, target_url)
        target = await open_moving(target_url, new=True)
        try:
            amounts = await _copy(source, target, target_url, told)
            await _mark(source, source_url, target_url)
            await _commit(target, source_url, target_url)
        finally:
            await target.close()
    finally:
        await source.close()
    return amounts


def _refuse_another_target(mark: bytes | None, source_url: str, target_url: str) -> None:
    """A move that was cut short goes on to where it went."""
    to = json.decode(mark)["to"] if mark is not None else named(target_url)
    if to != named(target_url):
        raise StoreError(
            f"{named(source_url)} was copied to {to} before: the hub goes on there",
            hint=f"Copy from {to}. If this one is to go on after all: crossdock store reopen, and remove that copy.",
        )


async def _copy(
    source: Moving, target: Moving, target_url: str, told: Callable[[str, int, int], None]
) -> Mapping[str, int]:
    if any((await target.amounts()).values()):
        raise StoreError(
            f"there is a hub in {named(target_url)} already",
            hint="If this move was cut short before, it is done: go on with that hub. Else copy into a new file, or an"
            " empty database.",
        )
    amounts = dict(await source.amounts())
    await target.begin()
    for table in TABLES:
        done = 0
        async for page in source.rows(table):
            rows = [row for row in page if table != "cells" or row[0] != MOVED]
            amounts[table] -= len(page) - len(rows)
            if rows:
                await target.load(table, rows)
            done += len(rows)
            told(table, done, amounts[table])
    copied = await target.amounts()
    left = [table for table in TABLES if copied[table] != amounts[table]]
    if left:
        raise StoreError(f"not every row of {', '.join(left)} came over", hint="Nothing was changed. Please report it.")
    return copied


async def _mark(source: Moving, source_url: str, target_url: str) -> None:
    try:
        await source.mark(json.encode({"to": named(target_url)}))
    except Exception as error:  # whatever a driver raises
        raise StoreError(
            f"{named(source_url)} cannot be marked as moved: {error}",
            hint="Nothing was copied. Once that is mended, copy again. To go on with the old store instead, should it"
            " refuse to open: crossdock store reopen",
        ) from error


async def _commit(target: Moving, source_url: str, target_url: str) -> None:
    try:
        await target.commit()
    except Exception as error:  # whatever a driver raises
        raise StoreError(
            f"{named(target_url)} did not say whether it has kept the copy: {error}",
            hint=f"Once that is mended, copy from {named(source_url)} to {named(target_url)} again. If there is a hub"
            " already, the move is done: go on with that.",
        ) from error


async def reopen(url: str) -> None:
    """A store that was copied elsewhere is taken into use again, as it was then."""
    moving = await open_moving(url)
    try:
        await moving.unmark()
    finally:
        await moving.close()


async def refuse_what_has_moved(store: Store) -> None:
    """Two hubs that go on from one past would do everything twice. Raises StoreError."""
    cell = await store.cell(MOVED)
    if cell is not None:
        to = json.decode(cell.value)["to"]
        raise StoreError(
            f"this store was copied to {to}: the hub goes on there",
            hint=f"Name {to} as the environment's store. If the copy was cut short and it is empty, copy again."
            f" If this one is to go on after all: crossdock store reopen, and remove that copy.",
        )


def named(url: str) -> str:
    """The url as it may be shown: without a password."""
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    user, _, place = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}@{place}"
