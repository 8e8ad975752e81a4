"""GraphQL requests as values, and what their answers mean. Business errors come with HTTP 200.

Source: shopify.dev, Admin GraphQL API: rate limits, response codes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossdock.connectors.shopify.documents import document
from crossdock.core import json
from crossdock.core.connector import Call
from crossdock.core.errors import NotJson
from crossdock.core.judge import judge_http
from crossdock.core.limits import Budget
from crossdock.core.verdict import Done, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Http, Response

POINTS = "points"
LONGEST_WAIT_S = 60.0
CLOSED_WAIT_S = 300.0
CLOSED = {402: "the shop is frozen", 423: "the shop is locked"}
RETRYABLE_USER_ERRORS = {"IDEMPOTENCY_CONCURRENT_REQUEST", "SERVICE_UNAVAILABLE"}


@dataclass(frozen=True, slots=True)
class Graph:
    """One shop's endpoint in one version."""

    url: str
    version: str

    def ask(self, step: str, name: str, variables: Mapping[str, Any], points: float) -> Call:
        """A read by a document of ours. `points`: what it is known to cost, drawn from the shop's budget beforehand."""
        body = {"query": document(name), "variables": variables}
        headers = (("accept", "application/json"), ("content-type", "application/json"))
        url = f"{self.url}/admin/api/{self.version}/graphql.json"
        return Call(step, Http("POST", url, headers, json.encode(body)), cost={POINTS: points})


def judge_graphql(response: Response, now: float) -> Verdict:
    status = response.status
    if status in CLOSED:
        return NotDone(f"HTTP {status}: {CLOSED[status]}", wait_s=CLOSED_WAIT_S, counts=False)
    body = _body(response)
    errors = body.get("errors") if isinstance(body, Mapping) else None
    if 200 <= status < 300 and isinstance(errors, list) and errors:
        return _judge_errors(body, errors)
    verdict = judge_http(response, now)
    if isinstance(verdict, Done):
        return _judge_data(verdict.answer, status)
    return verdict


def _judge_errors(body: Mapping[str, Any], errors: Sequence[Any]) -> Verdict:
    """Data that came beside errors is not believed: a field null for want of a scope looks like an empty one."""
    told = [error for error in errors if isinstance(error, Mapping)]
    codes = {str((error.get("extensions") or {}).get("code") or "") for error in told}
    said = "; ".join(str(error.get("message")) for error in told[:3])[:300]
    if "THROTTLED" in codes:
        return NotDone(said, wait_s=wait_s(body), counts=False)
    if "INTERNAL_SERVER_ERROR" in codes:
        return Unknown(said)
    if "MAX_COST_EXCEEDED" in codes:
        return Refused(f"{said}: the page must be smaller")
    return Refused(f"{', '.join(sorted(filter(None, codes))) or 'GraphQL error'}: {said}")


def _judge_data(body: Any, status: int) -> Verdict:
    data = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(data, Mapping):
        return Unknown(f"HTTP {status} with something else than a GraphQL answer")
    for name, payload in data.items():
        errors = payload.get("userErrors") if isinstance(payload, Mapping) else None
        if not errors:
            continue
        said = f"{name}: " + "; ".join(str(error.get("message")) for error in errors[:3])
        if {str(error.get("code") or "") for error in errors} & RETRYABLE_USER_ERRORS:
            return NotDone(said)
        return Refused(said)
    return Done(data)


def wait_s(body: Mapping[str, Any]) -> float:
    """How long until the bucket holds what the request asks for; Shopify names no time itself."""
    cost = (body.get("extensions") or {}).get("cost") or {}
    status = cost.get("throttleStatus") or {}
    missing = _number(cost.get("requestedQueryCost"), 100.0) - _number(status.get("currentlyAvailable"), 0.0)
    rate = _number(status.get("restoreRate"), 50.0) or 50.0
    return min(max(missing / rate, 1.0), LONGEST_WAIT_S)


def budget_in(response: Response) -> Budget | None:
    """What an answer says about the bucket of points."""
    body = _body(response)
    extensions = body.get("extensions") if isinstance(body, Mapping) else None
    cost = extensions.get("cost") if isinstance(extensions, Mapping) else None
    status = cost.get("throttleStatus") if isinstance(cost, Mapping) else None
    if not isinstance(status, Mapping) or "currentlyAvailable" not in status:
        return None
    return Budget(
        POINTS,
        remaining=_number(status.get("currentlyAvailable"), 0.0),
        capacity=_number(status.get("maximumAvailable"), 0.0) or None,
        per_s=_number(status.get("restoreRate"), 0.0) or None,
    )


def _body(response: Response) -> Any:
    try:
        return response.json() if response.body and response.media_type != "text/html" else None
    except NotJson:
        return None


def _number(value: Any, otherwise: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return otherwise
