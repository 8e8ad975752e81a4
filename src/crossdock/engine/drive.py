"""Drives one action's steps over one batch: intent, send, outcome, each in its commit; the journal answers first."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossdock.core import json
from crossdock.core.connector import Call, Outbound, Pause, Receipt
from crossdock.core.delivery import Attempt, Effect, Exchange, ExchangeState
from crossdock.core.flow import Flow
from crossdock.core.ids import digest
from crossdock.core.outcome import Failure, fail, item_failure
from crossdock.core.resolution import Hold, LookUp, Resend, resolve_unknown
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Http
from crossdock.core.work import (
    Claim,
    CrossReferenceAbsent,
    DeliveryMove,
    ExchangeMove,
    Link,
    NotCommitted,
    Release,
)
from crossdock.core.xref import CrossReference, LinkState
from crossdock.engine import crash
from crossdock.engine.context import Context
from crossdock.engine.draft import Draft
from crossdock.engine.echo import fingerprint_of_record, trail_of
from crossdock.engine.exchange import Exchanger, Sent
from crossdock.engine.item import Item, freeze
from crossdock.engine.journal import Journal
from crossdock.engine.links import LinkBoard
from crossdock.engine.prepare import Prepared, doubt
from crossdock.engine.reads import ReadFailed


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a drive works with."""

    context: Context
    exchanger: Exchanger
    prepared: Prepared
    board: LinkBoard
    flow: Flow


class Drive:
    """One run. Afterwards each item's `delivery` is what the store holds."""

    def __init__(self, rooms: Rooms, account: str, items: Sequence[Item], journal: Journal) -> None:
        self._rooms = rooms
        self._context = rooms.context
        self._flow = rooms.flow
        self._account = account
        self._items = list(items)
        self._journal = journal
        self._draft = Draft()
        self._failed: dict[str, NotDone | Refused | Unknown] = {}
        alone = len(self._items) == 1 and self._flow.action.batch_size == 1
        self._batch = items[0].delivery.id if alone else self._new_batch()

    def _new_batch(self) -> str:
        ids = (item.delivery.id for item in self._items)
        return digest("batch", *ids, repr(self._context.clock.now()))

    @property
    def _outbounds(self) -> list[Outbound]:
        return [outbound for item in self._items for outbound in item.outbounds]

    # --- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        answer: Any = None
        steps = self._flow.action.perform(self._outbounds)
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                await self._settle(stop.value)
                return
            except Exception:
                await self._park_for_a_person(_bug(self._flow))
                return
            if isinstance(step, Pause):
                if not await self._pause(step):
                    return
                answer = None
            else:
                answer = await self._answer(step)
                if answer is None:
                    return

    async def _answer(self, call: Call) -> Done | Items | None:
        """What the steps are told; None when the run ends here and that has been written."""
        known = self._journal.of(call.step)
        if known is None:
            return await self._read(call) if call.effect is None else await self._send(call, None)
        carried_over = known.state is ExchangeState.OK and known.revision != self._items[0].delivery.revision
        if not carried_over and known.request_hash != call.request.hash:
            await self._park_for_a_person(f"the connector asks for another request at step {call.step!r} than before")
            return None
        if known.state is ExchangeState.OK:
            return Done(json.decode(known.answer))
        if known.state is ExchangeState.UNKNOWN and not await self._may_resend(known):
            return None
        return await self._send(replace(call, request=Http.thaw(known.request)), known)

    # --- one call -----------------------------------------------------------------------------------------------

    async def _read(self, call: Call) -> Done | Items | None:
        """A read's answer travels with the next commit: the effect built on it is re-driven over the same one."""
        if self._draft:
            await self._commit()
        sent = await self._rooms.exchanger.send(self._flow.connection, call, deadline_s=self._flow.deadline_s)
        if isinstance(sent.verdict, Done | Items):
            self._draft.exchanges.append(
                replace(self._exchange(call), state=ExchangeState.OK, answer=_answer_of(sent.verdict))
            )
            return sent.verdict
        verdict = NotDone(sent.verdict.why) if isinstance(sent.verdict, Unknown) else sent.verdict
        self._draft = Draft()
        await self._fail_all(verdict, None)
        return None

    async def _send(self, call: Call, known: Exchange | None) -> Done | Items | None:
        exchange = await self._intend(call, known)
        if exchange is None:
            return None
        crash.at("intent.committed")
        sent = await self._rooms.exchanger.send(self._flow.connection, call, deadline_s=self._flow.deadline_s)
        crash.at("send.done")
        self._draft.attempts.append(_attempt(exchange, sent))
        if not isinstance(sent.verdict, Done | Items):
            await self._fail_all(sent.verdict, exchange)
            return None
        answer = _answer_of(sent.verdict)
        self._draft.exchange_moves.append(
            ExchangeMove(exchange.id, ExchangeState.INTENT, ExchangeState.OK, answer=answer, ended_at=sent.ended_at)
        )
        self._journal.put(replace(exchange, state=ExchangeState.OK, answer=answer))
        if isinstance(sent.verdict, Items):
            for outbound in self._carried(call):
                failure = item_failure(sent.verdict.by_id.get(outbound.id))
                if failure is not None:
                    self._failed[outbound.id] = failure
        return sent.verdict

    def _carried(self, call: Call) -> list[Outbound]:
        return [outbound for outbound in self._outbounds if not call.items or outbound.id in call.items]

    def _exchange(self, call: Call) -> Exchange:
        delivery = self._items[0].delivery
        return Exchange(
            id=digest("exchange", self._batch, call.step, delivery.revision),
            batch=self._batch,
            connection=self._flow.connection,
            step=call.step,
            revision=delivery.revision,
            effect=call.effect,
            request=call.request.freeze(),
            request_hash=call.request.hash,
            first_sent_at=self._context.clock.now(),
        )

    async def _intend(self, call: Call, known: Exchange | None) -> Exchange | None:
        """Commits the intent. None when it did not hold: another creator was first, or a person moved the delivery."""
        draft = self._draft
        if known is None:
            exchange = self._exchange(call)
            draft.exchanges.append(exchange)
        else:
            exchange = replace(known, state=ExchangeState.INTENT, attempts=known.attempts + 1)
            draft.exchange_moves.append(
                ExchangeMove(known.id, known.state, ExchangeState.INTENT, attempts=exchange.attempts)
            )
        carried = {outbound.id for outbound in self._carried(call)}
        for item in self._items:
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
                if item.claims:
                    self._claim(outbound)
            item.claims = False
        refusal = await self._commit()
        if refusal is None:
            return exchange
        await self._lost(refusal)
        return None

    def _claim(self, outbound: Outbound) -> None:
        now = self._context.clock.now()
        model = self._flow.action.model
        self._draft.guards.append(CrossReferenceAbsent(self._account, model, outbound.key))
        self._draft.cross_references.append(
            Claim(
                CrossReference(
                    self._account, model, outbound.key, LinkState.CLAIMED, effect_id=outbound.seed, updated_at=now
                )
            )
        )

    async def _lost(self, refusal: NotCommitted) -> None:
        """Nothing was sent. Who lost a claim waits for the winner; a row that a person moved is left alone."""
        self._draft = Draft()
        if isinstance(refusal.guard, CrossReferenceAbsent):
            key, model = refusal.guard.key, refusal.guard.model
            for item in self._items:
                if any(outbound.key == key for outbound in item.outbounds):
                    row = item.delivery
                    reason = f"another delivery is creating {model} {key}"
                    due_at = self._context.clock.now() + 1.0
                    self._draft.delivery_moves.append(
                        DeliveryMove(row.id, row.state, DeliveryState.WAITING, WaitingFor.CLAIM, reason, due_at)
                    )
            await self._commit()
            return
        for item in self._items:
            rows = await self._context.store.deliveries([item.delivery.id])
            if rows:
                item.delivery = rows[0]

    # --- unknowns -----------------------------------------------------------------------------------------------

    async def _may_resend(self, known: Exchange) -> bool:
        """Resolves an unknown outcome by the action's classes. False when the run ends here."""
        action, now = self._flow.action, self._context.clock.now()
        step: Resend | LookUp | Hold = resolve_unknown(
            action.effects,
            first_sent_at=known.first_sent_at,
            unknown_at=known.ended_at or known.first_sent_at,
            now=now,
            unknowns=max(self._items[0].delivery.attempts, 1),
            most_resends=self._flow.retry.attempts,
            key_retention_s=action.key_retention_s,
            settle_s=action.settle_s,
            on_unknown=self._flow.on_unknown,
        )
        if isinstance(step, Resend):
            return True
        if isinstance(step, Hold):
            await self._park_for_a_person(f"{step.why}: {known.why}")
            return False
        if step.at > now:
            await self._move_all(DeliveryState.RESOLVING, f"looking again for what became of it: {known.why}", step.at)
            return False
        return not await self._found(known)

    async def _found(self, known: Exchange) -> bool:
        """Looks the records up. True when that ended the run: adopted (driven again), held, or unreadable."""
        adopted = False
        for item in self._items:
            for index, outbound in enumerate(item.outbounds):
                try:
                    found = await self._rooms.prepared.find(outbound)
                except ReadFailed as failed:
                    due_at = self._context.clock.now() + max(getattr(failed.verdict, "wait_s", None) or 0.0, 5.0)
                    await self._move_all(DeliveryState.RESOLVING, f"could not look it up: {failed.verdict.why}", due_at)
                    return True
                if found is None:
                    continue
                if not found.certain:
                    await self._park_for_a_person(doubt(found))
                    return True
                self._link(item, outbound, found.receipt)
                item.outbounds[index] = replace(outbound, remote_id=found.receipt.remote_id)
                adopted = True
        if not adopted:
            return False
        self._draft.exchange_moves.append(
            ExchangeMove(known.id, known.state, ExchangeState.ABANDONED, why="it had happened: the record was found")
        )
        revision = self._items[0].delivery.revision + 1
        await self._move_all(DeliveryState.RETRYING, "its record was found", self._context.clock.now(), revision)
        return True

    # --- ends ---------------------------------------------------------------------------------------------------

    async def _settle(self, receipts: Any) -> None:
        """The steps are through: deliver what has a receipt, fail the rest item by item."""
        now = self._context.clock.now()
        done: list[Item] = []
        for item in self._items:
            failure = self._failure_of(item, receipts)
            if failure is not None:
                self._add_failure(item, self._decide(item, failure, None))
                continue
            done.append(item)
            self._draft.delivery_moves.append(
                DeliveryMove(item.delivery.id, item.delivery.state, DeliveryState.DELIVERED, settled_at=now)
            )
            for outbound in item.outbounds:
                self._link(item, outbound, receipts[outbound.id])
        refusal = await self._commit()
        while refusal is not None and isinstance(refusal.guard, Link):
            await self._make_alias(refusal.guard)
            refusal = await self._commit()
        crash.at("outcome.committed")
        if refusal is not None:
            await self._lost(refusal)
            return
        for item in done:
            for outbound in item.outbounds:
                self._rooms.board.linked((self._account, self._flow.action.model, outbound.key))
            self._context.metrics.delivered(self._flow.name, 1, now - item.event.appended_at)

    def _failure_of(self, item: Item, receipts: Any) -> NotDone | Refused | Unknown | None:
        for outbound in item.outbounds:
            if outbound.id in self._failed:
                return self._failed[outbound.id]
            if outbound.id not in receipts:
                return Unknown("the answer says nothing of this item")
        return None

    def _link(self, item: Item, outbound: Outbound, receipt: Receipt) -> None:
        action = self._flow.action
        if not (action.links and receipt.remote_id) or item.alias:
            return
        connection = self._context.connection(self._flow.connection)
        now = self._context.clock.now()
        self._draft.cross_references.append(
            Link(
                CrossReference(
                    self._account,
                    action.model,
                    outbound.key,
                    LinkState.LINKED,
                    remote_id=receipt.remote_id,
                    effect_id=outbound.seed,
                    version=receipt.version,
                    fingerprint=fingerprint_of_record(connection, action.echo, action.model, receipt.record, now),
                    trail=trail_of(item.event),
                    updated_at=now,
                )
            )
        )

    async def _make_alias(self, refused: Link) -> None:
        """The record belongs to another entity already (a shared e-mail address): this key points to that one."""
        mine = refused.reference
        owners = await self._context.store.cross_references(
            account=mine.account, model=mine.model, remote_ids=[mine.remote_id]
        )
        owner = owners[0].key if owners else mine.key
        changes = self._draft.cross_references
        changes[changes.index(refused)] = Link(
            replace(mine, state=LinkState.MOVED, remote_id="", moved_to=owner, fingerprint="", version="")
        )

    async def _fail_all(self, verdict: Verdict, exchange: Exchange | None) -> None:
        assert not isinstance(verdict, Done | Items)
        end = ExchangeState.NOT_DONE
        for item in self._items:
            failure = self._decide(item, verdict, exchange)
            end = failure.exchange
            self._add_failure(item, failure)
        if exchange is not None:
            self._draft.exchange_moves.append(
                ExchangeMove(
                    exchange.id, ExchangeState.INTENT, end, why=verdict.why, ended_at=self._context.clock.now()
                )
            )
        refusal = await self._commit()
        if refusal is not None:
            await self._lost(refusal)

    def _decide(self, item: Item, verdict: NotDone | Refused | Unknown, exchange: Exchange | None) -> Failure:
        now = self._context.clock.now()
        failure = fail(
            self._flow,
            item.delivery,
            verdict,
            now=now,
            jitter=self._context.random(),
            first_sent_at=exchange.first_sent_at if exchange else now,
            tries=exchange.attempts if exchange else 1,
        )
        self._context.metrics.failed(self._flow.name, failure.kind)
        return failure

    def _add_failure(self, item: Item, failure: Failure) -> None:
        self._draft.delivery_moves.append(failure.move)
        if failure.release and self._flow.action.links and not self._journal.made_something:
            for outbound in item.outbounds:
                if not outbound.remote_id:
                    self._draft.cross_references.append(
                        Release(self._account, self._flow.action.model, outbound.key, outbound.seed)
                    )

    async def _park_for_a_person(self, reason: str) -> None:
        await self._move_all(DeliveryState.HELD, reason, 0.0)

    async def _move_all(self, state: DeliveryState, reason: str, due_at: float, revision: int | None = None) -> None:
        for item in self._items:
            self._draft.delivery_moves.append(
                DeliveryMove(
                    item.delivery.id, item.delivery.state, state, reason=reason, due_at=due_at, revision=revision
                )
            )
        refusal = await self._commit()
        if refusal is not None:
            await self._lost(refusal)

    async def _pause(self, pause: Pause) -> bool:
        """True when the wait is over. The wait is journalled once, and the delivery gives its slot back."""
        now = self._context.clock.now()
        known = self._journal.of(pause.step)
        if known is not None:
            if now >= known.first_sent_at + pause.wait_s:
                return True
            due_at = known.first_sent_at + pause.wait_s
        else:
            due_at = now + pause.wait_s
            call = Call(pause.step, Http("PAUSE", pause.step))
            self._draft.exchanges.append(replace(self._exchange(call), state=ExchangeState.OK, answer=b"null"))
        for item in self._items:
            row = item.delivery
            outbound = None if row.outbound else freeze(item.outbounds)
            self._draft.delivery_moves.append(
                DeliveryMove(
                    row.id, row.state, DeliveryState.WAITING, WaitingFor.PAUSE, "waiting for the platform", due_at,
                    outbound=outbound,
                )
            )  # fmt: skip
        refusal = await self._commit()
        if refusal is not None:
            await self._lost(refusal)
        return False

    # --- the commit ---------------------------------------------------------------------------------------------

    async def _commit(self) -> NotCommitted | None:
        """Applies what was gathered. On refusal the draft stays, for the caller to mend or drop."""
        draft = self._draft
        result = await self._context.store.apply(draft.work(self._context.work_id()))
        if isinstance(result, NotCommitted):
            return result
        moves = {move.id: move for move in draft.delivery_moves}
        for item in self._items:
            if item.delivery.id in moves:
                item.moved(moves[item.delivery.id])
        self._draft = Draft()
        return None


def _attempt(exchange: Exchange, sent: Sent) -> Attempt:
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


def _answer_of(verdict: Done | Items) -> bytes:
    if isinstance(verdict, Done):
        return json.encode(verdict.answer)
    return json.encode({name: getattr(said, "why", "done") for name, said in verdict.by_id.items()})


def _bug(flow: Flow) -> str:
    """For the operator's eyes: an error in a connector's code, with its place but none of its data."""
    lines = traceback.format_exc().strip().splitlines()
    places = [line.strip() for line in lines if line.strip().startswith("File ")]
    where = places[-1].replace('File "', "").replace('"', "") if places else ""
    return f"the connector's code for {flow.action.name} failed: {lines[-1]} ({where})"
