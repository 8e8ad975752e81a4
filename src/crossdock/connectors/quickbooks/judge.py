"""What a QuickBooks answer means. Faults come with 400, 401, 403, 429, 500 and now and then 200, in two spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crossdock.core.connector import Call
from crossdock.core.errors import NotJson
from crossdock.core.judge import judge_http, retry_after_s
from crossdock.core.verdict import Done, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Response

STALE = {
    "5010": "somebody changed the record in the meantime",
    "6240": "the name is taken by another customer, vendor, employee or item",
    "6140": "the document number is taken",
}
"""The request was built on an old read: read again, build anew."""
OVERPAID = "6000"
"""On a payment: its invoice is owed less than when it was read, because an edit or another payment came between."""
PAYMENT = "payment"
"""The step that books one."""
THROTTLED = {"3001", "3002"}
NOT_LET_IN = {"120", "3100", "3200", "3201"}
GONE = {"610"}
"""Object not found."""
SYSTEM = {"10000"}


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    said: str
    kind: str


def fault_in(body: Any) -> Fault | None:
    """The first fault of an answer, spelled Fault/Error/Message or fault/error/message."""
    if not isinstance(body, Mapping):
        return None
    fault = body.get("Fault") or body.get("fault")
    if not isinstance(fault, Mapping):
        return None
    errors = fault.get("Error") or fault.get("error") or [{}]
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
    message = str(first.get("Message") or first.get("message") or "")
    detail = str(first.get("Detail") or first.get("detail") or "")
    said = message if not detail or detail in message else f"{message}: {detail}" if message else detail
    return Fault(str(first.get("code") or ""), said[:500], str(fault.get("type") or ""))


def _answered(response: Response) -> Any:
    try:
        return response.json() if response.body and response.media_type != "text/html" else None
    except NotJson:
        return None


def judge_quickbooks(call: Call, response: Response, now: float) -> Verdict:
    status, body = response.status, _answered(response)
    fault = fault_in(body)
    if fault is None:
        if 200 <= status < 300 and not isinstance(body, Mapping):
            return Unknown(f"HTTP {status} with something else than a QuickBooks answer")
        if status == 404 and call.effect is None:
            return Done(None)
        if status == 400 and "json" in response.media_type and body is None:
            return NotDone("HTTP 400 with half an answer, which does not tell why")
        return judge_http(response, now)
    said = f"HTTP {status}, code {fault.code or 'unknown'}: {fault.said}"
    if fault.code in THROTTLED or status == 429:
        return NotDone(said, wait_s=retry_after_s(response.header("retry-after"), now), counts=False)
    if status in {401, 403} or fault.code in NOT_LET_IN:
        return NotDone(said)
    if fault.code in SYSTEM or fault.kind.lower() == "systemfault" or status >= 500:
        return Unknown(said)
    if fault.code in GONE and call.effect is None:
        return Done(None)
    if fault.code == OVERPAID and call.step == PAYMENT:
        return NotDone(f"the invoice's balance has changed ({fault.said})", stale=True)
    if fault.code in STALE and call.effect is not None:
        return NotDone(f"{STALE[fault.code]} ({fault.said})", stale=True)
    return Refused(said)


def is_throttled(response: Response) -> bool:
    """Too many calls in a minute, or at once."""
    if response.status == 429:
        return True
    fault = fault_in(_answered(response)) if response.status >= 400 else None
    return fault is not None and fault.code in THROTTLED


def not_let_in(response: Response) -> str:
    """Why the token was not accepted, "" when it was."""
    if response.status == 401:
        return "HTTP 401"
    if response.status == 403:
        return "HTTP 403: the app is not authorised for this company"
    return ""
