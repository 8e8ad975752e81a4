"""Many operations in one call, and what changed since a time.

Sources: Intuit docs, "Batch" (30 items, in order, each its own transaction, each with its own fault) and
"ChangeDataCapture" (30 days back, 1000 objects, deleted records as stubs).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from crossdock.sandbox.quickbooks import books, problems, query
from crossdock.sandbox.quickbooks.company import Change, Company, Record
from crossdock.sandbox.quickbooks.kinds import KINDS, Kind

MAX_ITEMS: Final = 30
MAX_CHANGED: Final = 1000
LOOK_BACK: Final = timedelta(days=30)


def batch(company: Company, body: Mapping[str, Any]) -> tuple[dict[str, Any], list[Change]]:
    """The answer, and every change that its items made. Raises FaultError where the call as a whole is wrong."""
    items = body.get("BatchItemRequest")
    if not isinstance(items, list) or not items:
        raise problems.missing("BatchItemRequest")
    if len(items) > MAX_ITEMS:
        raise problems.business(f"A batch takes at most {MAX_ITEMS} items, not {len(items)}")
    answers: list[dict[str, Any]] = []
    changes: list[Change] = []
    for item in items:
        if not isinstance(item, dict):
            raise problems.unknown_property("BatchItemRequest", "must be an array of objects")
        try:
            with company.transaction():
                answers.append({**_item(company, item), "bId": item.get("bId")})
                changes += company.changes
        except problems.FaultError as fault:
            answers.append({**fault.envelope(), "bId": item.get("bId")})
    return {"BatchItemResponse": answers}, changes


def _item(company: Company, item: Mapping[str, Any]) -> dict[str, Any]:
    if "Query" in item:
        return {"QueryResponse": query.run(company, str(item["Query"]), _show(company))}
    names = [name for name in item if name.lower() in KINDS]
    if len(names) != 1 or not isinstance(item[names[0]], dict):
        raise problems.unknown_property("BatchItemRequest", "must hold one entity or a Query")
    kind, body = KINDS[names[0].lower()], item[names[0]]
    match item.get("operation"):
        case "create" | "update":
            done = books.shown(company, kind, books.save(company, kind, body))
        case "delete":
            done = books.delete(company, kind, body)
        case other:
            raise problems.invalid_enumeration("operation", str(other))
    return {kind.name: done}


def changed_since(company: Company, entities: str, since: str) -> dict[str, Any]:
    """The CDCResponse. Raises FaultError."""
    try:
        moment = datetime.fromisoformat(since)
        if moment.tzinfo is None:
            raise ValueError("an offset is needed")
    except ValueError:
        raise problems.unknown_property("changedSince", "must be a date and time with its offset") from None
    if moment < datetime.fromisoformat(company.stamp()) - LOOK_BACK:
        raise problems.business("changedSince is more than 30 days ago", "changedSince")
    answers: list[dict[str, Any]] = []
    for name in entities.split(","):
        kind = KINDS.get(name.strip().lower())
        if kind is None:
            raise problems.invalid_enumeration("entities", name.strip())
        records = _changed(company, kind, moment)
        page = {kind.name: records, "startPosition": 1, "maxResults": len(records)}
        answers.append(page if records else {})
    return {"CDCResponse": [{"QueryResponse": answers}]}


def _changed(company: Company, kind: Kind, since: datetime) -> list[Record]:
    alive = [
        books.shown(company, kind, record)
        for record in company.every(kind.name)
        if datetime.fromisoformat(record["MetaData"]["LastUpdatedTime"]) >= since
    ]
    gone = [
        {"domain": "QBO", "status": "Deleted", "Id": id_, "MetaData": {"LastUpdatedTime": stamp}}
        for (name, id_), stamp in company.gone.items()
        if name == kind.name and datetime.fromisoformat(stamp) >= since
    ]
    return (alive + gone)[:MAX_CHANGED]


def _show(company: Company) -> Any:
    return lambda kind, record: books.shown(company, kind, record)
