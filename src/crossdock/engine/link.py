"""Connects what exists on both sides already: entities that the hub knows, with records that a platform holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from crossdock.core import json
from crossdock.core.connector import Found, Outbound
from crossdock.core.effects import effect_seed
from crossdock.core.errors import ForAPerson, UsageError
from crossdock.core.event import Event
from crossdock.core.flow import Flow, MapFailed
from crossdock.core.routing import need_key
from crossdock.core.work import Committed, CrossReferenceAbsent, Link, Work
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.context import Context
from crossdock.engine.exchange import Exchanger
from crossdock.engine.links import LinkBoard
from crossdock.engine.prepare import MARKER_DIGITS, doubt
from crossdock.engine.reads import ReadFailed, run_reads
from crossdock.engine.scan import newest_of

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of one entity."""

    key: str
    result: Literal["linked", "would link", "not found", "doubtful", "taken", "failed"]
    remote_id: str = ""
    why: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


class Linker:
    """One model at one connection, by the flow that writes it there. Raises UsageError when there is none that can look
    for records."""

    def __init__(self, context: Context, exchanger: Exchanger, board: LinkBoard, connection: str, model: str) -> None:
        self._context = context
        self._exchanger = exchanger
        self._board = board
        self._flow = _flow_that_finds(context, connection, model)

    @property
    def match(self) -> Sequence[str]:
        """What records are known by, in words for a person."""
        return self._flow.action.match

    async def unlinked(self) -> list[str]:
        """Ids of the newest events of the known entities that have no cross-reference at the connection's account."""
        store, model = self._context.store, self._flow.action.model
        account = await self._context.account(self._flow.connection)
        newest: dict[str, str] = {}
        for source in sorted({kind.partition(".")[0] for kind in self._flow.on}):
            newest |= await newest_of(store, source)
        keys, known = sorted(newest), set[str]()
        for start in range(0, len(keys), AT_ONCE):
            rows = await store.cross_references(account=account, model=model, keys=keys[start : start + AT_ONCE])
            known.update(row.key for row in rows)
        return [newest[key] for key in keys if key not in known]

    async def look(self, event_ids: Sequence[str], *, by: str = "", dry_run: bool = False) -> list[Looked]:
        """One record for each entity, in order. What is certain is linked, unless it is a `dry_run`."""
        account = await self._context.account(self._flow.connection)
        events = await self._context.store.events(event_ids, limit=len(event_ids))
        return [await self._one(event, account, by, dry_run) for event in events]

    async def _one(self, event: Event, account: str, by: str, dry_run: bool) -> Looked:
        try:
            outbound = await self._outbound(event, account)
            if by and isinstance(outbound.input, dict) and not outbound.input.get(by):
                return Looked(event.key, "not found", why=f"it has no {by}")
            action, connection = self._flow.action, self._flow.connection
            what = f"{action.name}'s find"
            found = await run_reads(self._context, self._exchanger, connection, action.find(outbound), what)
        except (ReadFailed, MapFailed, ForAPerson) as error:
            return Looked(event.key, "failed", why=str(error))
        if found is None:
            return Looked(event.key, "not found")
        remote_id = found.receipt.remote_id
        if not found.certain:
            return Looked(event.key, "doubtful", remote_id, doubt(found))
        if dry_run:
            return Looked(event.key, "would link", remote_id, found.why)
        return await self._link(event, account, found)

    async def _link(self, event: Event, account: str, found: Found) -> Looked:
        model, receipt = self._flow.action.model, found.receipt
        reference = CrossReference(
            account,
            model,
            event.key,
            LinkState.LINKED,
            remote_id=receipt.remote_id,
            version=receipt.version,
            updated_at=self._context.clock.now(),
        )
        work = Work(
            self._context.work_id(),
            guards=(CrossReferenceAbsent(account, model, event.key),),
            cross_references=(Link(reference),),
        )
        result = await self._context.store.apply(work)
        if isinstance(result, Committed):
            self._board.linked((account, model, event.key))
            return Looked(event.key, "linked", receipt.remote_id, found.why)
        why = result.found if isinstance(result.guard, Link) else await self._taken(account, event.key)
        return Looked(event.key, "taken", receipt.remote_id, why)

    async def _taken(self, account: str, key: str) -> str:
        """What happened to the entity while its record was looked for."""
        rows = await self._context.store.cross_references(account=account, model=self._flow.action.model, keys=[key])
        match rows[0].state if rows else None:
            case LinkState.CLAIMED:
                return "a delivery is making a record for it"
            case LinkState.MOVED:
                return f"it is one with {rows[0].moved_to} there"
        return f"it is linked to {rows[0].remote_id}" if rows else "it has changed meanwhile; look again"

    async def _outbound(self, event: Event, account: str) -> Outbound:
        """What the flow would send, with those needs that are met. Raises MapFailed, ForAPerson."""
        data, now = json.decode(event.data), self._context.clock.now()
        needs: dict[str, str] = {}
        for need in self._flow.needs:
            key = need_key(need.key.run(data, now=now, event=event.about()))
            rows = await self._context.store.cross_references(account=account, model=need.model, keys=[key])
            linked = [row.remote_id for row in rows if row.state is LinkState.LINKED]
            if linked:
                needs[need.name] = linked[0]
        outputs = (
            [data] if self._flow.map is None else self._flow.map.run(data, now=now, event=event.about(), needs=needs)
        )
        if len(outputs) != 1:
            raise ForAPerson(f"the flow's map makes {len(outputs)} outputs of it")
        seed = effect_seed(self._flow.name, event.id, "", 0)
        civil = self._context.clock.civil()
        return Outbound(event.key, outputs[0], event.key, seed, f"xd{seed[:MARKER_DIGITS]}", needs=needs, now=civil)


def _flow_that_finds(context: Context, connection: str, model: str) -> Flow:
    if connection not in context.landscape.connections:
        known = ", ".join(context.landscape.connections)
        raise UsageError(f"the project has no connection {connection!r}", hint=f"there are: {known}")
    mine = [flow for flow in context.landscape.flows.values() if flow.connection == connection and flow.action.finds]
    for flow in mine:
        if flow.action.model == model and not flow.each:
            return flow
    models = sorted({flow.action.model for flow in mine if not flow.each})
    raise UsageError(
        f"no flow writes {model} to {connection} with an action that can look for records",
        hint=f"there are flows for: {', '.join(models) or 'none'}",
    )
