"""From a verdict to what becomes of a delivery."""

from __future__ import annotations

from dataclasses import dataclass

from crossdock.core.delivery import Delivery, ExchangeState
from crossdock.core.flow import Flow
from crossdock.core.resolution import Hold, LookUp, resolve_unknown
from crossdock.core.retry import next_attempt_at, wait_for_platform_at
from crossdock.core.states import DeliveryState
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown
from crossdock.core.work import DeliveryMove


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a delivery goes, how its exchange ended, and the word under which it is counted."""

    move: DeliveryMove
    exchange: ExchangeState
    kind: str
    """rate | not_done | stale | refused | unknown | exhausted"""
    release: bool = False
    """nothing was made and nothing will be: the claim on the cross-reference may go"""


def fail(
    flow: Flow,
    delivery: Delivery,
    verdict: NotDone | Refused | Unknown,
    *,
    now: float,
    jitter: float,
    first_sent_at: float,
    tries: int,
    in_doubt: bool = False,
) -> Failure:
    """`delivery.state` is its state in the store; `tries`: how often this exchange was sent, this time included.
    `in_doubt`: an earlier try of it ended unknown. That this one was not done says nothing of that one."""
    if isinstance(verdict, Refused):
        move = DeliveryMove(delivery.id, delivery.state, DeliveryState.DEAD, reason=verdict.why)
        return Failure(move, ExchangeState.REFUSED, "refused", release=True)
    if isinstance(verdict, Unknown):
        return _unknown(flow, delivery, verdict, now, jitter, first_sent_at)
    if in_doubt and not verdict.stale:
        return _still_unknown(flow, delivery, verdict, now=now, jitter=jitter, tries=tries)
    if not verdict.counts:
        due_at = wait_for_platform_at(flow.retry, tries, now, wait_s=verdict.wait_s, jitter=jitter)
        move = DeliveryMove(
            delivery.id, delivery.state, DeliveryState.RETRYING, reason=verdict.why, due_at=due_at, batch=""
        )
        return Failure(move, ExchangeState.NOT_DONE, "rate")
    attempts = delivery.attempts + 1
    due = next_attempt_at(flow.retry, attempts, now, wait_s=verdict.wait_s, jitter=jitter)
    if due is None:
        reason = f"gave up after {attempts} attempts: {verdict.why}"
        move = DeliveryMove(delivery.id, delivery.state, DeliveryState.DEAD, reason=reason, attempts=attempts)
        return Failure(move, ExchangeState.NOT_DONE, "exhausted", release=True)
    move = DeliveryMove(
        delivery.id,
        delivery.state,
        DeliveryState.RETRYING,
        reason=verdict.why,
        due_at=now if verdict.stale and attempts < 3 else due,
        attempts=attempts,
        revision=delivery.revision + 1 if verdict.stale else None,
        batch="",
    )
    if verdict.stale:
        return Failure(move, ExchangeState.ABANDONED, "stale")
    return Failure(move, ExchangeState.NOT_DONE, "not_done")


def _still_unknown(
    flow: Flow, delivery: Delivery, verdict: NotDone, *, now: float, jitter: float, tries: int
) -> Failure:
    """It keeps waiting to be resolved, at the pace of what was not done; at the end a person decides."""
    attempts = delivery.attempts + (1 if verdict.counts else 0)
    due: float | None = wait_for_platform_at(flow.retry, tries, now, wait_s=verdict.wait_s, jitter=jitter)
    if verdict.counts:
        due = next_attempt_at(flow.retry, attempts, now, wait_s=verdict.wait_s, jitter=jitter)
    state, reason = DeliveryState.RESOLVING, verdict.why
    if due is None:
        state, reason = DeliveryState.HELD, f"the outcome stayed unknown after {attempts} attempts: {verdict.why}"
    move = DeliveryMove(
        delivery.id, delivery.state, state, reason=reason, due_at=due or 0.0, attempts=attempts, batch=""
    )
    return Failure(move, ExchangeState.UNKNOWN, "not_done" if verdict.counts else "rate")


def _unknown(
    flow: Flow, delivery: Delivery, verdict: Unknown, now: float, jitter: float, first_sent_at: float
) -> Failure:
    attempts = delivery.attempts + 1
    step = resolve_unknown(
        flow.action.effects,
        first_sent_at=first_sent_at,
        unknown_at=now,
        now=now,
        unknowns=attempts,
        most_resends=flow.retry.attempts,
        key_retention_s=flow.action.key_retention_s,
        settle_s=flow.action.settle_s,
        on_unknown=flow.on_unknown,
    )
    if isinstance(step, Hold):
        reason = f"{step.why}: {verdict.why}"
        move = DeliveryMove(delivery.id, delivery.state, DeliveryState.HELD, reason=reason, attempts=attempts, batch="")
        return Failure(move, ExchangeState.UNKNOWN, "unknown")
    if isinstance(step, LookUp):
        due_at = step.at
    else:
        due_at = next_attempt_at(flow.retry, max(min(attempts, flow.retry.attempts - 1), 1), now, jitter=jitter) or now
    move = DeliveryMove(
        delivery.id,
        delivery.state,
        DeliveryState.RESOLVING,
        reason=verdict.why,
        due_at=due_at,
        attempts=attempts,
        batch="",
    )
    return Failure(move, ExchangeState.UNKNOWN, "unknown")


def item_failure(verdict: object) -> NotDone | Refused | Unknown | None:
    """The failure in an item's verdict; None when it is done."""
    if isinstance(verdict, Done | Items):
        return None
    if isinstance(verdict, NotDone | Refused | Unknown):
        return verdict
    return Unknown("the answer says nothing of this item")
