"""Drives one action's steps over one batch: intent, send, outcome, each in its commit; the journal answers first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from crossdock.core import crash, json
from crossdock.core.connector import Call, Found, Pause, Receipt
from crossdock.core.delivery import Exchange, ExchangeState
from crossdock.core.errors import ForAPerson
from crossdock.core.outcome import item_failure
from crossdock.core.resolution import Hold, LookUp, Resend, resolve_unknown
from crossdock.core.states import DeliveryState, WaitingFor
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown
from crossdock.core.wire import Http, thaw
from crossdock.core.work import DeliveryMove, ExchangeMove
from crossdock.engine.bugs import bug_in
from crossdock.engine.draft import Draft
from crossdock.engine.exchange import Sent
from crossdock.engine.item import Item, freeze
from crossdock.engine.journal import Journal
from crossdock.engine.prepare import doubt
from crossdock.engine.reads import ReadFailed
from crossdock.engine.record import Record, Rooms


class Drive:
    """One run. Afterwards each item's `delivery` is what the store holds."""

    def __init__(self, rooms: Rooms, account: str, items: Sequence[Item], journal: Journal) -> None:
        self._rooms = rooms
        self._clock = rooms.context.clock
        self._flow = rooms.flow
        self._record = Record(rooms, account, items, journal)
        self._ids = tuple(item.delivery.id for item in items)
        self._failed: dict[str, NotDone | Refused | Unknown] = {}
        """items that a batch's answer says were not done"""

    # --- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        record = self._record
        answer: Any = None
        steps = self._flow.action.perform(record.outbounds)
        while True:
            try:
                with self._rooms.context.at_work.on("delivery", *self._ids):
                    step = steps.send(answer)
            except StopIteration as stop:
                if not record.journal.may_be_twice or await self._is_alone(stop.value):
                    await record.settle(stop.value, self._failed)
                return
            except ForAPerson as error:
                await record.park_for_a_person(error.what)
                return
            except Exception:
                await record.park_for_a_person(bug_in(self._flow.action.name))
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
        record = self._record
        known = record.journal.of(call.step)
        if known is None:
            return await self._read(call) if call.effect is None else await self._send(call, None)
        carried_over = known.state is ExchangeState.OK and known.revision != record.items[0].delivery.revision
        if not carried_over and known.request_hash != call.request.hash:
            await record.park_for_a_person(f"the connector asks for another request at step {call.step!r} than before")
            return None
        if known.state is ExchangeState.OK:
            return Done(json.decode(known.answer))
        if known.state is ExchangeState.UNKNOWN and not await self._may_resend(known):
            return None
        return await self._send(replace(call, request=thaw(known.request)), known)

    # --- one call -----------------------------------------------------------------------------------------------

    async def _read(self, call: Call) -> Done | Items | None:
        """A read's answer travels with the intent that is built on it, which is re-driven over the same one. Not
        before: until then nothing is frozen, and a later run reads again, and may be told otherwise."""
        record = self._record
        if record.draft.decides:
            await record.commit()
        sent = await self._exchange(call)
        if isinstance(sent.verdict, Done | Items):
            record.draft.exchanges.append(
                replace(record.exchange(call), state=ExchangeState.OK, answer=_answer_of(sent.verdict))
            )
            return sent.verdict
        verdict = NotDone(sent.verdict.why) if isinstance(sent.verdict, Unknown) else sent.verdict
        record.draft = Draft()
        await record.fail_all(verdict, None)
        return None

    async def _send(self, call: Call, known: Exchange | None) -> Done | Items | None:
        record = self._record
        exchange = await record.intend(call, known)
        if exchange is None:
            return None
        crash.at("intent.committed")
        sent = await self._exchange(call)
        crash.at("send.done")
        if not isinstance(sent.verdict, Done | Items):
            in_doubt = known is not None and known.state is ExchangeState.UNKNOWN
            await record.failed(exchange, sent, in_doubt=in_doubt)
            return None
        record.answered(exchange, sent, _answer_of(sent.verdict))
        if isinstance(sent.verdict, Items):
            for outbound in record.carried(call):
                failure = item_failure(sent.verdict.by_id.get(outbound.id))
                if failure is not None:
                    self._failed[outbound.id] = failure
        return sent.verdict

    async def _exchange(self, call: Call) -> Sent:
        return await self._rooms.exchanger.send(
            self._flow.connection,
            call,
            deadline_s=self._flow.deadline_s,
            about=self._ids,
            may_go=self._record.may_go,
        )

    # --- unknowns -----------------------------------------------------------------------------------------------

    async def _may_resend(self, known: Exchange) -> bool:
        """Resolves an unknown outcome by the action's classes. False when the run ends here."""
        record = self._record
        action, now = self._flow.action, self._clock.now()
        step: Resend | LookUp | Hold = resolve_unknown(
            action.effects,
            first_sent_at=known.first_sent_at,
            unknown_at=known.ended_at or known.first_sent_at,
            now=now,
            unknowns=max(record.items[0].delivery.attempts, 1),
            most_resends=self._flow.retry.attempts,
            key_retention_s=action.key_retention_s,
            settle_s=action.settle_s,
            on_unknown=self._flow.on_unknown,
        )
        if isinstance(step, Resend):
            return True
        if isinstance(step, Hold):
            await record.park_for_a_person(f"{step.why}: {known.why}")
            return False
        if step.at > now:
            await record.move_all(DeliveryState.RESOLVING, f"looking again for what became of it: {known.why}", step.at)
            return False
        return not await self._found(known)

    async def _found(self, known: Exchange) -> bool:
        """Looks the records up. True when that ended the run: adopted (driven again), held, or unreadable."""
        record = self._record
        adopted = False
        for item in record.items:
            for index, outbound in enumerate(item.outbounds):
                try:
                    found = await self._rooms.prepared.find(outbound)
                except ForAPerson as error:
                    await record.park_for_a_person(error.what)
                    return True
                except ReadFailed as failed:
                    due_at = self._clock.now() + max(getattr(failed.verdict, "wait_s", None) or 0.0, 5.0)
                    await record.move_all(
                        DeliveryState.RESOLVING, f"could not look it up: {failed.verdict.why}", due_at
                    )
                    return True
                record.looked_up(outbound, found)
                if found is None:
                    continue
                if not found.certain:
                    await record.park_for_a_person(doubt(found))
                    return True
                record.link(item, outbound, found.receipt)
                item.outbounds[index] = replace(outbound, remote_id=found.receipt.remote_id)
                adopted = True
        if not adopted:
            return False
        record.draft.exchange_moves.append(
            ExchangeMove(known.id, known.state, ExchangeState.ABANDONED, why="it had happened: the record was found")
        )
        revision = record.items[0].delivery.revision + 1
        await record.move_all(DeliveryState.RETRYING, "its record was found", self._clock.now(), revision)
        return True

    async def _is_alone(self, receipts: Mapping[str, Receipt]) -> bool:
        """What was looked for, not found and sent again is there twice if the platform's index was slower than it is
        known to be. So it is looked for once more, and two records are a person's. False when the run ends here."""
        record, now = self._record, self._clock.now()
        at = record.journal.happened_at + self._flow.action.settle_s
        if at > now:
            await record.move_all(DeliveryState.RESOLVING, "it was sent again: looking whether it is there twice", at)
            return False
        for outbound in record.outbounds:
            try:
                found = await self._rooms.prepared.find(outbound)
            except ForAPerson:
                continue  # what cannot be looked for now could be before: it was sent, and that is known
            except ReadFailed as failed:
                if isinstance(failed.verdict, Refused):
                    continue
                await record.move_all(
                    DeliveryState.RESOLVING, f"could not look it up: {failed.verdict.why}", now + 15.0
                )
                return False
            record.looked_up(outbound, found, afterwards=True)
            receipt = receipts.get(outbound.id)
            if found is None or receipt is None or not receipt.remote_id:
                continue
            others = tuple(hit for hit in (found.receipt.remote_id, *found.others) if hit != receipt.remote_id)
            if others:
                why = "it was sent again, since the platform did not show it in time"
                await record.park_for_a_person(doubt(Found(receipt, certain=False, others=others, why=why)))
                return False
        return True

    async def _pause(self, pause: Pause) -> bool:
        """True when the wait is over. The wait is journalled once, and the delivery gives its slot back."""
        record = self._record
        now = self._clock.now()
        known = record.journal.of(pause.step)
        if known is not None:
            if now >= known.first_sent_at + pause.wait_s:
                return True
            due_at = known.first_sent_at + pause.wait_s
        else:
            due_at = now + pause.wait_s
            call = Call(pause.step, Http("PAUSE", pause.step))
            record.draft.exchanges.append(replace(record.exchange(call), state=ExchangeState.OK, answer=b"null"))
        for item in record.items:
            row = item.delivery
            outbound = None if row.outbound else freeze(item.outbounds)
            record.draft.delivery_moves.append(
                DeliveryMove(
                    row.id, row.state, DeliveryState.WAITING, WaitingFor.PAUSE, "waiting for the platform", due_at,
                    outbound=outbound,
                )
            )  # fmt: skip
        refusal = await record.commit()
        if refusal is not None:
            await record.lost(refusal)
        return False


def _answer_of(verdict: Done | Items) -> bytes:
    if isinstance(verdict, Done):
        return json.encode(verdict.answer)
    return json.encode({name: getattr(said, "why", "done") for name, said in verdict.by_id.items()})
