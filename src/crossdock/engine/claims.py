"""Whose claim it is. A creator that is dead ends by no act of the hub, so nobody may simply wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from crossdock.core.delivery import Delivery, ExchangeState
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState
from crossdock.core.xref import CrossReference
from crossdock.engine.context import Context
from crossdock.engine.item import releases


@dataclass(frozen=True, slots=True)
class DeadClaim:
    """A delivery that died after it had made something, perhaps the record itself."""

    delivery: Delivery
    made_at: float
    """when the last of it was made: from then on the platform's index needs its time to show it"""

    @property
    def reason(self) -> str:
        return (
            f"delivery {self.delivery.id} of {self.delivery.flow} had begun to make its record and is dead:"
            " retry that one first, or adopt the record here"
        )


async def dead_claim(context: Context, flow: Flow, partitionkey: str, claim: CrossReference) -> DeadClaim | None:
    """Of the flows that write the same records. None while the claimant may still end by itself."""
    store = context.store
    for other in context.landscape.flows.values():
        if other.connection != flow.connection or other.action.model != claim.model:
            continue
        for row in await store.deliveries(flow=other.name, partitionkey=partitionkey, states=[DeliveryState.DEAD]):
            held = releases(claim.account, claim.model, row)
            if any(one.key == claim.key and one.effect_id == claim.effect_id for one in held):
                journal = await store.exchanges([row.batch or row.id])
                made = [one.ended_at for one in journal if one.effect and one.state is ExchangeState.OK]
                return DeadClaim(row, max(made, default=0.0))
    return None
