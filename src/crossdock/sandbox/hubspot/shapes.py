"""How records, definitions and pipelines look in an answer, and how requests must look.

Source: HubSpot's public API specification: SimplePublicObject, Property, Pipeline.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crossdock.sandbox.hubspot import associations
from crossdock.sandbox.hubspot.answers import invalid
from crossdock.sandbox.hubspot.portal import Portal, Record
from crossdock.sandbox.hubspot.schema import DEFAULTS, SINGULAR, TYPE_IDS, Pipeline, Property
from crossdock.sandbox.hubspot.values import stamp


def record(
    kind: str, one: Record, names: Iterable[str] = (), definitions: Mapping[str, Property] | None = None
) -> dict[str, Any]:
    """The default properties and those asked for; unset ones are null, unknown names are ignored."""
    wanted = [name for name in names if definitions is None or name in definitions]
    shown = {name: one.values.get(name) for name in (*DEFAULTS[kind], *wanted)}
    body: dict[str, Any] = {
        "id": str(one.id),
        "properties": shown,
        "createdAt": stamp(one.created_at),
        "updatedAt": stamp(one.updated_at),
        "archived": one.archived_at is not None,
    }
    if one.archived_at is not None:
        body["archivedAt"] = stamp(one.archived_at)
    return body


def hit(kind: str, found: Mapping[str, Any], names: Sequence[str], one: Record) -> dict[str, Any]:
    """A search result: the values that the index holds, which may be older than the record's."""
    body = record(kind, one)
    body["properties"] = {name: found["values"].get(name) for name in (*DEFAULTS[kind], *names)}
    return body | {"archived": False}


def associated(portal: Portal, kind: str, one: Record, ends: Iterable[str]) -> dict[str, Any]:
    """`{"contacts": {"results": [{"id": "501", "type": "deal_to_contact"}]}}`; types without links are left out."""
    found = {}
    for end in ends:
        links = associations.linked(portal, kind, one.id, end)
        if links:
            label = f"{SINGULAR[kind]}_to_{SINGULAR[end]}"
            found[end] = {"results": [{"id": str(other), "type": label} for other, _ in links]}
    return found


def definition(one: Property) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": one.label,
        "type": one.type,
        "fieldType": one.field_type,
        "groupName": one.group,
        "description": one.description,
        "options": [
            {"label": option.label, "value": option.value, "displayOrder": place, "hidden": False, "description": ""}
            for place, option in enumerate(one.options)
        ],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "hasUniqueValue": one.unique,
        "hidden": False,
        "hubspotDefined": one.hubspot_defined,
        "formField": not one.read_only,
        "archived": one.archived,
        "modificationMetadata": {
            "archivable": not one.hubspot_defined,
            "readOnlyDefinition": one.hubspot_defined,
            "readOnlyValue": one.read_only,
        },
        "createdAt": stamp(one.created_at),
        "updatedAt": stamp(one.created_at),
    }


def pipeline(one: Pipeline) -> dict[str, Any]:
    """`probability` and `isClosed` are strings."""
    return {
        "id": one.id,
        "label": one.label,
        "displayOrder": 0,
        "archived": False,
        "createdAt": stamp(0),
        "updatedAt": stamp(0),
        "stages": [
            {
                "id": stage.id,
                "label": stage.label,
                "displayOrder": place,
                "metadata": {"isClosed": "true" if stage.closed else "false", "probability": stage.probability},
                "archived": False,
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                "createdAt": stamp(0),
                "updatedAt": stamp(0),
            }
            for place, stage in enumerate(one.stages)
        ],
    }


def kind_of(given: str) -> str:
    """The object type that a name or an id means: contacts, contact, 0-1. Raises Refusal."""
    for kind, number in TYPE_IDS.items():
        if given.lower() in {kind, SINGULAR[kind], number}:
            return kind
    raise invalid(f"Unable to infer object type from: {given}")


def fields(given: Any, allowed: Sequence[str]) -> Mapping[str, Any]:
    """A JSON object with no other fields than these. Raises Refusal."""
    if not isinstance(given, dict):
        raise invalid("Invalid input JSON: an object is needed")
    if unknown := set(given) - set(allowed):
        raise invalid(f"Invalid input JSON: unknown field {sorted(unknown)[0]!r}")
    return given


def values(given: Mapping[str, Any]) -> Mapping[str, Any]:
    found = given.get("properties")
    if not isinstance(found, dict):
        raise invalid("Invalid input JSON: some required fields were not set: [properties]")
    return found
