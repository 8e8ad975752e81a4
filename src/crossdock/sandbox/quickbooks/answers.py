"""Answers that are not records: faults, the two gateways' refusals, the throttle.

Source: recorded answers: the API gateway in front says 401 and 403 in lower case and with `intuitObject`; the
service behind says `Fault`. No Retry-After comes with 429.
"""

from typing import Any

from crossdock.sandbox.http import Reply
from crossdock.sandbox.quickbooks.company import Company
from crossdock.sandbox.quickbooks.problems import FaultError


def fault(company: Company, problem: FaultError) -> Reply:
    return Reply.json({**problem.envelope(), "time": company.answered_at()}, problem.status)


def throttled(company: Company) -> Reply:
    return fault(
        company,
        FaultError(
            "3001",
            "message=ThrottleExceeded; errorCode=003001; statusCode=429",
            "The request limit was reached.",
            kind="SERVICE",
            status=429,
        ),
    )


def refusal(company: Company, status: int) -> Reply:
    if status == 429:
        return throttled(company)
    if status == 503:
        return Reply.text("Service Unavailable", 503)
    return fault(
        company,
        FaultError(
            "10000",
            "An application error has occurred while processing your request",
            "System Failure Error: An application error has occurred while processing your request",
            kind="SystemFault",
            status=status,
        ),
    )


def unauthenticated(company: Company, token: str) -> Reply:
    detail = f"Token expired: {token[:2]}..." if token else "Missing access token"
    reply = _gateway(company, 401, "AuthenticationFailed; errorCode=003200", "3200", "AUTHENTICATION", detail)
    return reply.with_headers({"www-authenticate": 'Bearer realm="Intuit", error="invalid_token"'})


def forbidden(company: Company) -> Reply:
    detail = "The application is not authorised for this company"
    return _gateway(company, 403, "ApplicationAuthorizationFailed; errorCode=003100", "3100", "AUTHORIZATION", detail)


def no_xml() -> Reply:
    return Reply.text(
        "QuickBooks would answer XML here; this simulator speaks JSON only. Send Accept: application/json.",
        406,
    )


def _gateway(company: Company, status: int, what: str, code: str, kind: str, detail: str) -> Reply:
    error = {
        "message": f"message={what}; statusCode={status}",
        "detail": detail,
        "code": code,
        "element": None,
    }
    body: dict[str, Any] = {
        "warnings": None,
        "intuitObject": None,
        "fault": {"error": [error], "type": kind},
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": int(company.clock.civil() * 1000),
        "status": None,
        "cdcresponse": [],
    }
    return Reply.json(body, status)
