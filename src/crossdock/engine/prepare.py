"""From an event to what an action is given: needs, map, check, the record it is linked to or that exists already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from crossdock.core import json
from crossdock.core.connector import Found, Outbound
from crossdock.core.delivery import Delivery
from crossdock.core.effects import effect_seed
from crossdock.core.errors import ForAPerson
from crossdock.core.event import Event
from crossdock.core.flow import Flow, MapFailed, Need, inputs_of
from crossdock.core.outcome import fail
from crossdock.core.routing import need_key
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.verdict import NotDone, Unknown
from crossdock.core.work import DeliveryMove
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.claims import dead_claim
from crossdock.engine.context import Context
from crossdock.engine.exchange import Exchanger
from crossdock.engine.fetch import Fetcher
from crossdock.engine.forerunners import Forerunners
from crossdock.engine.item import Item, thaw
from crossdock.engine.links import LinkBoard
from crossdock.engine.reads import ReadFailed, run_reads

RECHECK_S = 15.0
"""How often a waiting delivery looks by itself, beside being told."""
SOON_S = 1.0
"""The same, where it waits for another flow, whose end it is not always told of."""
MARKER_DIGITS = 16


@dataclass(frozen=True, slots=True)
class _Missing:
    need: Need
    key: str
    behind: bool
    """it is linked, but earlier changes of it are not there yet"""


class Prepared:
    """One flow's preparations. `prepare` returns None when the item is ready to be driven, else where it goes."""

    def __init__(self, context: Context, exchanger: Exchanger, flow: Flow, board: LinkBoard, fetcher: Fetcher) -> None:
        self._context = context
        self._exchanger = exchanger
        self._flow = flow
        self._board = board
        self._fetcher = fetcher
        self._forerunners = Forerunners(context.store, context.landscape, flow)

    async def prepare(self, item: Item, again: Callable[[], None]) -> DeliveryMove | None:
        """`again` is called when something the item waits for has happened."""
        account = await self._context.account(self._flow.connection)
        if item.delivery.outbound:
            item.outbounds = thaw(item.delivery.outbound)
        else:
            stop = await self._map(item, account, again)
            if stop is not None:
                return stop
        revision = item.delivery.revision
        item.outbounds = [replace(outbound, revision=revision) for outbound in item.outbounds]
        if self._flow.action.links:
            return await self._relate(item, account, again)
        return None

    # --- needs and map ------------------------------------------------------------------------------------------

    async def _map(self, item: Item, account: str, again: Callable[[], None]) -> DeliveryMove | None:
        flow, event, now = self._flow, item.event, self._context.clock.now()
        data = json.decode(event.data)
        try:
            needs, missing = await self._needs(event, data, account, again)
            if missing:
                return await self._wait_for_need(item.delivery, missing, now)
            with self._context.at_work.on("delivery", item.delivery.id):
                outputs = [data] if flow.map is None else flow.map.run(data, now=now, event=event.about(), needs=needs)
            inputs = inputs_of(outputs, each=flow.each)
        except MapFailed as error:
            return self._dead(item.delivery, error.what)
        return self._frame(item, inputs, needs)

    def _frame(self, item: Item, inputs: Mapping[str, Any], needs: dict[str, str]) -> DeliveryMove | None:
        flow, event, row = self._flow, item.event, item.delivery
        for name, value in inputs.items():
            if flow.input is not None and (problems := flow.input.problems(value)):
                said = f"its output is not a valid {flow.action.name} input: {'; '.join(problems[:3])}"
                return self._dead(row, said)
            seed = effect_seed(flow.name, event.id, name, row.generation)
            item.outbounds.append(
                Outbound(
                    id=f"{row.id}:{name}" if name else row.id,
                    input=value,
                    key=f"{event.key}#{name}" if name else event.key,
                    seed=seed,
                    marker=f"xd{seed[:MARKER_DIGITS]}",
                    needs=needs,
                    now=self._context.clock.civil(),
                )
            )
        return None

    def _dead(self, row: Delivery, why: str) -> DeliveryMove:
        self._context.metrics.failed(self._flow.name, "map")
        return DeliveryMove(row.id, row.state, DeliveryState.DEAD, reason=f"map: {why}")

    async def _needs(
        self, event: Event, data: Any, account: str, again: Callable[[], None]
    ) -> tuple[dict[str, str], list[_Missing]]:
        """(need → remote id, what is missing)."""
        found: dict[str, str] = {}
        missing: list[_Missing] = []
        now = self._context.clock.now()
        for need in self._flow.needs:
            key = need_key(need.key.run(data, now=now, event=event.about()))
            if not key:
                continue
            remote_id, behind = await self._needed(need, key, event, account)
            if not remote_id or behind:
                self._board.wait((account, need.model, key), again)
                remote_id, behind = await self._needed(need, key, event, account)
            if remote_id and not behind:
                found[need.name] = remote_id
            else:
                missing.append(_Missing(need, key, behind))
        return found, missing

    async def _needed(self, need: Need, key: str, event: Event, account: str) -> tuple[str, bool]:
        """(the linked record's id or "", it is linked but an earlier change of it is not there yet)."""
        reference = await self.reference(account, need.model, key)
        if reference is None or not _linked(reference):
            return "", False
        return reference.remote_id, await self._forerunners.unfinished(need, key, event)

    async def _wait_for_need(self, row: Delivery, missing: list[_Missing], now: float) -> DeliveryMove:
        """Within its time; then, where the flow says so, the entity is fetched and given the same time once more."""
        what = ", ".join(f"{one.need.model} {one.key}" for one in missing)
        began_at = row.planned_at or now
        deadline = began_at + min(one.need.within_s for one in missing)
        behind = any(one.behind for one in missing)
        if now >= deadline and not behind:
            extra_s = [
                one.need.within_s
                for one in missing
                if one.need.then == "fetch" and await self._fetcher.fetch(one.need.model, one.key, row.id)
            ]
            deadline += min(extra_s, default=0.0)
        if now >= deadline:
            short = "whose earlier changes were not made" if behind else "which was not linked"
            reason = f"needs {what}, {short} at {self._flow.connection} in time"
            return DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=reason)
        return DeliveryMove(
            row.id,
            row.state,
            DeliveryState.WAITING,
            waiting_for=WaitingFor.NEED,
            reason=f"needs {what} at {self._flow.connection}",
            due_at=min(deadline, now + (SOON_S if behind else RECHECK_S)),
        )

    # --- the record ---------------------------------------------------------------------------------------------

    async def reference(self, account: str, model: str, key: str) -> CrossReference | None:
        """The cross-reference that counts for this key: where it was moved, the one it was moved to."""
        for _ in range(3):
            rows = await self._context.store.cross_references(account=account, model=model, keys=[key])
            if not rows:
                return None
            if rows[0].state is not LinkState.MOVED:
                return rows[0]
            key = rows[0].moved_to
        return None

    async def _relate(self, item: Item, account: str, again: Callable[[], None]) -> DeliveryMove | None:
        """Fills in the linked record of each outbound, or finds it, or notes that it will be created."""
        model = self._flow.action.model
        for index, outbound in enumerate(item.outbounds):
            reference = await self.reference(account, model, outbound.key)
            if reference is None and (own := await self._own_id(item.event, outbound.key, account)):
                item.outbounds[index] = replace(outbound, remote_id=own)
                continue
            if reference is None:
                stop = await self._look(item, index)
                if stop is not None:
                    return stop
                continue
            if reference.state is LinkState.CLAIMED:
                if reference.effect_id != outbound.seed:
                    stop = await self._behind_a_claim(item, index, reference, again)
                    if stop is not None:
                        return stop
                continue
            if reference.key != outbound.key:
                item.aliases.add(outbound.id)
            item.outbounds[index] = replace(
                outbound,
                remote_id=reference.remote_id,
                remote_version=reference.version,
            )
        return None

    async def _own_id(self, event: Event, key: str, account: str) -> str:
        """The id of a record that has always been in this account: what somebody changed elsewhere comes home to it."""
        name, _, remote_id = key.partition(":")
        at_home = key == event.key and event.model == self._flow.action.model
        return remote_id if at_home and await self._context.leads_to(name, account) else ""

    async def _behind_a_claim(
        self, item: Item, index: int, claim: CrossReference, again: Callable[[], None]
    ) -> DeliveryMove | None:
        """Another creator was first, and is waited for. If it is dead, what it made is looked for as soon as it can be
        seen; what cannot be found is left to a person."""
        row, action, outbound = item.delivery, self._flow.action, item.outbounds[index]
        now = self._context.clock.now()
        reason, due_at = f"another delivery is creating {action.model} {claim.key}", now + RECHECK_S
        dead = await dead_claim(self._context, self._flow, row.partitionkey, claim)
        if dead is not None:
            seen_at = dead.made_at + action.settle_s
            if not (action.finds and action.match):
                return DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=dead.reason)
            if now >= seen_at:
                stop = await self._look(item, index)
                item.claims.discard(outbound.id)
                if stop is None and not item.outbounds[index].remote_id:
                    return DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=dead.reason)
                return stop
            due_at = seen_at
        self._board.wait((claim.account, action.model, claim.key), again)
        return DeliveryMove(row.id, row.state, DeliveryState.WAITING, WaitingFor.CLAIM, reason, due_at)

    async def _look(self, item: Item, index: int) -> DeliveryMove | None:
        """Before a first create: does the record exist already?"""
        action, row = self._flow.action, item.delivery
        outbound = item.outbounds[index]
        item.claims.add(outbound.id)
        if not (action.finds and action.match) or row.state is DeliveryState.RESOLVING:
            return None
        try:
            found = await self.find(outbound)
        except ReadFailed as failed:
            verdict = failed.verdict
            if isinstance(verdict, Unknown):
                verdict = NotDone(verdict.why)
            now, jitter = self._context.clock.now(), self._context.random()
            return fail(self._flow, row, verdict, now=now, jitter=jitter, first_sent_at=now, tries=1).move
        except ForAPerson as error:
            return DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=error.what)
        if found is None:
            return None
        if not found.certain:
            return DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=doubt(found))
        item.outbounds[index] = replace(
            outbound, remote_id=found.receipt.remote_id, remote_version=found.receipt.version
        )
        return None

    async def find(self, outbound: Outbound) -> Found | None:
        """Raises ReadFailed, ForAPerson."""
        action, connection = self._flow.action, self._flow.connection
        what, deadline_s = f"{action.name}'s find", self._flow.deadline_s
        return await run_reads(self._context, self._exchanger, connection, action.find(outbound), what, deadline_s)


def _linked(reference: CrossReference | None) -> bool:
    return reference is not None and reference.state is LinkState.LINKED


def doubt(found: Found) -> str:
    """Why a found record is left to a person."""
    hits = ", ".join(filter(None, [found.receipt.remote_id, *found.others]))
    return f"a record may exist already ({hits}): {found.why or 'it does not match in every respect'}"
