"""The association routes, version 4 and dated: one pair at a time, and in batches.

Source: HubSpot's public API specification, Associations v4 and 2026-03.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from crossdock.sandbox.http import Reply
from crossdock.sandbox.hubspot import associations, shapes
from crossdock.sandbox.hubspot.answers import Refusal, invalid
from crossdock.sandbox.hubspot.objects import Call, complete

MAX_LINKS: Final = 2000
MAX_READ: Final = 1000
"""Both limits: unverified."""


def _end(call: Call) -> str:
    return shapes.kind_of(call.request.params["end"])


def set_default(call: Call) -> Reply:
    """Idempotent: a link that is there already stays as it is."""
    end = _end(call)
    return Reply.json(complete(_default(call, end, call.id, call.request.params["other"]), [], call.now))


def _default(call: Call, end: str, one: str, other: str) -> list[dict[str, Any]]:
    left, right = associations.ends(call.portal, call.kind, one, end, other)
    kind = associations.default_type(call.kind, end)
    associations.link(call.portal, call.kind, left, end, right, {kind.id}, call.now)
    return associations.default_outcome(call.kind, left.id, end, right.id)


def set_labelled(call: Call) -> Reply:
    return Reply.json(_labelled(call, _end(call), call.id, call.request.params["other"], call.body()), 201)


def _labelled(call: Call, end: str, one: str, other: str, specs: Any) -> dict[str, Any]:
    types = associations.type_ids(call.kind, end, specs)
    left, right = associations.ends(call.portal, call.kind, one, end, other)
    associations.link(call.portal, call.kind, left, end, right, types, call.now)
    return associations.labels(call.kind, left.id, end, right.id, types)


def read(call: Call) -> Reply:
    record = call.portal.get(call.kind, call.id)
    return Reply.json({"results": associations.shown(call.portal, call.kind, record.id, _end(call))})


def remove(call: Call) -> Reply:
    """204 whether or not there was a link."""
    _remove(call, _end(call), call.id, call.request.params["other"])
    return Reply(204)


def _remove(call: Call, end: str, one: str, other: str) -> None:
    left, right = call.portal.find(call.kind, one), call.portal.find(end, other)
    if left is not None and right is not None:
        associations.unlink(call.portal, call.kind, left.id, end, right.id, call.now)


def batch_read(call: Call) -> Reply:
    end = _end(call)
    found = []
    for one in _inputs(call, MAX_READ):
        record = call.portal.find(call.kind, str(one.get("id")))
        if record is not None:
            to = associations.shown(call.portal, call.kind, record.id, end)
            found.append({"from": {"id": str(record.id)}, "to": to})
    return Reply.json(complete(found, [], call.now))


def batch_create(call: Call) -> Reply:
    end = _end(call)
    return _each(call, 201, lambda one, left, right: [_labelled(call, end, left, right, one.get("types"))])


def batch_default(call: Call) -> Reply:
    end = _end(call)
    return _each(call, 200, lambda _, left, right: _default(call, end, left, right))


def _each(call: Call, done: int, write: Callable[[Mapping[str, Any], str, str], list[dict[str, Any]]]) -> Reply:
    """Each pair has an outcome of its own."""
    results: list[dict[str, Any]] = []
    problems = []
    for one in _inputs(call, MAX_LINKS):
        try:
            results += write(one, _id(one, "from"), _id(one, "to"))
        except Refusal as refusal:
            problems.append(refusal.item(None))
    return Reply.json(complete(results, problems, call.now), 207 if problems else done)


def batch_archive(call: Call) -> Reply:
    end = _end(call)
    for one in _inputs(call, MAX_LINKS):
        for other in one.get("to") or ():
            _remove(call, end, _id(one, "from"), str(other.get("id")))
    return Reply(204)


def _id(one: Mapping[str, Any], side: str) -> str:
    if not isinstance(one.get(side), dict) or "id" not in one[side]:
        raise invalid(f"Invalid input JSON: {side}.id is needed")
    return str(one[side]["id"])


def _inputs(call: Call, most: int) -> list[Mapping[str, Any]]:
    inputs = shapes.fields(call.body(), ("inputs",)).get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise invalid("Invalid input JSON: inputs must be a list of objects")
    if len(inputs) > most:
        raise invalid(f"The maximum number of inputs is {most}, {len(inputs)} were given")
    return inputs
