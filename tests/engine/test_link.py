"""Records that exist on both sides are connected; what stands in the way is said in words."""

from __future__ import annotations

import pytest

from crossdock.core.work import Claim, Link, Work
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.link import Linker
from crossdock.testing.stage import flow, landscape, stage
from crossdock.testing.virtual_clock import run_virtually

ACCOUNT, MODEL = "fake.example", "thing"


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (Claim(CrossReference(ACCOUNT, MODEL, "in:a", LinkState.CLAIMED, effect_id="f" * 64)), "a delivery is making"),
        (Link(CrossReference(ACCOUNT, MODEL, "in:a", LinkState.LINKED, remote_id="r7")), "it is linked to r7"),
        (Link(CrossReference(ACCOUNT, MODEL, "in:a", LinkState.MOVED, moved_to="in:b")), "it is one with in:b there"),
        (
            Link(CrossReference(ACCOUNT, MODEL, "in:b", LinkState.LINKED, remote_id="r1")),
            "r1 is already linked to in:b",
        ),
    ],
)
def test_what_came_first_is_named(meanwhile: Claim | Link, why: str) -> None:
    async def play() -> None:
        world = landscape(flow("create_and_look_up", begin="now"))
        async with stage(world) as here:
            here.platform.records["r1"] = {"id": "r1", "key": "in:a", "marker": "", "value": "v", "writes": 1}
            linker = Linker(here.hub.context, here.hub.exchanger, here.hub.board, "out", MODEL)
            async with here.hub.planners["create_and_look_up"].turn:  # nothing is delivered meanwhile
                await here.send({"id": "a", "value": "v"})
                await here.clock.sleep(1.0)
                exchange = here.platform.exchange

                async def late(request: object, deadline_s: float) -> object:
                    await here.store.apply(Work("meanwhile", cross_references=(meanwhile,)))
                    return await exchange(request, deadline_s)  # type: ignore[arg-type]

                here.platform.exchange = late  # type: ignore[method-assign,assignment]
                (looked,) = await linker.look(await linker.unlinked())
            assert looked.result == "taken"
            assert why in looked.why

    run_virtually(play())
