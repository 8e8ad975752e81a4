"""SQL out, over real databases: one transaction, certain about what it did not do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from crossdock.core.errors import CredentialError, TransportError
from crossdock.core.secret import Secret
from crossdock.core.wire import Sql, Statement, thaw
from crossdock.stores.sqlite import SqliteStore
from crossdock.transports.egress import EgressGuard
from crossdock.transports.sql import SqlTransport

SETUP = ("CREATE TABLE IF NOT EXISTS done (key text PRIMARY KEY)",)


class Database:
    """`ask` looks at it from beside; `place` is ? or $."""

    def __init__(self, url: str, place: str, ask: Callable[[str], Any]) -> None:
        self.url = url
        self.place = place
        self.ask = ask

    def once(self, key: str, *values: Any) -> Sql:
        """A row of `things`, once for each key."""
        mark = self.place
        return Sql(
            self.url,
            (
                Statement(f"INSERT INTO done (key) VALUES ({mark}1) ON CONFLICT DO NOTHING", (key,)),
                Statement(f"INSERT INTO things VALUES ({mark}1, {mark}2)", values, if_first=True),
            ),
            setup=SETUP,
        )


TABLE = "CREATE TABLE things (name text PRIMARY KEY, amount numeric CHECK (amount >= 0))"


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    if request.param == "sqlite":
        beside = apsw.Connection(str(tmp_path / "d.db"))
        beside.execute(TABLE)

        async def ask(query: str) -> Any:
            return beside.execute(query).fetchall()

        yield Database("sqlite:d.db", "?", ask)
        beside.close()
        return
    url = request.getfixturevalue("postgres")
    connection = await asyncpg.connect(url)
    await connection.execute(f"DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public; {TABLE}")

    async def fetch(query: str) -> Any:
        return [tuple(row) for row in await connection.fetch(query)]

    yield Database(url, "$", fetch)
    await connection.close()


@pytest.fixture
async def transport(tmp_path: Path) -> AsyncIterator[SqlTransport]:
    made = SqlTransport(guard=EgressGuard(), folder=tmp_path)
    yield made
    await made.close()


async def test_a_repeat_of_a_key_changes_nothing(database: Database, transport: SqlTransport) -> None:
    first = await transport.exchange(database.once("k1", "mug", "2.50"), 5.0)
    assert (first.status, first.json()) == (200, {"changed": [1, 1], "rows": []})
    again = await transport.exchange(database.once("k1", "mug", "2.50"), 5.0)
    assert again.json()["changed"] == [0, None]
    assert await database.ask("SELECT count(*) FROM things") == [(1,)]


async def test_g19_a_refused_statement_leaves_no_mark_either(database: Database, transport: SqlTransport) -> None:
    refused = await transport.exchange(database.once("k1", "mug", "-1"), 5.0)
    assert refused.status == 400
    assert refused.header("sqlstate") == "23514" or refused.header("sqlite-code") == "SQLITE_CONSTRAINT"
    assert await database.ask("SELECT count(*) FROM done") == [(0,)]
    assert (await transport.exchange(database.once("k1", "mug", "1"), 5.0)).json()["changed"] == [1, 1]


async def test_values_are_bound_and_never_part_of_the_text(database: Database, transport: SqlTransport) -> None:
    nasty = "Robert'); DROP TABLE things; --"
    assert (await transport.exchange(database.once("k1", nasty, "1"), 5.0)).status == 200
    assert await database.ask("SELECT name FROM things") == [(nasty,)]


async def test_numbers_keep_every_digit(database: Database, transport: SqlTransport) -> None:
    request = thaw(database.once("k1", "big", 12345678901234567).freeze())
    assert isinstance(request, Sql)
    assert (await transport.exchange(request, 5.0)).status == 200
    assert [int(amount) for (amount,) in await database.ask("SELECT amount FROM things")] == [12345678901234567]


async def test_many_at_once_with_one_key_are_one(database: Database, transport: SqlTransport) -> None:
    answers = await asyncio.gather(*(transport.exchange(database.once("k1", "mug", "1"), 10.0) for _ in range(16)))
    assert sum(answer.json()["changed"][0] for answer in answers) == 1
    assert await database.ask("SELECT count(*) FROM things") == [(1,)]


async def test_a_misspelt_path_makes_no_database(tmp_path: Path, transport: SqlTransport) -> None:
    with pytest.raises(TransportError, match="there is no database") as error:
        await transport.exchange(Sql("sqlite:nowhere.db", (Statement("SELECT 1"),)), 5.0)
    assert not error.value.sent
    assert not (tmp_path / "nowhere.db").exists()


async def test_no_flow_writes_into_a_hubs_own_store(tmp_path: Path, transport: SqlTransport) -> None:
    await SqliteStore(tmp_path / "hub.db").close()
    with pytest.raises(TransportError, match="hub's own store"):
        await transport.exchange(Sql("sqlite:hub.db", (Statement("DELETE FROM works"),)), 5.0)


async def test_a_lock_that_is_held_was_not_done(tmp_path: Path, transport: SqlTransport) -> None:
    beside = apsw.Connection(str(tmp_path / "d.db"))
    beside.execute(f"{TABLE}; CREATE TABLE done (key text PRIMARY KEY)")
    database = Database("sqlite:d.db", "?", beside.execute)
    assert (await transport.exchange(database.once("k0", "cup", "1"), 5.0)).status == 200
    beside.execute("BEGIN IMMEDIATE")
    answer = await transport.exchange(database.once("k1", "mug", "1"), 0.1)
    assert answer.header("sqlite-code") == "SQLITE_BUSY"
    beside.execute("ROLLBACK")
    assert (await transport.exchange(database.once("k1", "mug", "1"), 5.0)).json()["changed"] == [1, 1]
    beside.close()


async def test_a_file_that_was_put_in_the_place_of_another_is_the_one_that_is_written(
    tmp_path: Path, transport: SqlTransport
) -> None:
    for name, database in (("k1", tmp_path / "d.db"), ("k2", tmp_path / "rebuilt.db")):
        beside = apsw.Connection(str(database))
        beside.execute(TABLE)
        beside.close()
        database.replace(tmp_path / "d.db")
        answer = await transport.exchange(Database("sqlite:d.db", "?", list).once(name, name, "1"), 5.0)
        assert answer.json()["changed"] == [1, 1]
        beside = apsw.Connection(str(tmp_path / "d.db"))
        assert beside.execute("SELECT name FROM things").fetchall() == [(name,)]
        beside.close()


async def test_what_must_exist_is_made_for_each_who_asks(database: Database, transport: SqlTransport) -> None:
    assert (await transport.exchange(database.once("k1", "mug", "1"), 5.0)).status == 200
    other = Statement(f"INSERT INTO other (key) VALUES ({database.place}1)", ("k1",))
    setup = ("CREATE TABLE IF NOT EXISTS other (key text PRIMARY KEY)",)
    assert (await transport.exchange(Sql(database.url, (other,), setup=setup), 5.0)).status == 200


async def test_a_server_that_has_moved_is_found_at_its_new_address(tmp_path: Path) -> None:
    moments, addresses = iter(range(0, 1000, 100)), iter(["127.0.0.2", "127.0.0.3"])

    async def resolve(_: str) -> list[str]:
        return [next(addresses)]

    guard = EgressGuard(["db.example:5"], resolve=resolve, now=lambda: float(next(moments)))
    transport = SqlTransport(guard=guard, folder=tmp_path)
    for address in ("127.0.0.2", "127.0.0.3"):
        with pytest.raises(TransportError, match=address):
            await transport.exchange(Sql("postgresql://hub@db.example:5/shop", (Statement("SELECT 1"),)), 5.0)
    await transport.close()


async def test_a_server_inside_is_reached_only_where_the_project_says_so(transport: SqlTransport) -> None:
    request = Sql("postgresql://hub@127.0.0.1:5/shop", (Statement("SELECT 1"),), password=Secret("p"))
    with pytest.raises(TransportError, match="not a public address") as error:
        await transport.exchange(request, 5.0)
    assert not error.value.sent
    assert "egress.allow" in error.value.hint


async def test_a_server_that_is_away_was_not_asked(tmp_path: Path) -> None:
    transport = SqlTransport(guard=EgressGuard(["127.0.0.1:5"]), folder=tmp_path)
    with pytest.raises(TransportError) as error:
        await transport.exchange(Sql("postgresql://hub@127.0.0.1:5/shop", (Statement("SELECT 1"),)), 5.0)
    assert not error.value.sent
    await transport.close()


async def test_what_the_driver_calls_its_own_mistake_was_not_done(
    transport: SqlTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does where the server ends a connection amid its start; found by ending them all, over and over."""

    async def connect(*_: object, **__: object) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")

    monkeypatch.setattr(asyncpg, "connect", connect)
    with pytest.raises(TransportError, match="cannot be asked") as told:
        await transport.exchange(Sql("postgresql://hub@/shop?host=/nowhere", (Statement("SELECT 1"),)), 5.0)
    assert not told.value.sent


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_connection_cut_before_the_commit_was_certainly_not_done(
    database: Database, transport: SqlTransport
) -> None:
    killer = "INSERT INTO done (key) SELECT $1 FROM pg_terminate_backend(pg_backend_pid())"
    request = Sql(database.url, (Statement(killer, ("k1",)),), setup=SETUP)
    answer = await transport.exchange(request, 5.0)
    assert answer.header("sqlstate")[:2] in {"08", "57"}
    assert await database.ask("SELECT count(*) FROM done") == [(0,)]
    assert (await transport.exchange(database.once("k1", "mug", "1"), 5.0)).json()["changed"] == [1, 1]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_what_a_deadline_cuts_off_was_not_done(database: Database, transport: SqlTransport) -> None:
    slow = Sql(database.url, (Statement("INSERT INTO done (key) SELECT $1 FROM pg_sleep(5)", ("k1",)),), setup=SETUP)
    with pytest.raises(TransportError) as error:
        await transport.exchange(slow, 0.3)
    assert not error.value.sent
    assert await database.ask("SELECT count(*) FROM done") == [(0,)]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_user_who_is_not_let_in_pauses_the_connection(database: Database, transport: SqlTransport) -> None:
    nobody = Sql(database.url.replace("postgresql://", "postgresql://nobody_at_all_", 1), (Statement("SELECT 1"),))
    with pytest.raises(CredentialError, match="lets the hub not in"):
        await transport.exchange(nobody, 5.0)
