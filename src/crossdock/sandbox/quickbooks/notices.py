"""Webhooks as CloudEvents: one POST for what one request changed.

Sources: Intuit blog, 2025-11-12 (CloudEvents payload, mandatory since 2026-05-15); Intuit docs, "Webhooks"
(intuit-signature, answer within 3 seconds, retry schedule, later events held back); python-quickbooks (signature).
"""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

from crossdock.sandbox.http import encode_json
from crossdock.sandbox.quickbooks.company import Change, Company
from crossdock.sandbox.webhooks import Webhook

TIMEOUT_S: Final = 3.0
SCHEDULE_S: Final = (10, 20, 30, 300, 1200, 7200, 14_400, *(21_600,) * 12)
"""Then it goes on every 6 hours; here it ends after 3 days."""
TOLD: Final = frozenset({"Customer", "Item", "Account", "Invoice", "CreditMemo", "RefundReceipt", "Payment", "TaxCode"})


def notice(company: Company, changes: Iterable[Change]) -> Webhook | None:
    """The webhook that tells of these changes; None when none of them is told."""
    events = [
        {
            "specversion": "1.0",
            "id": str(uuid.UUID(int=company.rng.getrandbits(128), version=4)),
            "source": "intuit.c2FuZGJveA==",
            "type": f"qbo.{change.kind.lower()}.{change.verb}.v1",
            "datacontenttype": "application/json",
            "time": company.nanos(),
            "intuitentityid": change.id,
            "intuitaccountid": company.realm_id,
            "data": {},
        }
        for change in dict.fromkeys(changes)
        if change.kind in TOLD
    ]
    if not events:
        return None
    headers = {"content-type": "application/json", "user-agent": "intuit_notification_server"}
    return Webhook(events[0]["id"], encode_json(events), headers, lane=company.realm_id)  # type: ignore[arg-type]


def signature(verifier_token: str, body: bytes) -> Mapping[str, str]:
    digest = hmac.new(verifier_token.encode(), body, hashlib.sha256).digest()
    return {"intuit-signature": base64.b64encode(digest).decode()}
