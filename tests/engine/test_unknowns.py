"""An unknown outcome by effect class, to its end: what is asked of the destination, and what a person is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from crossdock.core.connector import Action, ConnectionSettings, Connector, Found, ItemId, Outbound, Receipt, Steps
from crossdock.core.effects import EffectClass
from crossdock.core.retry import RetryPolicy
from crossdock.core.states import DeliveryState
from crossdock.core.wire import Http, Response
from crossdock.engine.known import choices, known_of
from crossdock.engine.operate import Operator
from crossdock.testing.fake_connector import CreateAndLookUp, CreateWithKey, FakeConnector, TwoSteps
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import Stage, flow, landscape, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually


class KeyThenLookUp(CreateAndLookUp):
    """The platform remembers keys, and records can be found."""

    name = "key_then_look_up"
    effects = (EffectClass.NATIVE_KEY, EffectClass.LOOKUP)

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        if item.remote_id:
            return {item.id: Receipt(remote_id=item.remote_id)}
        return (yield from CreateWithKey().perform(items))


class ShortMemory(CreateWithKey):
    """The platform is known to remember a key for ten seconds."""

    name = "short_memory"
    key_retention_s = 10.0


def connector(action: type[Action]) -> Connector:
    fake = FakeConnector(ConnectionSettings())
    fake.actions = {**fake.actions, action.name: action()}
    return fake


def play(
    acts: Callable[[Stage], Awaitable[None]],
    action: type[Action],
    platform: FakePlatform,
    attempts: int = 6,
    clock: VirtualClock | None = None,
) -> None:
    async def run() -> None:
        one = flow(action.name, connector=connector(action), retry=RetryPolicy(attempts=attempts))
        async with stage(landscape(one), platform=platform, clock=clock) as here:
            await here.send({"id": "a", "value": "v"})
            await here.settle(within_s=48 * 3600.0)
            await acts(here)

    run_virtually(run())


def asked(platform: FakePlatform) -> list[str]:
    """`create` and `find`, in order, runs of the same counted once."""
    kinds = [request.url.split("/")[3] for request in platform.requests]
    return [kind for number, kind in enumerate(kinds) if number == 0 or kinds[number - 1] != kind]


def test_g08_a_replayed_500_ends_in_look_ups_and_then_with_a_person() -> None:
    """The platform keeps a failure for the key's whole life: nothing was done, and it says 500 for ever."""
    platform = FakePlatform()
    platform.faults["/create"] = ["lost_before"] * 100

    async def acts(here: Stage) -> None:
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        assert platform.effects == []
        kinds = Counter(request.url.split("/")[3] for request in platform.requests)
        assert kinds["create"] == 7, "never in a circle"
        assert asked(platform)[-2:] == ["find", "create"]
        known = await known_of(here.store, row)
        assert [look_up.found for look_up in known.look_ups] == [()] * 3
        assert list(choices(known)) == ["resend", "adopt", "discard"], "nothing was found: it has likely not happened"
        assert known.unknown is not None
        assert len(known.attempts[known.unknown.id]) == 7

    play(acts, KeyThenLookUp, platform)


def test_g08_a_record_found_after_a_replayed_500_is_adopted() -> None:
    platform = FakePlatform()
    platform.faults["/create"] = [500] * 100  # it happened; the answer is an error for ever

    async def acts(here: Stage) -> None:
        assert await here.states() == {"delivered": 1}
        assert len(platform.records) == 1

    play(acts, KeyThenLookUp, platform)


def test_g08_after_the_keys_retention_nothing_is_sent_again() -> None:
    platform = FakePlatform()
    platform.faults["/create"] = ["lost_after"] * 100

    async def acts(here: Stage) -> None:
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        known = await known_of(here.store, row)
        assert known.unknown is not None
        times = [attempt.started_at for attempt in known.attempts[known.unknown.id]]
        assert times[-1] < times[0] + 0.9 * ShortMemory.key_retention_s
        assert len(platform.effects) == 1
        assert "same key" in choices(known)["resend"]

    play(acts, ShortMemory, platform)


def test_what_two_records_could_be_is_held_and_both_are_named() -> None:
    platform = FakePlatform()
    platform.faults["/create"] = ["lost_after"]
    platform.records["old"] = {"marker": "m", "key": "in:a", "value": "w"}

    class Careless(CreateAndLookUp):
        """Looks for nothing before its first create."""

        name = "careless"
        match = ()

        def find(self, item: Outbound) -> Steps[Found | None]:
            found = yield from super().find(item)
            if found is not None and len(platform.records) > 1:
                hits = sorted(platform.records)
                return Found(found.receipt, certain=False, others=tuple(hits[:1]), why="two bear this mark")
            return found

    async def acts(here: Stage) -> None:
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.HELD
        known = await known_of(here.store, row)
        (look_up,) = known.look_ups
        assert look_up.found == ("r2", "old")
        assert not look_up.certain
        assert next(iter(choices(known))) == "adopt"
        assert "r2, old" in choices(known)["adopt"]
        await Operator(here.hub.context, "joanna").adopt(row, "r2")
        assert await here.states() == {"delivered": 1}

    play(acts, Careless, platform)


class SlowIndex(FakePlatform):
    """Shows a record only so long after it was made."""

    lag_s = 45.0

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.made_at: dict[str, float] = {}

    def _write(self, name: str, body: Mapping[str, object]) -> dict[str, object]:
        self.made_at.setdefault(name, self.clock.now())
        return super()._write(name, dict(body))

    def _apply(self, request: Http, path: str) -> Response:
        if not path.startswith("/find/"):
            return super()._apply(request, path)
        young = {name for name, at in self.made_at.items() if at > self.clock.now() - self.lag_s}
        hidden, self.records = self.records, {k: v for k, v in self.records.items() if k not in young}
        try:
            return super()._apply(request, path)
        finally:
            self.records = hidden


class LookUpOnly(CreateAndLookUp):
    """Looks for nothing before its first create."""

    name = "look_up_only"
    match = ()


def test_g08_a_duplicate_made_by_an_index_slower_than_it_is_known_to_be_is_told_and_never_silent() -> None:
    clock = VirtualClock()
    platform = SlowIndex(clock)
    platform.faults["/create"] = ["lost_after"]

    async def acts(here: Stage) -> None:
        (row,) = await here.deliveries()
        assert len(platform.records) == 2, "it was not shown in time"
        assert row.state is DeliveryState.HELD
        assert "r1" in row.reason
        assert "r2" in row.reason
        known = await known_of(here.store, row)
        assert list(choices(known)) == ["adopt", "retry", "discard"]
        await Operator(here.hub.context, "joanna").retry(row)
        await here.hub.moved(row.flow, row.partitionkey)
        await here.settle()
        assert await here.states() == {"delivered": 1}
        assert len(platform.records) == 2, "what has happened is not repeated"

    play(acts, LookUpOnly, platform, clock=clock)


@pytest.mark.parametrize("settle_s", [30.0, 120.0])
def test_g08_nothing_is_looked_up_before_the_index_can_be_believed(settle_s: float) -> None:
    platform = FakePlatform()
    platform.faults["/create"] = ["lost_after"]
    looked_at: list[float] = []

    class Slow(CreateAndLookUp):
        name = "slow"
        match = ()

        def find(self, item: Outbound) -> Steps[Found | None]:
            looked_at.append(0.0)
            return super().find(item)

    Slow.settle_s = settle_s

    async def acts(here: Stage) -> None:
        (row,) = await here.deliveries()
        (exchange, *_) = await here.store.exchanges([row.id])
        known = await known_of(here.store, row)
        (look_up,) = known.look_ups
        assert look_up.at >= exchange.first_sent_at + settle_s
        assert len(platform.records) == 1

    play(acts, Slow, platform)
    assert len(looked_at) == 1


def test_g27_a_retry_repeats_no_step_that_has_happened() -> None:
    platform = FakePlatform()
    platform.faults["/put"] = [400]

    async def acts(here: Stage) -> None:
        (row,) = await here.deliveries()
        assert row.state is DeliveryState.DEAD
        await Operator(here.hub.context, "joanna").retry(row)
        await here.hub.moved(row.flow, row.partitionkey)
        await here.settle()
        assert await here.states() == {"delivered": 1}
        made = [request for request in platform.requests if request.url.endswith("/create")]
        assert len(made) == 1, "the first step had happened"
        assert platform.effects == ["v", "label of r1"]

    play(acts, TwoSteps, platform)
