"""Webhooks: arrays of up to a hundred events, each only a change and never the record, signed with version 3.

Sources: HubSpot docs, "Webhooks" (arrays of 100, fields, five seconds, ten retries over a day, no order) and
"Validating requests" (version 3: method, URI, body and time in milliseconds; which escapes are decoded); the official
Python client's signature code.
"""

import base64
import hashlib
import hmac
import random
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from crossdock.sandbox.http import encode_json
from crossdock.sandbox.hubspot.portal import Event
from crossdock.sandbox.hubspot.schema import SINGULAR

MAX_EVENTS: Final = 100
RETRY_S: Final = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 14_400.0, 21_600.0, 25_200.0)
"""Ten retries over a day (the single waits are random and not published)."""

TIMEOUT_S: Final = 5.0
_NAMES: Final = ("creation", "propertyChange", "deletion", "merge", "associationChange")
_DECODED: Final = {
    code: bytes.fromhex(code).decode()
    for code in ["3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B"]
}


def lines(
    events: Sequence[Event], portal_id: int, app_id: int, source: str, rng: random.Random
) -> list[dict[str, Any]]:
    """Every subscription that the app could make exists. Event ids are not unique by contract; order is none."""
    found = []
    for event in events:
        subscription = 1000 * (1 + list(SINGULAR).index(event.kind)) + _NAMES.index(event.name)
        found.append(
            {
                "eventId": rng.getrandbits(32),
                "subscriptionId": subscription,
                "portalId": portal_id,
                "appId": app_id,
                "occurredAt": round(event.occurred_at * 1000),
                "subscriptionType": f"{SINGULAR[event.kind]}.{event.name}",
                "attemptNumber": 0,
                "objectId": event.object_id,
                "changeSource": source,
                **event.more,
            }
        )
    rng.shuffle(found)
    return found


def chunked(events: Sequence[dict[str, Any]]) -> list[Sequence[dict[str, Any]]]:
    return [events[start : start + MAX_EVENTS] for start in range(0, len(events), MAX_EVENTS)]


def numbered(events: Sequence[dict[str, Any]]) -> Callable[[int], bytes]:
    """The body of a later attempt: the same events, another `attemptNumber`."""
    return lambda number: encode_json([{**event, "attemptNumber": number} for event in events])


def signature(secret: str, url: str, body: bytes, timestamp_ms: int) -> str:
    """Base64 HMAC-SHA256 over METHOD + URI + body + timestamp; some escapes in the URI are decoded first."""
    uri = re.sub(r"%([0-9A-Fa-f]{2})", lambda found: _DECODED.get(found[1].upper(), found[0]), url)
    text = b"POST" + uri.encode() + body + str(timestamp_ms).encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
