"""Intuit's webhooks: CloudEvents in an array, or the older envelope; ids only.

Source: Intuit blog, 2025-11-12; Intuit docs, Webhooks. An answer is due within 3 seconds, and later events are held
back until the first is acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crossdock.core import json
from crossdock.core.connector import Inbound, Part, Rejected, Webhook
from crossdock.core.errors import NotJson
from crossdock.core.ids import digest
from crossdock.core.secret import Secret
from crossdock.core.signatures import INTUIT, verify

HYDRATED = {"customer", "invoice", "payment", "item", "refundreceipt", "creditmemo"}
_LEGACY_VERBS = {
    "Create": "created", "Update": "updated", "Delete": "deleted", "Merge": "merged", "Void": "voided",
    "Emailed": "emailed",
}  # fmt: skip


class IntuitWebhook(Webhook):
    keep_headers = ("intuit-t-id", "intuit-created-time")
    secret = "verifier_token"  # noqa: S105 - its name

    def verify(self, request: Inbound, secrets: Sequence[Secret], civil: float) -> Rejected | None:
        return verify(INTUIT, request, secrets, civil)

    def split(self, request: Inbound) -> Sequence[Part]:
        try:
            body = json.decode(request.body)
        except NotJson as error:
            raise ValueError(f"the body is {error.what}") from None
        events = body if isinstance(body, list) else list(_legacy(body))
        if not all(isinstance(event, Mapping) for event in events):
            raise ValueError("the body is not a list of events")
        return [_part(event) for event in events]


def _part(event: Mapping[str, Any]) -> Part:
    kind, remote_id, realm = (str(event.get(name) or "") for name in ("type", "intuitentityid", "intuitaccountid"))
    words = kind.split(".")
    if len(words) != 4 or words[0] != "qbo" or not remote_id or not event.get("id"):
        raise ValueError("an event has no id, entity or type qbo.<entity>.<verb>.v1")
    entity, verb = words[1].lower(), words[2].lower()
    hydrate = entity if entity in HYDRATED and verb not in {"deleted", "merged"} else ""
    return Part(
        identity=digest(str(event["id"]), entity, remote_id, verb),
        topic=f"{entity}.{verb}",
        order_hint=f"{realm}/{entity}/{remote_id}",
        body=json.encode(event),
        hydrate=hydrate,
        remote_id=remote_id,
    )


def _legacy(body: Any) -> Iterator[Mapping[str, Any]]:
    """The envelope of before May 2026, in the words of the new one. It has no ids: what it says identifies it."""
    notices = body.get("eventNotifications") if isinstance(body, Mapping) else None
    if not isinstance(notices, list):
        raise ValueError("the body is neither a list of events nor eventNotifications")
    for notice in notices:
        realm = notice.get("realmId") if isinstance(notice, Mapping) else None
        change = notice.get("dataChangeEvent") if isinstance(notice, Mapping) else None
        entities = change.get("entities") if isinstance(change, Mapping) else None
        for entity in entities if isinstance(entities, list) else ():
            name, remote_id = str(entity.get("name") or ""), str(entity.get("id") or "")
            verb = _LEGACY_VERBS.get(str(entity.get("operation") or ""), "updated")
            yield {
                "id": digest(str(realm), name, remote_id, verb, str(entity.get("lastUpdated") or "")),
                "type": f"qbo.{name.lower()}.{verb}.v1",
                "time": entity.get("lastUpdated"),
                "intuitentityid": remote_id,
                "intuitaccountid": realm,
                **({"data": {"deletedId": entity["deletedId"]}} if entity.get("deletedId") else {}),
            }
