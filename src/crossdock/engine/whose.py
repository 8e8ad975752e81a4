"""Whose a record is that a platform tells of: the entity that is linked to it, if any is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.core.errors import CredentialError
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.context import Context
from crossdock.engine.echo import fingerprint_of, is_echo
from crossdock.engine.ours import PATIENCE_S, Ours


class NotKnownYet(Exception):
    """Who has made this change is not known yet."""


class MayBeOurs(Exception):
    """The delivery whose outcome tells whose this record is."""

    def __init__(self, delivery: str) -> None:
        super().__init__(delivery)
        self.delivery = delivery


class Whose:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._ours = Ours(context)
        self._linked: dict[tuple[str, str], bool] = {}

    async def linked(self, account: str, model: str, remote_ids: Sequence[str]) -> Sequence[CrossReference]:
        """Of those of these records that an entity is linked to."""
        if not await self._may_be_linked(account, model):
            return ()
        rows = await self._context.store.cross_references(account=account, model=model, remote_ids=remote_ids)
        return [row for row in rows if row.state is LinkState.LINKED]

    async def changed(
        self,
        account: str,
        model: str,
        remote_id: str,
        data: Mapping[str, Any],
        *,
        values: object,
        version: str,
        came_at: float,
    ) -> CrossReference | None:
        """The entity that is linked to a record with this data; `values` is the same in the platform's own words.
        Raises NotKnownYet while the record may be one that the hub is just making, or the change one that it is just
        making to it; MayBeOurs where that is unknown for long and the record is alike."""
        found = await self.linked(account, model, [remote_id])
        if found and is_echo(found[0], fingerprint_of(values), version):
            return found[0]
        fresh = self._context.clock.now() < came_at + PATIENCE_S
        if (found and not fresh) or not await self._ours.writes(account, model):
            return found[0] if found else None
        if fresh and await self._ours.under_way(account, model, found[0].key if found else "", came_at):
            raise NotKnownYet
        maker = "" if found else await self._ours.maker(account, model, data, came_at)
        found = await self.linked(account, model, [remote_id])  # the outcome may have come in between
        if maker and not found:
            raise MayBeOurs(maker)
        return found[0] if found else None

    async def _may_be_linked(self, account: str, model: str) -> bool:
        """Where no flow writes and nothing was ever linked, there is nothing to look up for each event."""
        if (account, model) not in self._linked:
            try:
                flows = self._context.landscape.flows.values()
                written = {await self._context.account(flow.connection) for flow in flows}
            except CredentialError:
                return True
            known = await self._context.store.cross_references(account=account, model=model, limit=1)
            self._linked[account, model] = bool(known) or account in written
        return self._linked[account, model]
