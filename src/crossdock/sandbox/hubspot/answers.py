"""Error bodies, in the platform's words. All share one shape; parsers may find any field missing but these here.

`{"status": "error", "message", "correlationId", "category", "subCategory"?, "context"?, "errors"?, "links"?}`

Sources: HubSpot's public API specification, schema Error; HubSpot docs, "Error handling" (categories; invalid values
are JSON inside the message) and "Usage guidelines" (429 names its policy and no time); the conflict that names the
existing id, as quoted in public clients.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]


@dataclass
class Refusal(Exception):
    """Ends a request, or in a batch one input of it."""

    status: int
    category: str
    message: str
    more: Mapping[str, Any] = field(default_factory=dict)

    def body(self, correlation_id: str) -> Body:
        return {
            "status": "error",
            "message": self.message,
            "correlationId": correlation_id,
            **self.more,
            "category": self.category,
        }

    def item(self, trace_id: str | None) -> Body:
        """As one of the `errors` of a 207; an input is told by its trace id, not by its place."""
        context = dict(self.more.get("context", {}))
        if trace_id is not None:
            context["objectWriteTraceId"] = [trace_id]
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": context,
            "errors": list(self.more.get("errors", ())),
            "links": {},
        }


def invalid(message: str, **more: Any) -> Refusal:
    return Refusal(400, "VALIDATION_ERROR", message, more)


def not_found(message: str = "resource not found", **context: Sequence[str]) -> Refusal:
    return Refusal(404, "OBJECT_NOT_FOUND", message, {"context": context} if context else {})


def conflict(message: str) -> Refusal:
    return Refusal(409, "CONFLICT", message)


@dataclass(frozen=True)
class Wrong:
    """One property value that cannot be stored."""

    name: str
    code: str
    message: str


def non_unique(name: str, kind_id: str, portal_id: int) -> Refusal:
    return invalid(f"Unable to perform update/upsert by non-unique {kind_id} property {name} in portal ID {portal_id}")


def invalid_values(wrong: Sequence[Wrong], portal_id: int) -> Refusal:
    """The details are JSON inside the message string, and again, shorter, in `errors`."""
    details = [
        {
            "isValid": False,
            "message": one.message,
            "error": one.code,
            "name": one.name,
            "localizedErrorMessage": one.message,
            "portalId": portal_id,
        }
        for one in wrong
    ]
    return invalid(
        f"Property values were not valid: {json.dumps(details, ensure_ascii=False, separators=(',', ':'))}",
        errors=[{"message": one.message, "code": one.code, "context": {"propertyName": [one.name]}} for one in wrong],
    )


def unauthenticated(*, expired: bool = False) -> Refusal:
    """The category of an expired token: unverified."""
    if expired:
        return Refusal(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
    return Refusal(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more"
        " details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )


def missing_scopes(scopes: Sequence[str]) -> Refusal:
    """Partly unverified: the shape of `errors`."""
    return Refusal(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call.",
        {
            "errors": [
                {
                    "message": "One or more of the following scopes are required.",
                    "context": {"requiredGranularScopes": list(scopes)},
                }
            ]
        },
    )


_LIMITS = {
    "TEN_SECONDLY_ROLLING": "You have reached your ten_secondly_rolling limit.",
    "DAILY": "You have reached your daily limit.",
    "SECONDLY": "You have reached your secondly limit.",
}


def too_many(policy: str, correlation_id: str) -> Body:
    """A 429: client libraries wait by `policyName`, or by the exact message where it is a search. No Retry-After."""
    return {
        "status": "error",
        "message": _LIMITS[policy],
        "errorType": "RATE_LIMIT",
        "correlationId": correlation_id,
        "policyName": policy,
    }
