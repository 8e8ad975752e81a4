"""What a HubSpot answer means; a batch's answer item by item.

Source: HubSpot docs, error handling, usage guidelines; recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.core import json
from crossdock.core.connector import Call
from crossdock.core.errors import NotJson
from crossdock.core.judge import judge_http, retry_after_s
from crossdock.core.limits import Budget
from crossdock.core.verdict import Done, Items, ItemVerdict, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Response

EXISTING = "existing_id"
"""A conflict's answer: the record that holds the unique value already, so the write goes on there."""
_EXISTING_ID = re.compile(r"Existing ID: (\d+)")
_WAITS_S = {"SECONDLY": 1.0, "DAILY": 3600.0}
_WRITES = ("/batch/upsert", "/batch/update")
LOCKED = {423: 2.0, 477: 60.0}


def judge_hubspot(call: Call, response: Response, now: float, key_property: str) -> Verdict:
    """`key_property`: the hub's own; an account that lacks it gets it with the next revision."""
    status = response.status
    body = _body(response)
    if status in LOCKED:
        wait_s = retry_after_s(response.header("retry-after"), now)
        return NotDone(_said(status, body), wait_s=LOCKED[status] if wait_s is None else wait_s, counts=False)
    if status == 429:
        return NotDone(_said(status, body), wait_s=_limit_wait_s(response, body, now), counts=False)
    if status == 404 and call.effect is None:
        return Done(None)
    if call.request.url.endswith(_WRITES) and isinstance(body, Mapping):
        inputs = json.decode(call.request.body)["inputs"]
        if 200 <= status < 300:
            return _judge_batch(body, inputs)
        if status == 400 and key_property in str(body.get("message")):
            return NotDone(f"the account has no unique property {key_property!r}: {_said(status, body)}", stale=True)
        if status in {400, 404, 409}:
            return _judge_whole(status, body, inputs)
    if status == 409 and "/crm/properties/" in call.request.url:
        return Done(body)
    if status in {400, 404, 409} and "json" in response.media_type and body is None:
        return NotDone(f"HTTP {status} with half an answer, which does not tell why")
    return judge_http(response, now)


def _judge_batch(body: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Items:
    """By trace id; where an answer leaves it out, by the unique value or the record id that was sent."""
    by_value = {str(row["id"]).lower(): row["objectWriteTraceId"] for row in inputs}
    id_property = inputs[0].get("idProperty", "") if inputs else ""
    found: dict[str, ItemVerdict] = {}
    for record in body.get("results") or ():
        value = (record.get("properties") or {}).get(id_property) if id_property else record.get("id")
        trace = record.get("objectWriteTraceId") or by_value.get(str(value).lower())
        if trace:
            found[str(trace)] = Done(record)
    for error in body.get("errors") or ():
        for trace in (error.get("context") or {}).get("objectWriteTraceId") or ():
            found[str(trace)] = _judge_item(error)
    return Items(found)


def _judge_item(error: Mapping[str, Any]) -> ItemVerdict:
    message, category = str(error.get("message") or ""), str(error.get("category") or "")
    existing = _EXISTING_ID.search(message)
    if category == "CONFLICT" and existing:
        return Done({EXISTING: existing[1]})
    said = f"{category}: {message[:300]}"
    if category == "OBJECT_NOT_FOUND":
        return NotDone(f"the record is gone: merged or deleted ({said})", stale=True)
    if category in {"RATE_LIMITS", "INTERNAL_ERROR"}:
        return NotDone(said, counts=False) if category == "RATE_LIMITS" else Unknown(said)
    return Refused(said)


def _judge_whole(status: int, body: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]]) -> Verdict:
    """Nothing of the batch was written. One guilty input fails them all, so many are tried again one by one."""
    if len(inputs) > 1:
        return NotDone(f"one of {len(inputs)} records fails them all: {_said(status, body)}", stale=True)
    return Items({str(inputs[0]["objectWriteTraceId"]): _judge_item(body)})


def _limit_wait_s(response: Response, body: Any, now: float) -> float:
    """HubSpot names the limit, not the time: its length is waited for."""
    said = retry_after_s(response.header("retry-after"), now)
    if said is not None:
        return said
    policy = str(body.get("policyName") or "") if isinstance(body, Mapping) else ""
    if policy == "" and isinstance(body, Mapping) and "secondly limit" in str(body.get("message")):
        policy = "SECONDLY" if "ten_secondly" not in str(body.get("message")) else ""
    return _WAITS_S.get(policy) or _interval_s(response)


def budgets_in(response: Response) -> Sequence[Budget]:
    """The ten-second window, and the day where the account has a daily limit. Searches tell neither."""
    found = []
    remaining, most = _header(response, "remaining"), _header(response, "max")
    if remaining is not None:
        per_s = most / _interval_s(response) if most else None
        found.append(Budget("requests", remaining, capacity=most, per_s=per_s))
    daily = _header(response, "daily-remaining")
    if daily is not None:
        found.append(Budget("daily", daily, capacity=_header(response, "daily")))
    return found


def _interval_s(response: Response) -> float:
    return (_header(response, "interval-milliseconds") or 10_000.0) / 1000.0


def _header(response: Response, name: str) -> float | None:
    text = response.header(f"x-hubspot-ratelimit-{name}")
    return float(text) if text.isascii() and text.isdigit() else None


def _said(status: int, body: Any) -> str:
    if not isinstance(body, Mapping):
        return f"HTTP {status}"
    return f"HTTP {status} {body.get('category') or ''}: {str(body.get('message') or '')[:300]}"


def _body(response: Response) -> Any:
    try:
        return response.json() if response.body and response.media_type != "text/html" else None
    except NotJson:
        return None
