"""What the hub has written comes back as its own, however early the platform tells of it, and goes no way back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from crossdock.core import json
from crossdock.core.connector import ConnectionSettings, Outbound
from crossdock.core.event import Event
from crossdock.core.flow import Connection, Inlet, Landscape
from crossdock.core.keys import EntityKeys
from crossdock.core.secret import Credential, Secret
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.wire import Http, Response
from crossdock.core.work import Claim, Link, Work
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.operate import Operator
from crossdock.engine.ours import Ours
from crossdock.testing.fake_connector import CreateAndLookUp, CreateOnly, FakeConnector, Put
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import SIGNED_WITH, OpenVault, Stage, flow, landscape, stage
from crossdock.testing.store_promises import samples as a
from crossdock.testing.store_promises.samples import commit
from crossdock.testing.virtual_clock import run_virtually

D = DeliveryState


class Once(CreateOnly):
    name = "once"
    echo = "record"


class Written(Put):
    name = "written"
    echo = "record"


class LookedUp(CreateAndLookUp):
    name = "looked_up"
    echo = "record"
    settle_s = 5.0


class LookedUpLate(LookedUp):
    name = "looked_up_late"
    settle_s = 200.0


def values(item: Mapping[str, Any]) -> Any:
    about, verb = str(item.get("about", item["id"])), item.get("verb", "updated")
    return {"model": "thing", "verb": verb, "id": about, "version": "", "data": {"value": item["value"]}}


def both_ways(action: str) -> Landscape:
    """`there` writes from `in` to `out`, `back` the other way."""
    connector = FakeConnector(ConnectionSettings())
    connector.actions.update({kind.name: kind() for kind in (Once, Written, LookedUp, LookedUpLate)})
    there = flow(action, name="there", connector=connector)
    back = flow("once", name="back", connector=connector, to="in")
    return landscape(there, back, inbound=values)


class Hasty(FakePlatform):
    """Sends its webhook before it answers; `out` is what it tells of."""

    hub: Stage | None = None
    told: int = 0

    async def exchange(self, request: Http, deadline_s: float) -> Response:
        before = len(self.effects)
        try:
            return await super().exchange(request, deadline_s)
        finally:
            if self.hub is not None and len(self.effects) > before and self.told < 3:
                self.told += 1
                name, record = list(self.records.items())[-1]
                said = {"id": f"told-{self.told}", "topic": "record", "about": name, "value": record["value"]}
                await self.hub.send(said, connection="out")
                await self.hub.clock.sleep(3.0)


def on_stage(play: Callable[[Stage], Awaitable[None]], world: Landscape, platform: FakePlatform | None = None) -> None:
    async def acts() -> None:
        async with stage(world, platform=platform) as here:
            if isinstance(platform, Hasty):
                platform.hub = here
            await play(here)

    run_virtually(acts())


@pytest.mark.parametrize("action", ["once", "written"])
def test_g28_what_the_hub_makes_is_its_own_though_the_webhook_comes_before_the_answer(action: str) -> None:
    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        assert here.platform.effects == ["v"]
        (event,) = [event for event in await here.store.events(key="in:a") if event.connection == "out"]
        assert event.origin
        assert not await here.deliveries("back")

    on_stage(play, both_ways(action), Hasty())


def test_g28_what_the_hub_changes_is_its_own_though_the_webhook_comes_before_the_answer() -> None:
    async def play(here: Stage) -> None:
        for number, value in enumerate(("first", "second"), start=1):
            await here.send({"id": number, "about": "a", "value": value})
            await here.settle()
        assert here.platform.effects == ["first", "second"]
        assert not await here.deliveries("back")

    on_stage(play, both_ways("written"), Hasty())


def test_what_the_hub_made_without_an_answer_is_no_new_entity_when_it_is_found() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after"]
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        told = [event for event in await here.store.events(key="in:a") if event.connection == "out"]
        assert told
        assert not await here.store.events(key="out:r1")

    on_stage(play, both_ways("looked_up"), Hasty())


@pytest.mark.parametrize("record", ["in:a", "in:a#line"])
def test_what_the_hub_is_writing_is_known_as_its_own_among_any_number(record: str) -> None:
    async def play(here: Stage) -> None:
        rows = [
            a.delivery(f"{n}", flow="there", key=f"in:{n}", partitionkey="p", number=n, state=D.RESOLVING)
            for n in range(1, 1200)
        ]
        mine = a.delivery("a", flow="there", key="in:a", partitionkey="p", number=1200, state=D.SENDING)
        there = CrossReference("fake.example", "thing", record, LinkState.CLAIMED, effect_id="e", updated_at=5.0)
        await commit(here.store, "before", deliveries=rows, cross_references=[Claim(there)])
        ours = Ours(here.hub.context)

        async def known() -> list[bool]:
            return [
                await ours.under_way("fake.example", "thing", key, since)
                for key, since in ((record, 5.0), ("", 5.0), ("", 4.0))
            ]

        assert await known() == [False, False, False]
        await commit(here.store, "sent", deliveries=[mine])
        assert await known() == [True, True, False]

    on_stage(play, both_ways("once"))


def test_what_somebody_changes_there_comes_home_to_the_record_that_it_came_from() -> None:
    written: list[str] = []

    class Noting(Written):
        name = "noting"

        def request(self, item: Outbound) -> Http:
            written.append(item.remote_id)
            return super().request(item)

    connector = FakeConnector(ConnectionSettings())
    connector.actions.update({kind.name: kind() for kind in (Once, Noting)})
    there = flow("once", name="there", connector=connector)
    back = flow("noting", name="back", connector=connector, to="in")

    async def play(here: Stage) -> None:
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        await here.send({"id": 2, "topic": "record", "about": "r1", "value": "changed there"}, connection="out")
        await here.settle()
        assert here.platform.effects == ["v", "changed there"]
        assert written == ["a"]

    on_stage(play, landscape(there, back, inbound=values))


def test_what_somebody_else_makes_there_meanwhile_is_not_kept_waiting_for_ever() -> None:
    async def play(here: Stage) -> None:
        here.platform.faults["/create"] = ["lost_after"]
        await here.send({"id": "a", "value": "mine"})
        await here.clock.sleep(1.0)
        await here.send({"id": "t", "topic": "record", "about": "r9", "value": "theirs"}, connection="out")
        await here.send({"id": "u", "topic": "record", "about": "r8", "value": "theirs too"}, connection="out")
        await here.settle(within_s=90.0, rest=frozenset({DeliveryState.HELD, DeliveryState.RESOLVING}))
        assert {row.key for row in await here.deliveries("back")} == {"out:r9", "out:r8"}

    on_stage(play, both_ways("once"))


def test_g28_an_echo_is_known_by_what_it_names_whatever_that_is_linked_to() -> None:
    keys = EntityKeys("out")

    class Named:
        def run(self, value: Any, *, now: float = 0.0, **variables: Any) -> Any:
            data = {"value": value["value"], "buyer": keys("buyer", "b1")}
            return [{"model": "thing", "verb": "updated", "id": value["id"], "data": data}]

    world = both_ways("once")
    world.connections["out"].inlets["record"] = Inlet("record", Named(), keys)  # type: ignore[index]

    async def play(here: Stage) -> None:
        buyer = CrossReference("fake.example", "buyer", "shop:b1", LinkState.LINKED, remote_id="b1")
        await here.store.apply(Work("links", cross_references=(Link(buyer),)))
        await here.send({"id": "a", "value": "v"})
        await here.settle()
        await here.send({"topic": "record", "id": "r1", "value": "v"}, connection="out")
        await here.settle()
        (event,) = [event for event in await here.store.events(key="in:a") if event.connection == "out"]
        assert event.origin
        assert json.decode(event.data) == {"value": "v", "buyer": "shop:b1"}

    on_stage(play, world)


def test_what_comes_home_in_the_hubs_next_life_makes_no_second_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two connections lead to the account that it comes home to; the one that it came by is the last to be known."""
    written: list[str] = []

    class Noting(Once):
        name = "noting"

        def request(self, item: Outbound) -> Http:
            written.append(item.remote_id)
            return super().request(item)

    connector = FakeConnector(ConnectionSettings())
    connector.actions.update({kind.name: kind() for kind in (Once, Noting)})
    there = flow("once", name="there", connector=connector)
    back = flow("noting", name="back", connector=connector, to="home")

    async def credential(_: OpenVault, connection: str) -> Credential:
        if connection == "in":
            await asyncio.sleep(3.0)
        secrets = {"webhook_secret": Secret(SIGNED_WITH)}
        return Credential(secrets, account="fake.example" if connection == "out" else "in.example")

    monkeypatch.setattr(OpenVault, "credential", credential)

    async def play() -> None:
        made = landscape(there, back, inbound=values)
        connections = {**made.connections, "home": Connection("home", FakeConnector(ConnectionSettings()))}
        world = Landscape("t", "test", connections, made.flows, made.models)
        async with stage(world, path=tmp_path / "hub.db") as here:
            await here.send({"id": "a", "value": "v"})
            await here.settle()
            here.hub.context.paused["home"] = "a person is away"
            await here.send({"id": 2, "topic": "record", "about": "r1", "value": "changed there"}, connection="out")
            await here.clock.sleep(4.0)
            assert (await here.states("back"), written) == ({"waiting": 1}, [])
        async with stage(world, path=tmp_path / "hub.db", clock=here.clock) as here:
            await here.settle()
            assert written == ["a"]

    run_virtually(play())


LIKE_OURS = {"topic": "record", "about": "r1", "value": "mine"}
RESTS = frozenset({D.HELD, D.RESOLVING})


async def made_without_an_answer(here: Stage) -> None:
    """And what the platform tells of it comes in before anybody knows, with somebody else's between and behind."""
    here.platform.faults["/create"] = ["lost_after"]
    await here.send({"id": "a", "value": "mine"})
    await here.clock.sleep(1.0)
    for told in ({"id": "t1", **LIKE_OURS}, {"id": "t2", "topic": "record", "about": "r1x", "value": "theirs"}):
        await here.send(told, connection="out")
    await here.settle(within_s=90.0, rest=RESTS)
    assert {row.key for row in await here.deliveries("back")} == {"out:r1x"}
    assert not await here.store.events(key="out:r1")
    (message,) = await here.store.messages(connection="out", state=MessageState.QUARANTINED)
    (row,) = await here.deliveries("there")
    assert row.id in message.reason


@pytest.mark.parametrize("after_s", [600.0, 603.0, 606.0, 609.0])
def test_what_somebody_changes_of_what_may_be_the_hubs_waits_behind_it(after_s: float) -> None:
    async def play(here: Stage) -> None:
        await made_without_an_answer(here)
        await here.send({"id": "t3", "topic": "record", "about": "r1", "value": "changed there"}, connection="out")
        await here.clock.sleep(after_s)
        assert {row.key for row in await here.deliveries("back")} == {"out:r1x"}
        (row,) = await here.deliveries("there")
        await Operator(here.hub.context, "ada").adopt(row, "r1")
        await here.send({"id": "t4", "topic": "record", "about": "r1", "value": "changed again"}, connection="out")
        await here.clock.sleep(60.0)
        told = [json.decode(event.data)["value"] for event in await told_of(here, "in:a")]
        assert told == ["mine", "changed there", "changed again"]
        assert not await here.store.messages(connection="out", state=MessageState.QUARANTINED)

    on_stage(play, both_ways("once"))


def test_what_may_be_the_hubs_is_read_in_its_next_life_too(tmp_path: Path) -> None:
    world = both_ways("once")

    async def play() -> None:
        async with stage(world, path=tmp_path / "hub.db") as here:
            await made_without_an_answer(here)
            (row,) = await here.deliveries("there")
            await Operator(here.hub.context, "ada").adopt(row, "r1")
        async with stage(world, path=tmp_path / "hub.db", clock=here.clock) as here:
            await here.clock.sleep(60.0)
            assert len(await told_of(here, "in:a")) == 1
            assert not await here.store.messages(connection="out", state=MessageState.QUARANTINED)

    run_virtually(play())


def test_a_person_who_discards_what_may_be_the_hubs_lets_what_follows_go_its_way() -> None:
    async def play(here: Stage) -> None:
        await made_without_an_answer(here)
        (message,) = await here.store.messages(connection="out", state=MessageState.QUARANTINED)
        await Operator(here.hub.context, "ada").discard_message(message)
        await here.send({"id": "t3", "topic": "record", "about": "r1", "value": "changed there"}, connection="out")
        await here.clock.sleep(120.0)
        assert len(await told_of(here, "out:r1")) == 1

    on_stage(play, both_ways("once"))


async def told_of(here: Stage, key: str) -> list[Event]:
    return [event for event in await here.store.events(key=key) if event.connection == "out"]


def test_g28_what_the_hub_made_long_before_it_is_found_waits_until_it_is() -> None:
    async def play(here: Stage) -> None:
        await made_without_an_answer(here)
        await here.clock.sleep(300.0)
        assert len(await told_of(here, "in:a")) == 1
        assert not await here.store.events(key="out:r1")
        assert not await here.store.messages(connection="out", state=MessageState.QUARANTINED)

    on_stage(play, both_ways("looked_up_late"))


@pytest.mark.parametrize("decision", ["adopt", "discard"])
def test_g28_what_the_hub_may_have_made_waits_until_a_person_has_decided(decision: str) -> None:
    async def play(here: Stage) -> None:
        await made_without_an_answer(here)
        await here.clock.sleep(3600.0)
        assert await here.store.messages(connection="out", state=MessageState.QUARANTINED)
        (row,) = await here.deliveries("there")
        person = Operator(here.hub.context, "ada")
        await (person.adopt(row, "r1") if decision == "adopt" else person.discard(row))
        await here.clock.sleep(60.0)
        assert not await here.store.messages(connection="out", state=MessageState.QUARANTINED)
        assert len(await told_of(here, "in:a")) == (decision == "adopt")
        assert len(await told_of(here, "out:r1")) == (decision == "discard")

    on_stage(play, both_ways("once"))
