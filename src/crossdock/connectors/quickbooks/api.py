"""QuickBooks requests as values.

The company is written as `{realmId}` in every URL and filled in when the request is signed: actions do not know whose
books they keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from crossdock.core import json
from crossdock.core.errors import ForAPerson
from crossdock.core.wire import Http

MINOR_VERSION = "75"
"""Lower ones are retired and served as 75."""
REALM = "{realmId}"
MAX_ROWS = 1000
_JSON = (("accept", "application/json"), ("content-type", "application/json"))


@dataclass(frozen=True, slots=True)
class Api:
    base_url: str

    def _url(self, path: str, **query: str) -> str:
        said = urlencode({**query, "minorversion": MINOR_VERSION})
        return f"{self.base_url}/v3/company/{REALM}/{path}?{said}"

    def read(self, entity: str, remote_id: str) -> Http:
        return Http("GET", self._url(f"{entity.lower()}/{quote(remote_id, safe='')}"), _JSON[:1])

    def select(self, entity: str, condition: str) -> Http:
        """Up to 1,000 records. Literals in the condition come from `quoted` and `any_of`."""
        statement = f"select * from {entity} where {condition} maxresults {MAX_ROWS}"  # noqa: S608 - see above
        return Http("GET", self._url("query", query=statement), _JSON[:1])

    def save(self, entity: str, body: Mapping[str, Any], request_id: str) -> Http:
        """Creates, or updates where the body has Id and SyncToken. A repeat with the same `request_id` (≤ 50
        characters) is answered with the first result."""
        return Http("POST", self._url(entity.lower(), requestid=request_id), _JSON, json.encode(body))

    def void(self, entity: str, remote_id: str, sync_token: str, request_id: str) -> Http:
        url = self._url(entity.lower(), operation="void", requestid=request_id)
        return Http("POST", url, _JSON, json.encode({"Id": remote_id, "SyncToken": sync_token}))


def quoted(text: str) -> str:
    """A literal in a query."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def any_of(texts: Iterable[str]) -> str:
    """A list for IN."""
    return f"({', '.join(quoted(text) for text in texts)})"


def rows(answer: Any, entity: str) -> list[Mapping[str, Any]]:
    """A query's records; an empty result has no entity key at all."""
    response = answer.get("QueryResponse") if isinstance(answer, Mapping) else None
    found = response.get(entity, []) if isinstance(response, Mapping) else []
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else []


def record_of(answer: Any, entity: str) -> Mapping[str, Any]:
    """The record in an answer's envelope. Raises ForAPerson: the answer is another platform's."""
    record = answer.get(entity) if isinstance(answer, Mapping) else None
    if not isinstance(record, Mapping) or not record.get("Id"):
        raise ForAPerson(f"QuickBooks answered without the {entity} that was saved")
    return record
