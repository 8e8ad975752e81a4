"""A map is changed while deliveries that the old one rendered are under way."""

from pathlib import Path
from typing import Any

from crossdock.core import json
from crossdock.core.retry import RetryPolicy
from crossdock.core.states import DeliveryState
from crossdock.testing.fake_platform import FakePlatform
from crossdock.testing.stage import AnyValue, PythonMap, flow, landscape, stage
from crossdock.testing.virtual_clock import VirtualClock, run_virtually


def renders(what: dict[str, Any]) -> Any:
    """The world after a deploy: the flow's map makes this of every event, with the event's own value."""
    made = PythonMap(lambda data: {"value": data["value"], **what})
    return landscape(flow("create_with_key", map=made, input=AnyValue(), retry=RetryPolicy(attempts=50)))


def test_what_was_rendered_before_a_deploy_is_resent_as_it_was_and_what_is_invalid_after_it_is_dead(
    tmp_path: Path,
) -> None:
    platform, clock, path = FakePlatform(), VirtualClock(), tmp_path / "hub.db"
    platform.faults["/create"] = ["lost_before"] * 6

    async def lives() -> None:
        async with stage(renders({}), path=path, platform=platform, clock=clock) as before:
            await before.send({"id": "old", "value": "old"})
            await clock.sleep(5.0)
            assert not platform.effects
        rendered = {request.freeze() for request in platform.requests}
        async with stage(renders({"invalid": True}), path=path, platform=platform, clock=clock) as after:
            await after.send({"id": "new", "value": "new"})
            await after.settle()
            states = {json.decode(event.data)["id"]: row for row, event in await with_events(after)}
            assert states["old"].state is DeliveryState.DELIVERED
            assert states["new"].state is DeliveryState.DEAD
            assert "value: is missing" in states["new"].reason
        assert {request.freeze() for request in platform.requests} == rendered
        assert len(rendered) == 1
        assert platform.effects == ["old"]

    run_virtually(lives())


async def with_events(here: Any) -> list[tuple[Any, Any]]:
    rows = await here.deliveries()
    events = {event.id: event for event in await here.store.events([row.event_id for row in rows])}
    return [(row, events[row.event_id]) for row in rows]
