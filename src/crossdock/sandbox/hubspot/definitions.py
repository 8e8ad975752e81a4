"""Property definitions and pipelines: read, and own properties made and archived.

Source: HubSpot's public API specification, Properties and Pipelines.
"""

import re
from dataclasses import replace
from typing import Final, get_args

from crossdock.sandbox.http import Reply
from crossdock.sandbox.hubspot import shapes
from crossdock.sandbox.hubspot.answers import conflict, invalid, not_found
from crossdock.sandbox.hubspot.objects import Call
from crossdock.sandbox.hubspot.schema import Kind, Option, Property

MAX_UNIQUE: Final = 10
"""Own unique properties per object type."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_FIELDS: Final = (
    "name",
    "label",
    "type",
    "fieldType",
    "groupName",
    "description",
    "options",
    "displayOrder",
    "hasUniqueValue",
    "hidden",
    "formField",
    "externalOptions",
    "dataSensitivity",
)


def properties(call: Call) -> Reply:
    found = call.portal.catalogue.properties[call.kind].values()
    return Reply.json({"results": [shapes.definition(one) for one in found if one.archived == call.archived]})


def property_(call: Call) -> Reply:
    return Reply.json(shapes.definition(_found(call)))


def _found(call: Call) -> Property:
    one = call.portal.catalogue.properties[call.kind].get(call.request.params["name"])
    if one is None or one.archived:
        raise not_found(f"Property {call.request.params['name']} does not exist")
    return one


def create_property(call: Call) -> Reply:
    """The wording of the refusals: unverified."""
    given = shapes.fields(call.body(), _FIELDS)
    held = call.portal.catalogue.properties[call.kind]
    missing = [name for name in ("name", "label", "type", "fieldType", "groupName") if not given.get(name)]
    if missing:
        raise invalid(f"Invalid input JSON: some required fields were not set: {missing}")
    name = str(given["name"])
    if not _NAME.fullmatch(name):
        raise invalid(f"Property name {name!r} may hold lower-case letters, digits and _ and starts with a letter")
    if given["type"] not in get_args(Kind):
        raise invalid(f"Property type {given['type']!r} is not one of {list(get_args(Kind))}")
    if name in held and not held[name].archived:
        raise conflict(f"A property named '{name}' already exists.")
    unique = bool(given.get("hasUniqueValue", False))
    if unique and sum(1 for one in held.values() if one.unique and not one.hubspot_defined) >= MAX_UNIQUE:
        raise invalid(f"An object type has at most {MAX_UNIQUE} unique properties")
    made = Property(
        name,
        str(given["label"]),
        given["type"],
        str(given["fieldType"]),
        str(given["groupName"]),
        str(given.get("description", "")),
        tuple(Option(str(one["label"]), str(one["value"])) for one in given.get("options") or ()),
        unique=unique,
        hubspot_defined=False,
        created_at=call.now,
    )
    held[name] = made
    return Reply.json(shapes.definition(made), 201)


def archive_property(call: Call) -> Reply:
    one = _found(call)
    if one.hubspot_defined:
        raise invalid(f"Property {one.name} is defined by HubSpot and cannot be archived")
    call.portal.catalogue.properties[call.kind][one.name] = replace(one, archived=True)
    return Reply(204)


def pipelines(call: Call) -> Reply:
    return Reply.json({"results": [shapes.pipeline(one) for one in call.portal.catalogue.pipelines]})


def pipeline(call: Call) -> Reply:
    for one in call.portal.catalogue.pipelines:
        if one.id == call.request.params["pipeline"]:
            return Reply.json(shapes.pipeline(one))
    raise not_found()
