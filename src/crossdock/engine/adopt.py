"""A person says which record a held delivery has made: what that links, and what becomes of the delivery."""

from __future__ import annotations

from collections.abc import Sequence

from crossdock.core.delivery import Delivery
from crossdock.core.errors import UsageError
from crossdock.core.flow import Flow
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.work import DeliveryMove, Link
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.context import Context
from crossdock.engine.item import thaw


class Adoption:
    """Of one held delivery."""

    def __init__(self, context: Context, flow: Flow, row: Delivery) -> None:
        self._context = context
        self._flow = flow
        self._row = row
        self._open: Sequence[str] = ()
        """keys of the items that have no record yet, the one that is being adopted left out"""

    async def links(self, remote_id: str, item: str, *, shared: bool) -> tuple[Link, ...]:
        """Raises UsageError where it is not clear which item is meant, or whose record it is."""
        if not self._flow.action.links:
            return ()
        account = await self._context.account(self._flow.connection)
        key = await self._key(account, item)
        owner = await self._owner(account, remote_id)
        reference = CrossReference(
            account,
            self._flow.action.model,
            key,
            LinkState.LINKED,
            remote_id=remote_id,
            updated_at=self._context.clock.now(),
        )
        if owner and owner != key:
            if not shared:
                raise UsageError(
                    f"{remote_id} is the record of {owner} already",
                    hint=f"another one is meant, or, if {key} is the same there: --shared",
                )
            reference = CrossReference(
                account,
                self._flow.action.model,
                key,
                LinkState.MOVED,
                moved_to=owner,
                updated_at=self._context.clock.now(),
            )
        return (Link(reference),)

    def moves(self, reason: str) -> tuple[DeliveryMove, ...]:
        """It is delivered when each item has its record, and stays held until then. Where nothing was sent yet, the
        others are still to be made: it goes on."""
        row = self._row
        if self._flow.each and not row.outbound and self._flow.action.links:
            return (DeliveryMove(row.id, row.state, DeliveryState.WAITING, WaitingFor.KEY, reason),)
        if self._open:
            return ()
        now = self._context.clock.now()
        return (DeliveryMove(row.id, row.state, DeliveryState.DELIVERED, reason=reason, settled_at=now),)

    async def _key(self, account: str, item: str) -> str:
        row = self._row
        if not self._flow.each:
            return row.key
        named = f"{row.key}#{item}"
        if not row.outbound:
            if not item:
                raise UsageError(f"delivery {row.id} makes several records", hint="say which this is: --item NAME")
            return named
        keys = [outbound.key for outbound in thaw(row.outbound)]
        linked = await self._context.store.cross_references(account=account, model=self._flow.action.model, keys=keys)
        known = {one.key for one in linked if one.state is not LinkState.CLAIMED}
        unlinked = [key for key in keys if key not in known]
        if item and named not in keys:
            names = ", ".join(key.removeprefix(f"{row.key}#") for key in keys)
            raise UsageError(f"delivery {row.id} has no item {item!r}", hint=f"it has: {names}")
        if not item and len(unlinked) != 1:
            names = ", ".join(key.removeprefix(f"{row.key}#") for key in unlinked or keys)
            raise UsageError(
                f"delivery {row.id} makes several records", hint=f"say which this is, --item NAME: {names}"
            )
        key = named if item else unlinked[0]
        self._open = [one for one in unlinked if one != key]
        return key

    async def _owner(self, account: str, remote_id: str) -> str:
        rows = await self._context.store.cross_references(
            account=account, model=self._flow.action.model, remote_ids=[remote_id]
        )
        return rows[0].key if rows else ""
