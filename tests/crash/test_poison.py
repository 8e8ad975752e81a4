"""What kills its hub is set aside after three deaths, with its payload; nothing beside it is, and all else is done."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from crossdock.core.delivery import Delivery, ExchangeState
from crossdock.core.message import Message
from crossdock.core.states import DeliveryState, MessageState
from crossdock.engine.audit import audit
from crossdock.stores.sqlite import SqliteStore

LIFE = """
import asyncio, os, random, signal, sys
from pathlib import Path
from crossdock.core import json
from crossdock.core.connector import Inbound
from crossdock.engine.clock import SystemClock
from crossdock.engine.context import Context
from crossdock.engine.at_work import AtWork
from crossdock.engine.supervise import Hub
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.fake_connector import FakeConnector
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import SIGNED_WITH, OpenVault, PythonMap, Stage, Tally, flow, landscape, thing

where, folder, sends, how = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

def deadly(value):
    if "poison" in str(value):
        if how == "no memory":
            raise MemoryError
        os.kill(os.getpid(), signal.SIGKILL)

def inbound(item):
    if where == "inbound map":
        deadly(item)
    return thing(item)

def outbound(value):
    if where == "outbound map":
        deadly(value)
    return value

flows = [flow("batch" if where.startswith("batch") else "create_with_key", map=PythonMap(outbound))]
world = landscape(*flows, inbound=inbound)
action, connector = flows[0].action, world.connections["out"].connector
if where in {"action", "batch"}:
    perform = action.perform
    def dying(items):
        deadly([item.input for item in items])
        return (yield from perform(items))
    action.perform = dying
if where.endswith("judge"):
    judge = connector.judge
    connector.judge = lambda call, response, now: (deadly(call.request.body), judge(call, response, now))[1]

async def live():
    store = SqliteStore(folder / "hub.db")
    platform = FakePlatform(ids=f"{os.getpid()}-")  # this life's: it has forgotten what it made in the one before
    context = Context(store, world, SystemClock(), platform, OpenVault(), Tally(), random.random)
    context.at_work = AtWork(folder, "production", "hub")
    hub = Hub(context)
    await hub.start()
    bodies = [{"topic": "thing", "id": f"n{number}", "value": "v"} for number in range(20)]
    bodies.insert(7, {"topic": "thing", "id": "deadly", "value": "poison"})
    if sends:
        request = Inbound("POST", "https://hub.example/hooks/in", {"x-secret": SIGNED_WITH}, json.encode(bodies))
        assert (await hub.receiver.receive("in", request)).status == 200
    stage = Stage(hub, context.transport, context.metrics, context.clock)
    while True:
        await asyncio.sleep(0.02)
        if context.failed:
            await hub.stop(0.0)
            raise context.failed[0]
        rows = await store.deliveries()
        done = [row for row in rows if row.state in {"delivered", "held"}]
        normalised = {str(one.state) for one in await store.messages(connection="in")} <= {"normalised", "quarantined"}
        if normalised and len(done) >= 20 and len(done) == len(rows):
            break
    await hub.stop()
    await store.close()

asyncio.run(live())
"""


def lives(where: str, folder: Path, how: str = "killed") -> int:
    """Starts hubs until one of them ends as it should. How many died."""
    for deaths in range(10):
        done = subprocess.run(
            [sys.executable, "-c", LIFE, where, str(folder), str(int(deaths == 0)), how],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode == 0:
            return deaths
        assert done.returncode == -9 if how == "killed" else "\nMemoryError" in done.stderr, done.stderr
    raise AssertionError("it never ended")


async def _left(folder: Path) -> tuple[Sequence[Message], Sequence[Delivery], bool, dict[str, object]]:
    store = SqliteStore(folder / "hub.db")
    sums = await audit(store, ["in"], ["create_with_key"])
    messages = await store.messages(connection="in", state=MessageState.QUARANTINED)
    bodies = await store.payloads([message.body for message in messages])
    assert all(b"poison" in body for body in bodies.values())
    assert len(bodies) == len(messages), "the payload is kept"
    rows, cells = await store.deliveries(), dict(await store.cells("accused/"))
    for row in rows:
        journal = await store.exchanges([row.batch or row.id])
        assert not [one for one in journal if one.state is ExchangeState.INTENT], "what was under way is unknown"
    await store.close()
    return messages, rows, all(one.agrees for one in sums), cells


def test_g15_a_message_that_kills_its_reader_is_in_quarantine_after_three_deaths(tmp_path: Path) -> None:
    assert lives("inbound map", tmp_path) == 3
    quarantined, rows, agrees, _ = asyncio.run(_left(tmp_path))
    assert [message.reason for message in quarantined] == ["the hub died 3 times while it was at work on this"]
    assert [row.state for row in rows] == [DeliveryState.DELIVERED] * 20
    assert agrees


@pytest.mark.parametrize("where", ["outbound map", "action", "judge", "batch", "batch judge"])
def test_g15_a_delivery_that_kills_its_hub_is_held_after_three_deaths_and_no_batch_mate_is(
    tmp_path: Path, where: str
) -> None:
    assert lives(where, tmp_path) == 3
    quarantined, rows, agrees, accused = asyncio.run(_left(tmp_path))
    assert not quarantined
    held = [row for row in rows if row.state is DeliveryState.HELD]
    assert [row.reason for row in held] == ["the hub died 3 times while it was at work on this"]
    assert len([row for row in rows if row.state is DeliveryState.DELIVERED]) == 20
    assert agrees
    assert f"accused/delivery/{held[0].id}" in accused


def test_g15_a_message_that_takes_all_memory_is_in_quarantine_after_three_deaths(tmp_path: Path) -> None:
    assert lives("inbound map", tmp_path, "no memory") == 3
    quarantined, rows, agrees, _ = asyncio.run(_left(tmp_path))
    assert [message.reason for message in quarantined] == ["the hub died 3 times while it was at work on this"]
    assert [row.state for row in rows] == [DeliveryState.DELIVERED] * 20
    assert agrees


@pytest.mark.parametrize("where", ["outbound map", "batch", "judge"])
def test_g15_a_delivery_that_takes_all_memory_is_held_after_three_deaths_and_not_before(
    tmp_path: Path, where: str
) -> None:
    assert lives(where, tmp_path, "no memory") == 3
    quarantined, rows, agrees, _ = asyncio.run(_left(tmp_path))
    assert not quarantined
    held = [row.reason for row in rows if row.state is DeliveryState.HELD]
    assert held == ["the hub died 3 times while it was at work on this"]
    assert len([row for row in rows if row.state is DeliveryState.DELIVERED]) == 20
    assert agrees


def test_a_hub_that_ends_as_it_should_accuses_nobody(tmp_path: Path) -> None:
    assert lives("nowhere", tmp_path) == 0
    assert not list(tmp_path.glob("*.at-work"))
