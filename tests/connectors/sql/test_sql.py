"""The sql connector: what it asks of a database, what answers mean, and class inbox from end to end."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest
from pydantic import ValidationError

from crossdock.connectors.sql.connector import SqlConnector
from crossdock.connectors.sql.settings import SqlSettings
from crossdock.core.connector import Call, Outbound
from crossdock.core.effects import EffectClass
from crossdock.core.errors import CredentialError, ForAPerson, TransportError
from crossdock.core.flow import Connection
from crossdock.core.retry import RetryPolicy
from crossdock.core.secret import Credential, Secret
from crossdock.core.verdict import NotDone, Refused
from crossdock.core.wire import Response, Sql, Wire
from crossdock.testing.drive import drive, reply
from crossdock.testing.stage import flow, landscape, stage
from crossdock.transports.egress import EgressGuard
from crossdock.transports.sql import SqlTransport

UPSERT = {
    "do": "upsert",
    "table": "sales.orders",
    "key": ["number"],
    "columns": {"number": "number", "total": "total.amount", "raw": "", "note": "note"},
}


def connector(database: str = "postgresql://hub@db.example.com/shop", **action: Any) -> SqlConnector:
    return SqlConnector(SqlSettings(database=database, actions={"save": {**UPSERT, **action}}))


def item(value: Any) -> Outbound:
    return Outbound("i1", value, "shop:1", "seed", "xd01")


def requested(made: SqlConnector, value: Any) -> Sql:
    driven = drive(made, made.actions["save"].perform([item(value)]), [reply(200, {"changed": [1, 1], "rows": []})])
    (call,) = driven.calls
    assert isinstance(call.request, Sql)
    return call.request


ORDER = {"number": "2044", "total": {"amount": Decimal("22.60")}}


def test_the_key_and_the_row_are_one_transaction() -> None:
    made = connector()
    request = requested(made, ORDER)
    inbox, change = request.statements
    assert inbox.text == 'INSERT INTO "crossdock_inbox" (key) VALUES ($1) ON CONFLICT DO NOTHING'
    assert inbox.values == (item(ORDER).provider_key("save"),)
    assert change.if_first
    assert change.text == (
        'INSERT INTO "sales"."orders" ("number", "total", "raw", "note") VALUES ($1, $2, $3, $4) ON CONFLICT ("number")'
        ' DO UPDATE SET "total" = excluded."total", "raw" = excluded."raw", "note" = excluded."note"'
    )
    assert change.values == ("2044", "22.60", '{"number":"2044","total":{"amount":22.60}}', None)
    assert made.actions["save"].effects == (EffectClass.INBOX,)


def test_a_version_column_keeps_an_older_state_out() -> None:
    made = connector("sqlite:w.db", table="orders", version="total")
    assert (
        requested(made, ORDER)
        .statements[1]
        .text.endswith('WHERE "orders"."total" IS NULL OR "orders"."total" <= excluded."total"')
    )


def test_a_key_of_several_columns_names_the_record() -> None:
    made = connector(key=["number", "note"])
    steps = made.actions["save"].perform([item({"number": 7, "note": "b"})])
    driven = drive(made, steps, [reply(200, {"changed": [1, 1], "rows": []})])
    assert driven.value is not None
    assert driven.value["i1"].remote_id == "7/b"
    with pytest.raises(ForAPerson, match=r"sales\.orders\.note is part of the key"):
        requested(made, {"number": 7})


@pytest.mark.parametrize(
    "action",
    [
        {"table": "orders; DROP TABLE x"},
        {"table": 'or"ders'},
        {"table": "a.b.c"},
        {"columns": {"number": "number", 'x") --': "note"}},
        {"columns": {"number": "number", "n" * 64: "note"}},
        {"columns": {}},
        {"key": []},
        {"key": ["other"]},
        {"version": "other"},
        {"do": "insert"},
        {"do": "delete"},
    ],
)
def test_what_is_no_name_or_does_not_fit_is_refused_before_anything_runs(action: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        connector(**action)


@pytest.mark.parametrize(
    "database",
    ["mysql://hub@db/shop", "sqlite:", "sqlite::memory:", "postgresql://hub:secret@db/shop", "postgresql://db/shop",
     "postgresql://hub@db", "postgresql://hub@db/shop?options=-c%20x"],
)  # fmt: skip
def test_a_database_that_cannot_be_meant_is_refused(database: str) -> None:
    with pytest.raises(ValidationError) as error:
        connector(database)
    assert "secret@" not in str(error.value)


def test_no_password_is_frozen_and_none_is_made_up() -> None:
    made = connector()
    request = requested(made, ORDER)
    signed = made.sign(request, Credential({"password": Secret("hunter2")}), 0.0, "n")
    assert isinstance(signed, Sql)
    assert signed.password is not None
    assert signed.password.reveal() == "hunter2"
    assert b"hunter2" not in signed.freeze()
    assert "hunter2" not in repr(signed)
    with pytest.raises(CredentialError, match="password is not set"):
        made.sign(request, Credential({}), 0.0, "n")
    assert made.account(Credential({})) == "db.example.com:5432/shop"


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"sqlstate": "23505"}, Refused), ({"sqlstate": "22P02"}, Refused), ({"sqlstate": "42P01"}, Refused),
        ({"sqlstate": "42501"}, Refused), ({"sqlstate": "40P01"}, NotDone), ({"sqlstate": "40001"}, NotDone),
        ({"sqlstate": "53100"}, NotDone), ({"sqlstate": "55P03"}, NotDone), ({"sqlstate": "57P01"}, NotDone),
        ({"sqlite-code": "SQLITE_BUSY"}, NotDone), ({"sqlite-code": "SQLITE_FULL"}, NotDone),
        ({"sqlite-code": "SQLITE_CONSTRAINT"}, Refused), ({"sqlite-code": "SQLITE_ERROR"}, Refused),
    ],
)  # fmt: skip
def test_what_passes_is_tried_again_and_what_does_not_is_refused(header: dict[str, str], kind: type) -> None:
    call = Call("save", Sql("sqlite:w.db", ()), EffectClass.INBOX)
    assert isinstance(connector().judge(call, Response(400, header, b"said"), 0.0), kind)


class LosesAnswers:
    """The way to the database, on which the answers to these requests are lost after the commit, or the requests."""

    def __init__(self, inner: SqlTransport, faults: list[str]) -> None:
        self.inner = inner
        self.faults = faults
        self.requests: list[bytes] = []

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        self.requests.append(request.freeze())
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "before":
            raise TransportError("the connection was reset", sent=True)
        answer = await self.inner.exchange(request, deadline_s)
        if fault == "after":
            raise TransportError("the answer never came", sent=True)
        return answer

    async def close(self) -> None:
        await self.inner.close()


def hub_to(database: str, do: str) -> SqlConnector:
    columns = {"name": "id", "value": "value"}
    key = {"key": ["name"]} if do == "upsert" else {}
    action = {"do": do, "table": "things", "columns": columns, "model": "thing", **key}
    return SqlConnector(SqlSettings(database=database, password=False, actions={do: action}))


FAULTS = [[], ["after"], ["before"], ["after", "after", "before", "after"]]


@pytest.mark.parametrize("faults", FAULTS)
@pytest.mark.parametrize("do", ["insert", "upsert"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_g08_class_inbox_makes_each_change_once_whatever_answer_is_lost(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str, do: str, faults: list[str]
) -> None:
    table = "CREATE TABLE things (seq integer GENERATED ALWAYS AS IDENTITY, name text UNIQUE, value text)"
    url = "sqlite:d.db"
    if kind == "sqlite":
        beside = apsw.Connection(str(tmp_path / "d.db"))
        beside.execute("CREATE TABLE things (seq INTEGER PRIMARY KEY, name text UNIQUE, value text)")
    else:
        url = request.getfixturevalue("postgres")
        server = await asyncpg.connect(url)
        await server.execute(f"DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public; {table}")
    made = hub_to(url, do)
    world = landscape(flow(do, connector=made, retry=RetryPolicy(first_delay_s=0.01)))
    world = replace(world, connections={**world.connections, "out": Connection("out", made)})
    way = LosesAnswers(SqlTransport(guard=EgressGuard(), folder=tmp_path), list(faults))
    async with stage(world, transport=way) as here:
        for number in range(3):
            await here.send({"id": f"n{number}", "value": "v"})
        await here.settle(within_s=30.0)
        assert await here.states() == {"delivered": 3}
    await way.close()
    query = "SELECT name, value FROM things ORDER BY name"
    rows = beside.execute(query).fetchall() if kind == "sqlite" else [tuple(row) for row in await server.fetch(query)]
    assert rows == [("n0", "v"), ("n1", "v"), ("n2", "v")]
    assert len(way.requests) == 3 + len(faults)
    assert len(set(way.requests)) == 3, "the same bytes again"
    if kind == "sqlite":
        beside.close()
    else:
        await server.close()
