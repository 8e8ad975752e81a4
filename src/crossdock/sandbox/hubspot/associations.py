"""Associations between records: directed types, both directions kept, setting one twice changes nothing.

Sources: HubSpot docs, "Associations" (v4); the type ids of the official Python client, 12.0.0.
"""

from collections.abc import Sequence
from typing import Any

from crossdock.sandbox.hubspot.answers import invalid, not_found
from crossdock.sandbox.hubspot.portal import Event, Portal, Record
from crossdock.sandbox.hubspot.schema import ASSOCIATIONS, REVERSE, SINGULAR, TYPE_IDS, AssociationType

Spec = dict[str, Any]


def default_type(start: str, end: str) -> AssociationType:
    types = ASSOCIATIONS.get((start, end))
    if types is None:
        raise invalid(f"There is no default association between {start} and {end}")
    return types[0]


def type_ids(start: str, end: str, specs: Any) -> set[int]:
    """Of a list of `{associationCategory, associationTypeId}`. An id of the other direction is refused."""
    if not isinstance(specs, list) or not specs or not all(isinstance(spec, dict) for spec in specs):
        raise invalid("Invalid input JSON: a list of association types is needed")
    known = {one.id for one in ASSOCIATIONS.get((start, end), ())}
    found = set()
    for spec in specs:
        number = spec.get("associationTypeId")
        if spec.get("associationCategory") != "HUBSPOT_DEFINED" or number not in known:
            raise invalid(f"Association type {number} does not exist between {start} and {end}")
        found.add(number)
    return found


def link(portal: Portal, start: str, one: Record, end: str, other: Record, types: set[int], now: float) -> None:
    """Both directions come to be, each with an event of its own."""
    _link(portal, start, one.id, end, other.id, types, now)
    _link(portal, end, other.id, start, one.id, {REVERSE[number] for number in types}, now)


def _link(portal: Portal, start: str, one: int, end: str, other: int, types: set[int], now: float) -> None:
    held = portal.links.setdefault((start, one, end), {}).setdefault(other, set())
    new = types - held
    held |= types | {default_type(start, end).id}
    if new:
        portal.events.append(_event(start, one, end, other, new, now, removed=False))


def unlink(portal: Portal, start: str, one: int, end: str, other: int, now: float) -> None:
    for side in ((start, one, end, other), (end, other, start, one)):
        gone = portal.links.get(side[:3], {}).pop(side[3], None)
        if gone:
            portal.events.append(_event(*side, gone, now, removed=True))


def _event(start: str, one: int, end: str, other: int, types: set[int], now: float, *, removed: bool) -> Event:
    more = {
        "associationType": f"{SINGULAR[start].upper()}_TO_{SINGULAR[end].upper()}",
        "fromObjectId": one,
        "toObjectId": other,
        "associationRemoved": removed,
        "isPrimaryAssociation": any(number in {1, 2, 5, 6} for number in types),
    }
    return Event(start, "associationChange", one, now, more)


def linked(portal: Portal, start: str, one: int, end: str) -> list[tuple[int, list[AssociationType]]]:
    """The records at the other end that still live, by id, with the types that lead there."""
    found = []
    for other, held in sorted(portal.links.get((start, one, end), {}).items()):
        if portal.live(end, other):
            found.append((other, [kind for kind in ASSOCIATIONS[(start, end)] if kind.id in held]))
    return found


def shown(portal: Portal, start: str, one: int, end: str) -> list[dict[str, Any]]:
    """`{toObjectId, associationTypes: [{category, typeId, label}]}` each."""
    return [
        {
            "toObjectId": str(other),
            "associationTypes": [
                {"category": "HUBSPOT_DEFINED", "typeId": kind.id, "label": kind.label} for kind in kinds
            ],
        }
        for other, kinds in linked(portal, start, one, end)
    ]


def labels(start: str, one: int, end: str, other: int, types: set[int]) -> dict[str, Any]:
    named = [kind.label for kind in ASSOCIATIONS[(start, end)] if kind.id in types and kind.label]
    return {
        "fromObjectTypeId": TYPE_IDS[start],
        "fromObjectId": str(one),
        "toObjectTypeId": TYPE_IDS[end],
        "toObjectId": str(other),
        "labels": named,
    }


def default_outcome(start: str, one: int, end: str, other: int) -> list[dict[str, Any]]:
    """What setting the default tells: both directions with their types."""
    return [
        {
            "from": {"id": str(left)},
            "to": {"id": str(right)},
            "associationSpec": {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": default_type(left_kind, right_kind).id,
            },
        }
        for left_kind, left, right_kind, right in ((start, one, end, other), (end, other, start, one))
    ]


def ends(portal: Portal, start: str, one: str, end: str, other: str) -> tuple[Record, Record]:
    """Both records. Raises Refusal: 404 where one is missing."""
    left, right = portal.find(start, one), portal.find(end, other)
    if left is None or right is None:
        missing = one if left is None else other
        raise not_found(f"No object exists with id {missing}", id=[missing])
    return left, right


def wanted(portal: Portal, start: str, given: Any) -> Sequence[tuple[str, Record, set[int]]]:
    """The `associations` of a create, checked before anything is made: (type, record, type ids). Raises Refusal."""
    found = []
    if not isinstance(given, list):
        raise invalid("Invalid input JSON: associations must be a list")
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("to"), dict) or "id" not in one["to"]:
            raise invalid("Invalid input JSON: an association needs to.id and types")
        specs = one.get("types")
        end = _end_of(start, specs)
        record = portal.find(end, str(one["to"]["id"]))
        if record is None:
            raise not_found(f"No object exists with id {one['to']['id']}", id=[str(one["to"]["id"])])
        found.append((end, record, type_ids(start, end, specs)))
    return found


def _end_of(start: str, specs: Any) -> str:
    """A create names no type of the other record: the association type tells it."""
    if isinstance(specs, list) and specs and isinstance(specs[0], dict):
        for (one, other), types in ASSOCIATIONS.items():
            if one == start and any(kind.id == specs[0].get("associationTypeId") for kind in types):
                return other
    raise invalid(f"No association type of {start} was given")
