"""Reading and writing records: one at a time, in batches, by list and by search.

Source: HubSpot's public API specification, CRM objects (pages of 100; unset properties are null, unknown ones are left
out of an answer).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crossdock.sandbox.http import JsonError, Reply, Request
from crossdock.sandbox.hubspot import associations, search, shapes
from crossdock.sandbox.hubspot.answers import invalid, not_found
from crossdock.sandbox.hubspot.batch import Batch
from crossdock.sandbox.hubspot.portal import Portal, Record
from crossdock.sandbox.hubspot.values import stamp

MAX_PAGE: Final = 100


@dataclass(frozen=True)
class Call:
    """One admitted request about one object type. `now` is wall time, `searched_at` simulated time."""

    portal: Portal
    kind: str
    request: Request
    now: float
    searched_at: float

    @property
    def id(self) -> str:
        return self.request.params["id"]

    @property
    def id_property(self) -> str | None:
        return self.request.query.get("idProperty")

    @property
    def archived(self) -> bool:
        return self.request.query.get("archived", "").lower() == "true"

    def body(self) -> Any:
        try:
            return self.request.json()
        except JsonError as error:
            raise invalid(f"Invalid input JSON: {error}") from None

    def names(self, parameter: str) -> list[str]:
        """A list in the query: repeated or joined with commas."""
        return [name for part in self.request.query.getlist(parameter) for name in part.split(",") if name]

    def ends(self) -> list[str]:
        return [shapes.kind_of(name) for name in self.names("associations")]

    def shown(self, record: Record) -> dict[str, Any]:
        """The record with the properties and associations that the query asks for."""
        definitions = self.portal.catalogue.properties[self.kind]
        body = shapes.record(self.kind, record, self.names("properties"), definitions)
        if ends := self.ends():
            body["associations"] = shapes.associated(self.portal, self.kind, record, ends)
        return body


def create(call: Call) -> Reply:
    given = shapes.fields(call.body(), ("properties", "associations", "objectWriteTraceId"))
    values = call.portal.checked(call.kind, shapes.values(given), None, call.now)
    ends = associations.wanted(call.portal, call.kind, given.get("associations") or [])
    record = call.portal.create(call.kind, values, call.now, call.searched_at)
    for end, other, types in ends:
        associations.link(call.portal, call.kind, record, end, other, types, call.now)
    return Reply.json(shapes.record(call.kind, record), 201)


def read(call: Call) -> Reply:
    """An archived record is only read with `archived=true`, and by id."""
    if call.archived:
        record = call.portal.of(call.kind).get(int(call.id) if call.id.isascii() and call.id.isdigit() else -1)
        if record is None or record.archived_at is None:
            raise not_found()
        return Reply.json(call.shown(record))
    return Reply.json(call.shown(call.portal.get(call.kind, call.id, call.id_property)))


def update(call: Call) -> Reply:
    """Never creates: 404 where there is nothing to change."""
    given = shapes.fields(call.body(), ("properties", "objectWriteTraceId"))
    record = call.portal.get(call.kind, call.id, call.id_property)
    values = call.portal.checked(call.kind, shapes.values(given), record, call.now)
    call.portal.update(call.kind, record, values, call.now, call.searched_at)
    return Reply.json(shapes.record(call.kind, record))


def archive(call: Call) -> Reply:
    """204 also when it is repeated (unverified)."""
    record = call.portal.find(call.kind, call.id)
    if record is not None:
        call.portal.archive(call.kind, record, call.now, call.searched_at)
    return Reply(204)


def page(call: Call) -> Reply:
    """By id, at most 100 at a time; no filter. `after` is the id to go on from."""
    query = call.request.query
    limit, after = query.get("limit", "10"), query.get("after", "0")
    if not limit.isdigit() or not 0 < int(limit) <= MAX_PAGE or not after.isdigit():
        raise invalid(f"limit must be from 1 to {MAX_PAGE}, and after a value from paging.next.after")
    rest = [
        record
        for number, record in sorted(call.portal.of(call.kind).items())
        if number >= int(after) and (record.archived_at is not None) == call.archived
    ]
    shown, following = rest[: int(limit)], rest[int(limit) :]
    body: dict[str, Any] = {"results": [call.shown(record) for record in shown]}
    if following:
        body["paging"] = _next(call.request, str(following[0].id))
    return Reply.json(body)


def _next(request: Request, after: str) -> dict[str, Any]:
    return {"next": {"after": after, "link": f"https://api.hubapi.com{request.path}?after={after}"}}


def find(call: Call) -> Reply:
    """Search answers what its index knows; records that were made a moment ago are missing."""
    allowed = ("filterGroups", "sorts", "query", "properties", "limit", "after")
    asked = shapes.fields(call.body(), allowed)
    hits, total, following = search.search(call.portal, call.kind, asked, call.searched_at)
    names = [name for name in asked.get("properties") or () if name in call.portal.catalogue.properties[call.kind]]
    records = call.portal.of(call.kind)
    body: dict[str, Any] = {
        "total": total,
        "results": [shapes.hit(call.kind, hit, names, records[hit["id"]]) for hit in hits],
    }
    if following is not None:
        body["paging"] = {"next": {"after": str(following)}}
    return Reply.json(body)


def merge(call: Call) -> Reply:
    given = shapes.fields(call.body(), ("primaryObjectId", "objectIdToMerge"))
    primary, other = (
        call.portal.get(call.kind, str(given.get(name))) for name in ("primaryObjectId", "objectIdToMerge")
    )
    if primary is other:
        raise invalid("A record cannot be merged with itself")
    survivor = call.portal.merge(call.kind, primary, other, call.now, call.searched_at)
    return Reply.json(shapes.record(call.kind, survivor))


def batch(verb: str) -> Callable[[Call], Reply]:
    def run(call: Call) -> Reply:
        work = Batch(call.portal, call.kind, call.now, call.searched_at)
        if verb == "archive":
            work.archive(call.body())
            return Reply(204)
        outcomes: Mapping[str, Callable[[Any], tuple[int, dict[str, Any]]]] = {
            "create": work.create,
            "read": work.read,
            "update": work.update,
            "upsert": work.upsert,
        }
        status, body = outcomes[verb](call.body())
        return Reply.json(complete(body["results"], body["errors"], call.now), status)

    return run


def complete(results: Iterable[Any], problems: list[Any], now: float) -> dict[str, Any]:
    """The frame around the outcome of every batch."""
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": list(results),
        "startedAt": stamp(now),
        "completedAt": stamp(now),
    }
    return body | ({"numErrors": len(problems), "errors": problems} if problems else {})
