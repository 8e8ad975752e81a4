"""What is known of a held delivery: what was asked, answered and looked up, and what each decision would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossdock.core import json
from crossdock.core.delivery import Attempt, Delivery, Exchange, ExchangeState
from crossdock.core.effects import EffectClass
from crossdock.core.resolution import GUARANTEES
from crossdock.core.store import Store
from crossdock.core.xref import CrossReference
from crossdock.engine.journal import LOOK_UP


@dataclass(frozen=True, slots=True)
class LookUp:
    """The destination was asked for the record after an unknown outcome."""

    at: float
    found: tuple[str, ...]
    """remote ids"""
    certain: bool
    why: str


@dataclass(frozen=True, slots=True)
class Known:
    delivery: Delivery
    exchanges: tuple[Exchange, ...]
    """what was asked, in order, reads included"""
    attempts: Mapping[str, Sequence[Attempt]]
    """exchange id → each time it was sent"""
    look_ups: tuple[LookUp, ...]
    references: tuple[CrossReference, ...]
    """of the entity, at every account"""

    @property
    def unknown(self) -> Exchange | None:
        """The request that may or may not have been carried out."""
        return next((one for one in self.exchanges if one.state is ExchangeState.UNKNOWN), None)


async def known_of(store: Store, row: Delivery) -> Known:
    journal = await store.exchanges([row.batch or row.id])
    attempts = await store.attempts([exchange.id for exchange in journal])
    return Known(
        row,
        tuple(exchange for exchange in journal if not exchange.step.startswith(LOOK_UP)),
        {one.id: [attempt for attempt in attempts if attempt.exchange_id == one.id] for one in journal},
        tuple(_look_up(exchange) for exchange in journal if exchange.step.startswith(LOOK_UP)),
        tuple(await store.cross_references(keys=[row.key])),
    )


def _look_up(exchange: Exchange) -> LookUp:
    told: Mapping[str, Any] = json.decode(exchange.answer)
    certain, why = bool(told.get("certain", True)), str(told.get("why", ""))
    return LookUp(exchange.first_sent_at, tuple(told["found"]), certain, why)


def guarantee_of(exchange: Exchange) -> str:
    """How a repeat of this request is answered; "" for a read."""
    return GUARANTEES[exchange.effect] if exchange.effect is not None else ""


def choices(known: Known) -> Mapping[str, str]:
    """Decision → what it does here, the likeliest first."""
    row, unknown = known.delivery, known.unknown
    discard = {"discard": "gives it up for good; later events of its key go on"}
    if unknown is None and any(one.state is ExchangeState.OK and one.effect is not None for one in known.exchanges):
        adopt = {"adopt": "this is its record, and no other: it is delivered and linked, nothing is sent"}
        return {**adopt, "retry": "what has happened is not repeated: it goes on from there", **discard}
    if unknown is None:
        return {"retry": "nothing was sent that could have happened: it goes again, mapped anew", **discard}
    hits = tuple(dict.fromkeys(hit for look_up in known.look_ups for hit in look_up.found))
    named = f" (found: {', '.join(hits)})" if hits else ""
    adopt = {"adopt": f"it has happened, and this is its record{named}: it is delivered and linked, nothing is sent"}
    resend = {"resend": f"it has not happened: the same request again{_risk(unknown.effect)}"}
    ordered = {**adopt, **resend} if hits or not known.look_ups else {**resend, **adopt}
    return {**ordered, **discard} if row.outbound else {**resend, **discard}


def _risk(effect: EffectClass | None) -> str:
    match effect:
        case EffectClass.NATIVE_KEY:
            return ", with the same key: harmless for as long as the platform remembers the key"
        case EffectClass.UPSERT | EffectClass.INBOX:
            return "; a repeat is harmless"
        case _:
            return "; if it had happened, it happens twice"
