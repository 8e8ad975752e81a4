"""Two systems that both change an entity, through the whole engine: both end alike, and nobody's change is lost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from crossdock.cli.story import as_document
from crossdock.core import json
from crossdock.core.connector import (
    Action,
    Call,
    ConnectionSettings,
    Inbound,
    ItemId,
    Outbound,
    Receipt,
    Steps,
)
from crossdock.core.effects import EffectClass
from crossdock.core.flow import Connection, Inlet, Landscape
from crossdock.core.keys import EntityKeys
from crossdock.core.secret import Credential
from crossdock.core.states import MessageState
from crossdock.core.store import Cell
from crossdock.core.wire import Http, Response, Wire
from crossdock.engine.audit import audit
from crossdock.engine.merging import Notes
from crossdock.engine.trace import trace
from crossdock.testing.fake_connector import FakeConnector
from crossdock.testing.stage import SIGNED_WITH, AnyValue, Outputs, PythonMap, Stage, flow, stage
from crossdock.testing.virtual_clock import run_virtually

BOOKS, LEADS = "in", "out"
"""The stage's connections: an accounting system and a sales system."""
OWNER = {"tax_id": BOOKS, "phone": LEADS}


class Save(Action):
    name = "save"
    model = "thing"
    input = "any"
    effects = (EffectClass.UPSERT,)
    whole_state = True
    echo = "thing"

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        receipts: dict[ItemId, Receipt] = {}
        for item in items:
            name = item.remote_id or f"made-of-{item.key.rpartition(':')[2]}"
            request = Http("POST", f"https://any.example/{name}", (), json.encode(item.input))
            done = yield Call(f"save {item.key}", request, self.effects[0], (item.id,))
            receipts[item.id] = Receipt(remote_id=name, version=f"{done.answer['version']:04}", record=done.answer)
        return receipts


class Placed(FakeConnector):
    """Says to which of the two systems a request goes."""

    def __init__(self, place: str) -> None:
        super().__init__(ConnectionSettings())
        self.place = place
        self.actions = {"save": Save()}

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        assert isinstance(request, Http)
        return request.with_headers(("x-place", self.place))


class Systems:
    """Two systems that tell of every change, the hub's own included, a moment later. `spells` is how one of them
    rewrites what it is given."""

    def __init__(self, spells: Callable[[str, str], str] = lambda place, text: text) -> None:
        self.records: dict[str, dict[str, dict[str, Any]]] = {BOOKS: {}, LEADS: {}}
        self.notices: list[tuple[str, bytes]] = []
        self.silent = ""
        """a place whose notices are held back"""
        self.held: list[tuple[str, bytes]] = []
        self.writes = 0
        self.spells = spells

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        assert isinstance(request, Http)
        place = dict(request.headers)["x-place"]
        self.writes += 1
        said = json.decode(request.body)
        return Response(
            200, {"content-type": "application/json"}, json.encode(self.change(place, request.url[20:], said))
        )

    async def close(self) -> None: ...

    def change(self, place: str, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
        before = self.records[place].get(name, {"version": 0})
        said = {field: self.spells(place, text) for field, text in said.items()}
        record = {**before, **said, "about": name, "version": before["version"] + 1}
        self.records[place][name] = record
        notice = {**record, "topic": "thing", "id": f"{place}-{name}-{record['version']}"}
        (self.held if place == self.silent else self.notices).append((place, json.encode(notice)))
        return record

    def values(self, place: str) -> dict[str, Any]:
        (record,) = self.records[place].values()
        return {field: record[field] for field in ("tax_id", "phone", "name") if field in record}


def inbound(record: Mapping[str, Any]) -> Any:
    data = {field: record[field] for field in ("tax_id", "phone", "name") if field in record}
    version = f"{record['version']:04}"
    return {"model": "thing", "verb": "updated", "id": record["about"], "version": version, "data": data}


def world(owner: Mapping[str, str] | None) -> Landscape:
    connections = {
        name: Connection(name, Placed(name), {"thing": Inlet("thing", PythonMap(inbound), EntityKeys(name))})
        for name in (BOOKS, LEADS)
    }
    flows = [
        replace(flow("save", name=f"to-{name}", connector=connections[name].connector, to=name), collapse="latest")
        for name in (BOOKS, LEADS)
    ]
    owners = {} if owner is None else {"thing": owner}
    return Landscape("two", "test", connections, {one.name: one for one in flows}, {"thing": AnyValue()}, owners=owners)


async def rests(here: Stage, systems: Systems, most: int = 60) -> None:
    """Notices go in, and the hub works, until nobody has anything to say."""
    for _ in range(most):
        if not systems.notices:
            await here.settle()
            if not systems.notices:
                return
        notices, systems.notices = systems.notices, []
        for place, body in notices:
            request = Inbound("POST", "https://hub.example/hooks/x", {"x-secret": SIGNED_WITH}, body)
            assert (await here.hub.receiver.receive(place, request)).status == 200
        await here.settle()
    raise AssertionError("it does not come to rest")


def on_stage(
    play: Callable[[Stage, Systems], Awaitable[None]],
    owner: Mapping[str, str] | None = OWNER,
    systems: Systems | None = None,
) -> Systems:
    there = systems or Systems()

    async def acts() -> None:
        async with stage(world(owner), transport=there) as here:
            there.change(BOOKS, "c1", {"tax_id": "T0", "phone": "P0", "name": "N0"})
            await rests(here, there)
            assert there.values(LEADS) == {"tax_id": "T0", "phone": "P0", "name": "N0"}
            await play(here, there)
            sums = await audit(here.store, [BOOKS, LEADS], ["to-in", "to-out"])
            assert all(one.agrees for one in sums)

    run_virtually(acts())
    return there


def test_g28_what_one_side_changes_arrives_at_the_other_and_comes_back_no_more() -> None:
    async def play(here: Stage, there: Systems) -> None:
        writes = there.writes
        there.change(LEADS, "made-of-c1", {"phone": "P1"})
        await rests(here, there)
        assert there.values(BOOKS) == there.values(LEADS) == {"tax_id": "T0", "phone": "P1", "name": "N0"}
        assert there.writes == writes + 1

    on_stage(play)


def test_a_change_of_what_another_system_owns_is_undone_and_the_decision_told() -> None:
    async def play(here: Stage, there: Systems) -> None:
        there.change(LEADS, "made-of-c1", {"tax_id": "T9", "name": "N1"})
        await rests(here, there)
        assert there.values(BOOKS) == there.values(LEADS) == {"tax_id": "T0", "phone": "P0", "name": "N1"}
        story = await trace(here.store, "in:c1", [BOOKS, LEADS])
        assert story is not None
        assert (
            f"name: the newest change holds, {LEADS}'s; tax_id: 'T0' stays, since {BOOKS} owns it; {LEADS} is set right"
            in story.decisions.values()
        )
        told = as_document(story, {})["events"]
        assert [event["decision"] for event in told if event["account"]].count("nothing new") == 3, "three echoes"
        assert json.decode(next(event for event in reversed(story.events) if not event.account).data)["tax_id"] == "T0"

    on_stage(play)


@pytest.mark.parametrize("first", [BOOKS, LEADS])
@pytest.mark.parametrize("owner", [OWNER, {}])
def test_g28_two_changes_at_once_end_alike_on_both_sides_and_neither_is_lost(
    owner: Mapping[str, str], first: str
) -> None:
    async def play(here: Stage, there: Systems) -> None:
        edits = {BOOKS: ("c1", {"tax_id": "T1"}), LEADS: ("made-of-c1", {"phone": "P1"})}
        for place in (first, BOOKS if first == LEADS else LEADS):
            there.change(place, *edits[place])
        await rests(here, there)
        assert there.values(BOOKS) == there.values(LEADS) == {"tax_id": "T1", "phone": "P1", "name": "N0"}

    on_stage(play, owner)


def test_g28_two_changes_of_one_field_end_alike_on_both_sides() -> None:
    async def play(here: Stage, there: Systems) -> None:
        there.change(BOOKS, "c1", {"name": "N1"})
        there.change(LEADS, "made-of-c1", {"name": "N2"})
        await rests(here, there)
        assert there.values(BOOKS) == there.values(LEADS)
        assert there.values(BOOKS)["name"] in {"N1", "N2"}

    on_stage(play, {})


def test_g28_a_platform_that_spells_things_its_own_way_starts_no_ping_pong() -> None:
    """Each rewrites what it is given; neither rewriting is anybody's change."""

    def spells(place: str, text: str) -> str:
        return text.upper() if place == BOOKS else text.lower()

    async def play(here: Stage, there: Systems) -> None:
        writes = there.writes
        there.change(LEADS, "made-of-c1", {"name": "Ada"})
        await rests(here, there)
        assert there.writes == writes + 1
        assert (there.values(BOOKS)["name"], there.values(LEADS)["name"]) == ("ADA", "ada")

    async def acts() -> None:
        there = Systems(spells)
        async with stage(world({}), transport=there) as here:
            there.change(BOOKS, "c1", {"tax_id": "T0", "phone": "P0", "name": "N0"})
            await rests(here, there)
            await play(here, there)

    run_virtually(acts())


def test_g28_two_systems_that_undo_each_other_are_stopped() -> None:
    """Without owners, and with a robot at one side that sets back whatever the hub writes there, at once."""

    class Robot(Systems):
        async def exchange(self, request: Wire, deadline_s: float) -> Response:
            answer = await super().exchange(request, deadline_s)
            assert isinstance(request, Http)
            if dict(request.headers)["x-place"] == LEADS and self.writes > 1:
                self.change(LEADS, "made-of-c1", {"name": f"mine {self.writes}"})
            if dict(request.headers)["x-place"] == BOOKS:
                self.change(BOOKS, "c1", {"name": f"ours {self.writes}"})
            return answer

    async def play(here: Stage, there: Systems) -> None:
        there.change(BOOKS, "c1", {"name": "N1"})
        await rests(here, there)
        stopped = await here.store.messages(connection=BOOKS, state=MessageState.QUARANTINED)
        stopped = [*stopped, *await here.store.messages(connection=LEADS, state=MessageState.QUARANTINED)]
        assert stopped
        assert "loop guard" in stopped[0].reason
        assert there.writes < 20

    on_stage(play, {}, Robot())


@pytest.mark.parametrize("late_s", [0.0, 120.0])
def test_g28_what_the_hub_wrote_many_times_before_the_first_is_told_of_is_nobodys_edit(late_s: float) -> None:
    """The sales system's notices come late, all at once."""

    async def play(here: Stage, there: Systems) -> None:
        there.silent = LEADS
        for number in range(1, 13):
            there.change(BOOKS, "c1", {"name": f"N{number}"})
            await rests(here, there)
        writes = there.writes
        await here.clock.sleep(late_s)
        there.silent, there.notices = "", there.held
        await rests(here, there)
        assert there.values(BOOKS)["name"] == there.values(LEADS)["name"] == "N12"
        assert there.writes == writes
        assert not await here.store.messages(connection=LEADS, state=MessageState.QUARANTINED)

    on_stage(play)


async def noted(here: Stage, place: str) -> tuple[int, list[str]]:
    """(how often the hub has written there, the versions that it made, as far as they are kept)"""
    (cell,) = [one for name, one in (await here.store.cells("wrote/")).items() if name.endswith(f"/{place}")]
    notes = msgspec.json.decode(cell.value, type=Notes)
    return notes.number, [note.version for note in notes.last]


def test_g28_two_flows_that_write_into_one_connection_at_once_are_both_known_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The platform counts its writes into what it stores: one that the hub has forgotten would be a user's edit."""
    counted = itertools.count(1)
    there = Systems(lambda place, text: f"{text} {next(counted)}" if place == LEADS else text)
    two = world({})
    also = replace(two.flows["to-out"], name="also-to-out")
    two = replace(two, flows={**two.flows, also.name: also})

    async def acts() -> None:
        async with stage(two, transport=there) as here:
            there.change(BOOKS, "c1", {"name": "N0"})
            await rests(here, there)
            writes = there.writes
            number, _ = await noted(here, LEADS)
            read = here.store.cell

            async def reads_long(name: str) -> Cell | None:
                found = await read(name)
                if name.startswith("wrote/"):
                    await asyncio.sleep(0.1)
                return found

            monkeypatch.setattr(here.store, "cell", reads_long)
            there.change(BOOKS, "c1", {"name": "N1"})
            await rests(here, there)
            assert there.writes == writes + 2, "each flow's, once"
            after, versions = await noted(here, LEADS)
            assert (after - number, versions[-2:]) == (2, ["0003", "0004"])
            assert there.values(BOOKS) == {"name": "N1"}, "nobody has edited anything"
            assert set(await here.states()) == {"delivered"}

    run_virtually(acts())


def test_a_write_that_the_entity_knows_of_is_not_noted_any_longer() -> None:
    async def play(here: Stage, there: Systems) -> None:
        for number in range(1, 5):
            there.change(BOOKS, "c1", {"name": f"N{number}"})
            await rests(here, there)
        assert await noted(here, LEADS) == (5, ["0005"])

    on_stage(play)


def test_of_a_delivery_that_makes_many_records_every_one_is_noted() -> None:
    there = Systems()
    two = world({})

    def lines(event: Any) -> Any:
        return Outputs({"item": item, "input": {"name": item}} for item in ("a", "b", "c"))

    many = replace(two.flows["to-out"], each=True, map=PythonMap(lines), collapse="none")
    two = replace(two, flows={many.name: many})

    async def acts() -> None:
        async with stage(two, transport=there) as here:
            there.change(BOOKS, "c1", {"name": "N0"})
            there.notices, notices = [], there.notices
            for place, body in notices:
                request = Inbound("POST", "https://hub.example/hooks/x", {"x-secret": SIGNED_WITH}, body)
                await here.hub.receiver.receive(place, request)
            await here.settle()
            assert await noted(here, LEADS) == (3, ["0001", "0001", "0001"])

    run_virtually(acts())
