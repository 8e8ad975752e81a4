"""HubSpot's webhooks: an array of up to 100 changes, ids and single properties only.

Source: HubSpot docs, Webhooks. `eventId` alone is not unique; `attemptNumber` counts the tries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.core import json
from crossdock.core.connector import Inbound, Part, Rejected, Webhook
from crossdock.core.errors import NotJson
from crossdock.core.ids import digest
from crossdock.core.secret import Secret
from crossdock.core.signatures import HUBSPOT_V3, verify

HYDRATED = {"contact": "contact", "deal": "deal"}
_TELL_A_RECORD = {"creation", "propertyChange", "merge", "restore"}


class HubSpotWebhook(Webhook):
    secret = "client_secret"  # noqa: S105 - its name

    def verify(self, request: Inbound, secrets: Sequence[Secret], civil: float) -> Rejected | None:
        return verify(HUBSPOT_V3, request, secrets, civil)

    def split(self, request: Inbound) -> Sequence[Part]:
        try:
            events = json.decode(request.body)
        except NotJson as error:
            raise ValueError(f"the body is {error.what}") from None
        if not isinstance(events, list) or not all(isinstance(event, Mapping) for event in events):
            raise ValueError("the body is not a list of events")
        return [_part(event) for event in events]


def _part(event: Mapping[str, Any]) -> Part:
    topic = str(event.get("subscriptionType") or "")
    kind, _, change = topic.partition(".")
    remote_id = event.get("newObjectId") if change == "merge" else event.get("objectId")
    if remote_id is None and change == "associationChange":
        remote_id = event.get("fromObjectId")
    if not kind or not change or not isinstance(remote_id, int | str) or isinstance(remote_id, bool):
        raise ValueError("an event has no subscriptionType or no objectId")
    parts = [str(event.get(name)) for name in ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt")]
    content = {name: value for name, value in event.items() if name != "attemptNumber"}
    return Part(
        identity=digest(*parts, topic, str(event.get("propertyName") or "")),
        topic=topic,
        order_hint=f"{kind}/{remote_id}",
        body=json.encode(event),
        content=json.canonical(content),
        hydrate=HYDRATED.get(kind, "") if change in _TELL_A_RECORD else "",
        remote_id=str(remote_id),
    )
