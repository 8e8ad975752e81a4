"""What one run writes: intents, outcomes, failures, links; gathered into as few commits as the promises allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from crossdock.core import crash, json
from crossdock.core.connector import Call, Found, Outbound, Receipt
from crossdock.core.delivery import Attempt, Effect, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.flow import Flow
from crossdock.core.ids import digest
from crossdock.core.outcome import Failure, fail
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Http
from crossdock.core.work import (
    CellVersion,
    Claim,
    CrossReferenceAbsent,
    DeliveryMove,
    ExchangeMove,
    LaneFence,
    Link,
    NotCommitted,
    Release,
)
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine.context import Context
from crossdock.engine.draft import Draft
from crossdock.engine.echo import fingerprint_of_record, trail_of
from crossdock.engine.exchange import Exchanger, Sent
from crossdock.engine.item import Item, freeze
from crossdock.engine.journal import AFTERWARDS, LOOK_UP, Journal
from crossdock.engine.leases import Leases
from crossdock.engine.links import LinkBoard
from crossdock.engine.merging import note_writes
from crossdock.engine.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a drive works with."""

    context: Context
    exchanger: Exchanger
    prepared: Prepared
    board: LinkBoard
    flow: Flow
    leases: Leases


class Record:
    """The writing side of a `Drive`. Afterwards each item's `delivery` is what the store holds."""

    def __init__(self, rooms: Rooms, account: str, items: Sequence[Item], journal: Journal) -> None:
        self._rooms = rooms
        self._context = rooms.context
        self._flow = rooms.flow
        self._account = account
        self.items = list(items)
        self._fences = tuple({item.fence for item in items})
        self.journal = journal
        self.draft = Draft()
        alone = len(self.items) == 1 and self._flow.action.batch_size == 1
        self._batch = items[0].delivery.id if alone else self._new_batch()

    def _new_batch(self) -> str:
        ids = (item.delivery.id for item in self.items)
        return digest("batch", *ids, repr(self._context.clock.now()))

    def may_go(self) -> bool:
        """Whether these items are still this worker's to send."""
        return all(self._rooms.leases.sure_of(fence) for fence in self._fences)

    @property
    def outbounds(self) -> list[Outbound]:
        return [outbound for item in self.items for outbound in item.outbounds]

    def carried(self, call: Call) -> list[Outbound]:
        """Whose effects this call carries."""
        return [outbound for outbound in self.outbounds if not call.items or outbound.id in call.items]

    def exchange(self, call: Call) -> Exchange:
        delivery = self.items[0].delivery
        request = call.request.freeze()
        return Exchange(
            id=digest("exchange", self._batch, call.step, delivery.revision),
            batch=self._batch,
            connection=self._flow.connection,
            step=call.step,
            revision=delivery.revision,
            effect=call.effect,
            request=request,
            request_hash=digest(request),
            first_sent_at=self._context.clock.now(),
        )

    def looked_up(self, outbound: Outbound, found: Found | None, *, afterwards: bool = False) -> None:
        """A look-up after an unknown outcome: journalled, for a person who may have to decide."""
        step = AFTERWARDS if afterwards else f"{LOOK_UP} {self.items[0].delivery.attempts}"
        asked = self.exchange(Call(f"{step} {outbound.id}", Http("FIND", outbound.marker)))
        exchange = replace(asked, state=ExchangeState.OK, answer=json.encode(_told(found)))
        self.draft.exchanges.append(exchange)
        self.journal.put(exchange)

    # --- intent -------------------------------------------------------------------------------------------------

    async def intend(self, call: Call, known: Exchange | None) -> Exchange | None:
        """Commits the intent. None when it did not hold: another creator was first, or a person moved the delivery."""
        draft = self.draft
        if known is None:
            exchange = replace(self.exchange(call), why=self._context.worker)
            draft.exchanges.append(exchange)
        else:
            exchange = replace(known, state=ExchangeState.INTENT, attempts=known.attempts + 1)
            draft.exchange_moves.append(
                ExchangeMove(
                    known.id, known.state, ExchangeState.INTENT, why=self._context.worker, attempts=exchange.attempts
                )
            )
        carried = {outbound.id for outbound in self.carried(call)}
        for item in self.items:
            mine = [outbound for outbound in item.outbounds if outbound.id in carried]
            if not mine:
                continue
            row = item.delivery
            draft.delivery_moves.append(
                DeliveryMove(
                    row.id,
                    row.state,
                    DeliveryState.SENDING,
                    outbound=None if row.outbound else freeze(item.outbounds),
                    batch="" if self._batch == row.id else self._batch,
                )
            )
            for outbound in mine:
                effect = outbound.effect_id(call.step)
                draft.effects.append(Effect(effect, row.id, exchange.id, outbound.id, call.step))
                if outbound.id in item.claims:
                    self._claim(outbound)
            item.claims.difference_update(carried)
        refusal = await self.commit()
        if refusal is None:
            if exchange.attempts > 1:
                self._context.metrics.retried(self._flow.name)
            return exchange
        await self.lost(refusal)
        return None

    def _claim(self, outbound: Outbound) -> None:
        now = self._context.clock.now()
        model = self._flow.action.model
        self.draft.guards.append(CrossReferenceAbsent(self._account, model, outbound.key))
        self.draft.cross_references.append(
            Claim(
                CrossReference(
                    self._account, model, outbound.key, LinkState.CLAIMED, effect_id=outbound.seed, updated_at=now
                )
            )
        )

    async def lost(self, refusal: NotCommitted) -> None:
        """Nothing was sent. Who lost a claim waits for the winner; a row that a person moved is left alone, and so is
        one whose lane is another worker's by now."""
        self.draft = Draft()
        for item in self.items:
            item.fenced = isinstance(refusal.guard, LaneFence)
        if isinstance(refusal.guard, CrossReferenceAbsent):
            key, model = refusal.guard.key, refusal.guard.model
            for item in self.items:
                if any(outbound.key == key for outbound in item.outbounds):
                    row = item.delivery
                    reason = f"another delivery is creating {model} {key}"
                    due_at = self._context.clock.now() + 1.0
                    self.draft.delivery_moves.append(
                        DeliveryMove(row.id, row.state, DeliveryState.WAITING, WaitingFor.CLAIM, reason, due_at)
                    )
            await self.commit()
            return
        for item in self.items:
            rows = await self._context.store.deliveries([item.delivery.id])
            if rows:
                item.delivery = rows[0]

    # --- outcome ------------------------------------------------------------------------------------------------

    def answered(self, exchange: Exchange, sent: Sent, answer: bytes) -> None:
        """It happened; what comes next commits it too."""
        self.draft.attempts.append(attempt_of(exchange, sent))
        self.draft.exchange_moves.append(
            ExchangeMove(exchange.id, ExchangeState.INTENT, ExchangeState.OK, answer=answer, ended_at=sent.ended_at)
        )
        self.journal.put(replace(exchange, state=ExchangeState.OK, answer=answer, ended_at=sent.ended_at))

    async def settle(self, receipts: Any, failed: Mapping[str, NotDone | Refused | Unknown]) -> None:
        """The steps are through: deliver what has a receipt, fail the rest item by item."""
        now = self._context.clock.now()
        done: list[Item] = []
        for item in self.items:
            failure = _failure_of(item, receipts, failed)
            if failure is not None:
                self._add_failure(item, self._decide(item, failure, None))
                continue
            done.append(item)
            self.draft.delivery_moves.append(
                DeliveryMove(item.delivery.id, item.delivery.state, DeliveryState.DELIVERED, settled_at=now)
            )
            for outbound in item.outbounds:
                self.link(item, outbound, receipts[outbound.id])
        refusal = await self._commit_written(done, receipts)
        while refusal is not None and isinstance(refusal.guard, Link | CellVersion):
            if isinstance(refusal.guard, Link):
                await self._is_anothers(refusal.guard, done)
            refusal = await self._commit_written(done, receipts)
        if refusal is not None:
            await self.lost(refusal)
            return
        for item in done:
            for outbound in item.outbounds:
                self._rooms.board.linked((self._account, self._flow.action.model, outbound.key))
            self._context.metrics.delivered(self._flow.name, 1, now - item.event.appended_at)

    async def _commit_written(self, done: Sequence[Item], receipts: Any) -> NotCommitted | None:
        written = [(item.event, receipts[outbound.id]) for item in done for outbound in item.outbounds]
        self.draft.guards, self.draft.cells = await note_writes(self._context, self._flow, written)
        return await self.commit()

    def link(self, item: Item, outbound: Outbound, receipt: Receipt) -> None:
        action = self._flow.action
        if not action.links or outbound.id in item.aliases:
            return
        if not receipt.remote_id:  # nobody can say which record it is: who comes next may make one or look for it
            self.draft.cross_references.append(Release(self._account, action.model, outbound.key, outbound.seed))
            return
        now = self._context.clock.now()
        self.draft.cross_references.append(
            Link(
                CrossReference(
                    self._account,
                    action.model,
                    outbound.key,
                    LinkState.LINKED,
                    remote_id=receipt.remote_id,
                    effect_id=outbound.seed,
                    version=receipt.version,
                    fingerprint=self._fingerprint(receipt, now),
                    trail=trail_of(item.event),
                    updated_at=now,
                )
            )
        )

    def _fingerprint(self, receipt: Receipt, now: float) -> str:
        action = self._flow.action
        connection = self._context.connection(self._flow.connection)
        canon = self._context.landscape.models.get(action.model)
        return fingerprint_of_record(connection, action.echo, canon, action.model, receipt.record, now)

    async def _is_anothers(self, refused: Link, done: list[Item]) -> None:
        """The record belongs to another entity already. Where the action may come upon records that are there (a shared
        e-mail address), this key points to that one. One that only creates should have made its own: a person looks."""
        mine, action = refused.reference, self._flow.action
        owners = await self._context.store.cross_references(
            account=mine.account, model=mine.model, remote_ids=[mine.remote_id]
        )
        if not owners:
            return  # given up in between: it is this entity's now
        owner = owners[0].key
        if action.match or EffectClass.UPSERT in action.effects:
            changes = self.draft.cross_references
            changes[changes.index(refused)] = Link(
                replace(mine, state=LinkState.MOVED, remote_id="", moved_to=owner, fingerprint="", version="")
            )
        else:
            item = next(item for item in done if any(outbound.key == mine.key for outbound in item.outbounds))
            done.remove(item)
            self._hold(item, f"the answer names {mine.remote_id}, which is the record of {owner}: adopt the right one")

    def _hold(self, item: Item, reason: str) -> None:
        """Instead of what the draft says of it."""
        draft, row = self.draft, item.delivery
        keys = {outbound.key for outbound in item.outbounds}
        draft.cross_references[:] = [
            change
            for change in draft.cross_references
            if not (isinstance(change, Link) and change.reference.key in keys)
        ]
        held = DeliveryMove(row.id, row.state, DeliveryState.HELD, reason=reason)
        draft.delivery_moves[:] = [held if move.id == row.id else move for move in draft.delivery_moves]

    async def failed(self, exchange: Exchange, sent: Sent, *, in_doubt: bool) -> None:
        """The whole exchange was not done, refused, or is unknown; `in_doubt`: it was unknown before, too."""
        if sent.went:
            self.draft.attempts.append(attempt_of(exchange, sent))
        else:
            exchange = replace(exchange, attempts=exchange.attempts - 1)
        await self.fail_all(sent.verdict, exchange, in_doubt=in_doubt)

    async def fail_all(self, verdict: Verdict, exchange: Exchange | None, *, in_doubt: bool = False) -> None:
        assert not isinstance(verdict, Done | Items)
        end = ExchangeState.NOT_DONE
        for item in self.items:
            failure = self._decide(item, verdict, exchange, in_doubt=in_doubt)
            end = failure.exchange
            self._add_failure(item, failure)
        if exchange is not None:
            self.draft.exchange_moves.append(
                ExchangeMove(
                    exchange.id,
                    ExchangeState.INTENT,
                    end,
                    why=verdict.why,
                    ended_at=self._context.clock.now(),
                    attempts=exchange.attempts,
                )
            )
        refusal = await self.commit()
        if refusal is not None:
            await self.lost(refusal)

    def _decide(
        self, item: Item, verdict: NotDone | Refused | Unknown, exchange: Exchange | None, *, in_doubt: bool = False
    ) -> Failure:
        now = self._context.clock.now()
        failure = fail(
            self._flow,
            item.delivery,
            verdict,
            now=now,
            jitter=self._context.random(),
            first_sent_at=exchange.first_sent_at if exchange else now,
            tries=exchange.attempts if exchange else 1,
            in_doubt=in_doubt,
        )
        self._context.metrics.failed(self._flow.name, failure.kind)
        return failure

    def _add_failure(self, item: Item, failure: Failure) -> None:
        self.draft.delivery_moves.append(failure.move)
        if failure.release and self._flow.action.links and not self.journal.made_something:
            for outbound in item.outbounds:
                if not outbound.remote_id:
                    self.draft.cross_references.append(
                        Release(self._account, self._flow.action.model, outbound.key, outbound.seed)
                    )

    async def park_for_a_person(self, reason: str) -> None:
        await self.move_all(DeliveryState.HELD, reason, 0.0)

    async def move_all(self, state: DeliveryState, reason: str, due_at: float, revision: int | None = None) -> None:
        for item in self.items:
            self.draft.delivery_moves.append(
                DeliveryMove(
                    item.delivery.id, item.delivery.state, state, reason=reason, due_at=due_at, revision=revision
                )
            )
        refusal = await self.commit()
        if refusal is not None:
            await self.lost(refusal)

    # --- the commit ---------------------------------------------------------------------------------------------

    async def commit(self) -> NotCommitted | None:
        """Applies what was gathered. On refusal the draft stays, for the caller to mend or drop."""
        draft = self.draft
        result = await self._context.store.apply(draft.work(self._context.work_id(), self._fences))
        if isinstance(result, NotCommitted):
            return result
        moves = {move.id: move for move in draft.delivery_moves}
        for item in self.items:
            if item.delivery.id in moves:
                item.moved(moves[item.delivery.id])
        self.draft = Draft()
        _passed(draft)
        return None


def _passed(draft: Draft) -> None:
    """Tells which crash points this commit has come to."""
    to = {move.after for move in draft.delivery_moves}
    if draft.attempts:
        crash.at("outcome.committed")
    if DeliveryState.RETRYING in to:
        crash.at("retry.scheduled")
    if DeliveryState.DEAD in to:
        crash.at("dlq.moved")
    if DeliveryState.DELIVERED in to:
        if draft.cross_references:
            crash.at("xref.written")
        if len(to) > 1:
            crash.at("batch.partial")


def _told(found: Found | None) -> Mapping[str, Any]:
    if found is None:
        return {"found": []}
    hits = [hit for hit in (found.receipt.remote_id, *found.others) if hit]
    return {"found": hits, "certain": found.certain, "why": found.why}


def attempt_of(exchange: Exchange, sent: Sent) -> Attempt:
    states = {
        Done: ExchangeState.OK,
        Items: ExchangeState.OK,
        NotDone: ExchangeState.NOT_DONE,
        Refused: ExchangeState.REFUSED,
        Unknown: ExchangeState.UNKNOWN,
    }
    return Attempt(
        exchange.id,
        exchange.attempts,
        sent.started_at,
        sent.ended_at,
        states[type(sent.verdict)],
        sent.status,
        getattr(sent.verdict, "why", ""),
    )


def _failure_of(
    item: Item, receipts: Any, failed: Mapping[str, NotDone | Refused | Unknown]
) -> NotDone | Refused | Unknown | None:
    for outbound in item.outbounds:
        if outbound.id in failed:
            return failed[outbound.id]
        if outbound.id not in receipts:
            return Unknown("the answer says nothing of this item")
    return None
