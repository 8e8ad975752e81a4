"""Which property values a portal takes, and how it keeps them: every value is a string, "" clears.

Sources: HubSpot docs, "Properties" (types, how each is written, dates at midnight UTC) and "Error handling" (the codes
of what is not valid).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from crossdock.sandbox.hubspot.answers import Wrong, invalid
from crossdock.sandbox.hubspot.schema import CURRENCIES, LIFECYCLE, Catalogue, Property

_EMAIL: Final = re.compile(r"[^@\s<>(),;:\"\\]+@[^@\s.<>(),;:]+(\.[^@\s.<>(),;:]+)+")
_DAY_MS: Final = 86_400_000


def stamp(at: float) -> str:
    """`2026-11-03T14:13:01.412Z`; whole seconds are written without a fraction."""
    instant = datetime.fromtimestamp(round(at * 1000) / 1000, UTC)
    unit = "milliseconds" if instant.microsecond else "seconds"
    return instant.isoformat(timespec=unit).replace("+00:00", "Z")


def normalised(
    catalogue: Catalogue, kind: str, given: Mapping[str, Any], held: Mapping[str, str], now: float
) -> tuple[dict[str, str | None], list[Wrong]]:
    """The values to store (None clears) and what is wrong with the rest. `held` is what the record has already.

    JSON numbers and booleans are taken and kept as strings. Raises Refusal for a value that is no scalar.
    """
    stored: dict[str, str | None] = {}
    wrong: list[Wrong] = []
    for name, value in given.items():
        definition = catalogue.properties[kind].get(name)
        if definition is None or definition.archived:
            wrong.append(Wrong(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'))
            continue
        if definition.read_only:
            message = f'"{name}" is a read only property; its value cannot be set.'
            wrong.append(Wrong(name, "READ_ONLY_VALUE", message))
            continue
        text = _text(name, value)
        if text == "":
            stored[name] = None
            continue
        kept = _kept(definition, text)
        if isinstance(kept, Wrong):
            wrong.append(kept)
        else:
            stored[name] = kept
    if kind == "deals":
        wrong += _deal(catalogue, stored, held, now)
    if kind == "contacts":
        _lifecycle(stored, held)
    return stored, wrong


def _text(name: str, value: Any) -> str:
    """null clears like "" (unverified)."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | Decimal():
            return f"{value:f}" if isinstance(value, Decimal) else str(value)
    raise invalid(f"Invalid input JSON: property {name!r} needs a string, a number or a boolean")


def _kept(definition: Property, text: str) -> str | Wrong:
    name = definition.name
    match definition.type:
        case "number":
            return _number(name, text)
        case "date":
            return _date(name, text)
        case "datetime":
            return _datetime(name, text)
        case "bool":
            if text.lower() in {"true", "false"}:
                return text.lower()
            return Wrong(name, "INVALID_OPTION", f"{text} was not one of the allowed options: [true, false]")
        case "enumeration":
            return _choice(definition, text)
    if name == "email":
        if not _EMAIL.fullmatch(text):
            return Wrong(name, "INVALID_EMAIL", f"Email address {text} is invalid")
        return text.lower()
    return text


def _number(name: str, text: str) -> str | Wrong:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        return Wrong(name, "INVALID_INTEGER", f"{text} was not a valid number.")
    return f"{number:f}"


def _date(name: str, text: str) -> str | Wrong:
    """A day: `YYYY-MM-DD`, or milliseconds that fall on midnight UTC."""
    if re.fullmatch(r"-?\d+", text):
        if int(text) % _DAY_MS:
            return Wrong(name, "INVALID_DATE", f"{text} is not at midnight UTC!")
        return datetime.fromtimestamp(int(text) // 1000, UTC).date().isoformat()
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return Wrong(name, "INVALID_DATE", f"{text} is not a valid date")


def _datetime(name: str, text: str) -> str | Wrong:
    try:
        if re.fullmatch(r"-?\d+", text):
            return stamp(int(text) / 1000)
        instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        return Wrong(name, "INVALID_DATE", f"{text} is not a valid datetime")
    return stamp((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp())


def _choice(definition: Property, text: str) -> str | Wrong:
    """Several choices are joined with `;`. A property without options takes anything."""
    allowed = [option.value for option in definition.options]
    chosen = text.split(";") if definition.field_type == "checkbox" else [text]
    for value in chosen:
        if allowed and value not in allowed:
            return Wrong(definition.name, "INVALID_OPTION", f"{value} was not one of the allowed options: {allowed}")
    return text


def _deal(catalogue: Catalogue, stored: dict[str, str | None], held: Mapping[str, str], now: float) -> list[Wrong]:
    """A stage must belong to the pipeline; a stage alone means the default one. Closing without a date closes now."""
    pipeline = stored.get("pipeline", held.get("pipeline"))
    stage_id = stored.get("dealstage")
    if "pipeline" in stored and pipeline is not None and all(pipeline != one.id for one in catalogue.pipelines):
        return [Wrong("pipeline", "INVALID_OPTION", f"{pipeline} was not one of the allowed options")]
    if pipeline is None:
        pipeline = "default"
    current = stage_id if stage_id is not None else held.get("dealstage")
    stage = catalogue.stage(pipeline, current) if current else None
    if current and stage is None and ("dealstage" in stored or "pipeline" in stored):
        return [Wrong("dealstage", "INVALID_OPTION", f"{current} is not a stage of the pipeline {pipeline}")]
    stored.setdefault("pipeline", pipeline)
    if stage is not None:
        stored["hs_is_closed"] = "true" if stage.closed else "false"
        stored["hs_is_closed_won"] = "true" if stage.closed and stage.probability == "1.0" else "false"
        if stage.closed and not stored.get("closedate", held.get("closedate")):
            stored["closedate"] = stamp(now)
    currency = stored.get("deal_currency_code", held.get("deal_currency_code")) or CURRENCIES[0]
    if "amount" in stored and currency == CURRENCIES[0]:
        stored["amount_in_home_currency"] = stored["amount"]
    return []


def _lifecycle(stored: dict[str, str | None], held: Mapping[str, str]) -> None:
    """The lifecycle stage only moves forward unless it is cleared first; a step back is ignored (unverified)."""
    wanted, old = stored.get("lifecyclestage"), held.get("lifecyclestage")
    if wanted and old in LIFECYCLE and LIFECYCLE.index(wanted) < LIFECYCLE.index(old):
        del stored["lifecyclestage"]
