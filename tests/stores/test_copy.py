"""A stopped hub moves to another store: every row, in every direction, and goes on as if nothing had happened."""

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from crossdock.core import json
from crossdock.core.errors import StoreError
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState
from crossdock.core.work import CellWrite, Work
from crossdock.engine.audit import audit
from crossdock.engine.operate import Operator
from crossdock.stores import open_store
from crossdock.stores.copy import copy, named, open_moving, refuse_what_has_moved, reopen
from crossdock.stores.postgres import PostgresStore, opening
from crossdock.stores.sqlite import SqliteStore
from crossdock.stores.sqlite.moving import SqliteMoving
from crossdock.stores.tables import AT_ONCE, MOVED, TABLES
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import PythonMap, flow, landscape, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

Dump = Mapping[str, Sequence[tuple[Any, ...]]]

OTHERS = PythonMap(lambda thing: thing["id"] != "lost")
FLOWS = (
    flow("create_with_key", where=OTHERS),
    flow("create_only", name="held"),
    flow("batch", where=OTHERS),
    flow("two_steps", where=OTHERS),
)


def a_hubs_past(path: Path) -> FakePlatform:
    """Everything that a hub keeps: deliveries in many states, batches, retries, quarantine, records, big bodies."""
    platform = FakePlatform()

    async def play() -> None:
        async with stage(landscape(*FLOWS), path=path, platform=platform) as here:
            platform.faults["/put"] = [400, 500]
            platform.faults["/create"] = ["lost_after", "refused", 429]
            for number in range(40):
                await here.send({"id": number, "value": f"v{number}", "version": f"{number:03}"})
            await here.send({"id": "odd", "invalid": True})
            await here.send({"id": "big", "value": "x" * 2_500_000})
            await here.settle()
            platform.faults["/create"] = ["lost_after"]
            await here.send({"id": "lost", "value": "lost"})
            await here.settle()
            assert (await here.states()).keys() >= {"delivered", "held", "dead"}

    run_virtually(play())
    return platform


async def dump(url: str) -> Dump:
    moving = await open_moving(url)
    try:
        return {table: [tuple(row) async for page in moving.rows(table) for row in page] for table in TABLES}
    finally:
        await moving.close()


def same(one: Dump, other: Dump) -> None:
    for table in TABLES:
        assert Counter(map(repr, one[table])) == Counter(map(repr, other[table])), table
    for table in ("deliveries", "exchanges"):
        assert [row[0] for row in one[table]] == [row[0] for row in other[table]], f"{table}: their order"


def test_g26_a_hub_that_moved_goes_on_and_does_nothing_twice(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    platform = a_hubs_past(old)
    clock = VirtualClock(1_791_000_000.0)
    amounts: dict[str, int] = {}

    async def moves() -> None:
        amounts.update(await copy(f"sqlite:{old}", f"sqlite:{new}"))

    run_virtually(moves())
    assert amounts["deliveries"] > 150
    assert all(amounts[table] for table in TABLES)

    async def goes_on() -> None:
        before = list(platform.effects)
        async with stage(landscape(*FLOWS), path=new, platform=platform, clock=clock) as here:
            await here.settle()
            assert platform.effects == before
            for name in [one.name for one in FLOWS]:
                await here.hub.rewind(name, "joanna")
            await here.settle()
            assert platform.effects == before, "what is settled stays settled"
            held = [row for row in await here.deliveries("held") if row.state is DeliveryState.HELD]
            for row in held:
                await Operator(here.hub.context, "joanna").resend(row)
                await here.hub.deliverers["held"].wake_key(row.partitionkey)
            await here.send({"id": "later", "value": "later"})
            await here.settle()
            assert platform.effects.count("later") >= 2
            assert all(one.agrees for one in await audit(here.store, ["in", "out"], [one.name for one in FLOWS]))

    run_virtually(goes_on())


async def test_every_row_survives_the_way_to_postgresql_and_back(tmp_path: Path, url: str) -> None:
    worker = threading.Thread(target=a_hubs_past, args=(tmp_path / "old.db",))
    worker.start()
    worker.join()
    before = await dump(f"sqlite:{tmp_path / 'old.db'}")
    told: list[tuple[str, int, int]] = []
    await copy(f"sqlite:{tmp_path / 'old.db'}", url, lambda *one: told.append(one))
    assert ("deliveries", len(before["deliveries"]), len(before["deliveries"])) in told
    same(before, await dump(url))
    store = PostgresStore(url)
    assert all(one.agrees for one in await audit(store, ["in", "out"], [one.name for one in FLOWS]))
    await store.close()
    await copy(url, f"sqlite:{tmp_path / 'back.db'}")
    same(before, await dump(f"sqlite:{tmp_path / 'back.db'}"))


A_HUB_AT_WORK = (
    "INSERT INTO lanes VALUES ('flow/f', 'events', 0, 0, 1, 'w1', extract(epoch FROM clock_timestamp()) + 30)"
)


async def with_something_in_it(store: Any) -> None:
    await store.apply(Work("w"))
    await store.close()


async def test_no_row_is_lost_between_those_that_travel_together(tmp_path: Path, url: str) -> None:
    old, back = f"sqlite:{tmp_path / 'old.db'}", f"sqlite:{tmp_path / 'back.db'}"
    store = open_store(old)
    cells = tuple(CellWrite(f"cell/{number:05}", b"%d" % number) for number in range(2 * AT_ONCE + 1))
    await store.apply(Work("w", cells=cells))
    await store.close()
    await copy(old, url)
    await copy(url, back)
    assert [row[0] for row in sorted((await dump(back))["cells"])] == [cell.name for cell in cells]


async def test_what_was_copied_opens_no_more_until_a_person_says_so(tmp_path: Path) -> None:
    old, new = f"sqlite:{tmp_path / 'old.db'}", f"sqlite:{tmp_path / 'new.db'}"
    await with_something_in_it(open_store(old))
    await copy(old, new)
    store = open_store(old)
    with pytest.raises(StoreError, match=r"copied to sqlite:.*new\.db: the hub goes on there"):
        await refuse_what_has_moved(store)
    await store.close()
    store = open_store(new)
    await refuse_what_has_moved(store)
    assert await store.cell(MOVED) is None
    await store.close()
    await reopen(old)
    store = open_store(old)
    await refuse_what_has_moved(store)
    await store.close()


class Killed(BaseException):
    pass


async def opens(url: str) -> bool:
    store = open_store(url)
    try:
        await refuse_what_has_moved(store)
    except StoreError:
        return False
    finally:
        await store.close()
    return True


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
async def test_a_move_that_is_killed_in_its_last_step_leaves_no_two_hubs_and_can_be_named_again(
    tmp_path: Path, url: str, source: str, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = url if source == "postgresql" else f"sqlite:{tmp_path / 'old.db'}"
    new = f"sqlite:{tmp_path / 'new.db'}"
    await with_something_in_it(open_store(old))
    commit = SqliteMoving.commit

    async def dies(moving: SqliteMoving) -> None:
        if moment == "after the commit":
            await commit(moving)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(SqliteMoving, "commit", dies)
        with pytest.raises(Killed):
            await copy(old, new)
    assert not await opens(old)
    if moment == "after the commit":
        with pytest.raises(StoreError, match=r"there is a hub in sqlite:.*new\.db already"):
            await copy(old, new)
    else:
        assert not (await dump(new))["works"]
        await copy(old, new)
    assert (await dump(new))["works"]
    assert not await opens(old)
    assert await opens(new)


async def test_a_source_that_cannot_be_marked_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = f"sqlite:{tmp_path / 'old.db'}", f"sqlite:{tmp_path / 'new.db'}"
    await with_something_in_it(open_store(old))

    async def fails(*_: object) -> None:
        raise apsw.FullError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(SqliteMoving, "mark", fails)
        with pytest.raises(StoreError, match="cannot be marked as moved: no room") as told:
            await copy(old, new)
    assert "Nothing was copied" in told.value.hint
    assert not (await dump(new))["works"]
    assert await opens(old)


async def test_a_copy_whose_commit_is_not_answered_opens_at_most_once_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = f"sqlite:{tmp_path / 'old.db'}", f"sqlite:{tmp_path / 'new.db'}"
    await with_something_in_it(open_store(old))

    async def fails(_: object) -> None:
        raise ConnectionResetError("gone")

    monkeypatch.setattr(SqliteMoving, "commit", fails)
    with pytest.raises(StoreError, match="did not say whether it has kept") as told:
        await copy(old, new)
    assert f"copy from {old} to {new} again" in told.value.hint
    assert not await opens(old)


async def test_a_running_hub_is_not_moved_nor_moved_into(tmp_path: Path, url: str) -> None:
    path = tmp_path / "old.db"
    store = SqliteStore(path)
    with pytest.raises(StoreError, match="held by another hub"):
        await copy(f"sqlite:{path}", f"sqlite:{tmp_path / 'new.db'}")
    await store.close()
    connection = await asyncpg.connect(url, server_settings=opening.SETTINGS)
    await with_something_in_it(PostgresStore(url))
    await connection.execute(A_HUB_AT_WORK)
    for way in ((url, f"sqlite:{tmp_path / 'new.db'}"), (f"sqlite:{path}", url)):
        with pytest.raises(StoreError, match="a hub is at work on this store: worker w1"):
            await copy(*way)
    await connection.close()


async def test_a_hub_that_has_the_store_open_while_it_is_copied_writes_nothing_to_what_was_left(
    tmp_path: Path, url: str
) -> None:
    """It took no lane yet: what it is sent meanwhile is not accepted, and it begins nothing."""
    hub = PostgresStore(url)
    await hub.apply(Work("before"))
    lane, new = Lane("flow/f", "events", 0), f"sqlite:{tmp_path / 'new.db'}"
    meanwhile: list[asyncio.Future[Any]] = []

    def amid_it(table: str, *_: int) -> None:
        if table == "works":
            meanwhile.append(asyncio.ensure_future(hub.apply(Work("amid"))))
            meanwhile.append(asyncio.ensure_future(hub.lease([lane], "w1", 2e9, 1e9)))

    await copy(url, new, amid_it)
    for future in meanwhile:
        with pytest.raises(StoreError):
            await future
    with pytest.raises(StoreError):
        await hub.apply(Work("after"))
    await hub.close()
    assert [row[0] for row in (await dump(new))["works"]] == ["before"]
    await reopen(url)
    store = PostgresStore(url)
    assert not await store.applied("amid")
    await store.apply(Work("afterwards"))
    assert await store.lease([lane], "w1", 2e9, 1e9)
    await store.close()


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
async def test_what_was_copied_to_one_place_is_not_copied_to_another(tmp_path: Path, url: str, source: str) -> None:
    old = url if source == "postgresql" else f"sqlite:{tmp_path / 'old.db'}"
    new, third = f"sqlite:{tmp_path / 'new.db'}", f"sqlite:{tmp_path / 'third.db'}"
    await with_something_in_it(open_store(old))
    await copy(old, new)
    with pytest.raises(StoreError, match=r"was copied to sqlite:.*new\.db before"):
        await copy(old, third)
    await reopen(old)
    await copy(old, third)


async def test_nothing_is_mixed_with_what_is_there(tmp_path: Path) -> None:
    one, two = f"sqlite:{tmp_path / 'one.db'}", f"sqlite:{tmp_path / 'two.db'}"
    for url in (one, two):
        await with_something_in_it(open_store(url))
    with pytest.raises(StoreError, match=r"there is a hub in .* already"):
        await copy(one, two)
    await refuse_what_has_moved(store := open_store(one))
    await store.close()


async def test_a_move_that_is_cut_short_leaves_nothing(tmp_path: Path, url: str) -> None:
    await with_something_in_it(open_store(f"sqlite:{tmp_path / 'old.db'}"))

    def cut(table: str, *_: int) -> None:
        if table == "works":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await copy(f"sqlite:{tmp_path / 'old.db'}", url, cut)
    store = PostgresStore(url)
    assert not await store.applied("w")
    await store.close()
    await copy(f"sqlite:{tmp_path / 'old.db'}", url)


def test_a_password_is_never_shown() -> None:
    assert named("postgresql://hub:hunter2@db/shop") == "postgresql://hub@db/shop"
    assert named("sqlite:hub.db") == "sqlite:hub.db"
    assert json.encode(named("postgresql://hub@db/shop")) == b'"postgresql://hub@db/shop"'
