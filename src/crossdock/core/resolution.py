"""What an unknown outcome is followed by, according to the classes that its action has. Never a blind retry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crossdock.core.effects import EffectClass

KEY_MARGIN = 0.1
"""Share of a platform's key retention that is kept as a margin against its clock and ours."""


@dataclass(frozen=True, slots=True)
class Resend:
    """The same bytes again, with the same key."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Ask the destination for the record, no sooner than `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class Hold:
    why: str


def resolve_unknown(
    classes: Sequence[EffectClass],
    *,
    first_sent_at: float,
    unknown_at: float,
    now: float,
    unknowns: int,
    most_resends: int,
    key_retention_s: float,
    settle_s: float,
    on_unknown: str,
) -> Resend | LookUp | Hold:
    """`unknowns` counts the unknown outcomes of this exchange in a row. A key is trusted for its retention less a
    margin, and for `most_resends`, or half as many where it can be looked up instead (a platform may replay a saved
    500 for the key's whole life): after that the next class decides, and a person at the end."""
    trusted = max(most_resends // 2, 1) if EffectClass.LOOKUP in classes else most_resends
    for effect_class in classes:
        if effect_class is EffectClass.NATIVE_KEY:
            if unknowns <= trusted and now < first_sent_at + key_retention_s * (1 - KEY_MARGIN):
                return Resend()
        elif unknowns > most_resends:
            continue
        elif effect_class in {EffectClass.UPSERT, EffectClass.INBOX} or (
            effect_class is EffectClass.NONE and on_unknown == "resend"
        ):
            return Resend()
        elif effect_class is EffectClass.LOOKUP:
            return LookUp(unknown_at + settle_s)
    if EffectClass.NONE in classes or not classes:
        return Hold("the outcome is unknown and this action has no way to find out")
    return Hold(f"the outcome stayed unknown after {unknowns} attempts")


GUARANTEES = {
    EffectClass.NATIVE_KEY: "once: the platform answers a repeat with its first result",
    EffectClass.UPSERT: "once: a repeat writes the same record",
    EffectClass.LOOKUP: "once, while the platform's index shows a record within the settle time",
    EffectClass.INBOX: "once: the destination commits a mark together with the change",
    EffectClass.TWO_PHASE: "all or none",
    EffectClass.NONE: "at most once: an unknown outcome is held for a person",
}


def guarantee_of(classes: Sequence[EffectClass], on_unknown: str) -> str:
    """What a flow with these classes promises, in words for a person."""
    if not classes or classes[0] is EffectClass.NONE:
        if on_unknown == "resend":
            return "at least once: an unknown outcome is sent again"
        return GUARANTEES[EffectClass.NONE]
    return "; otherwise ".join(GUARANTEES[effect_class] for effect_class in classes)
