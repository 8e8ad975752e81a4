"""What QuickBooks says, and what it comes to: faults, webhooks, tokens."""

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from crossdock.connectors.quickbooks.connector import QuickBooksConnector
from crossdock.connectors.quickbooks.settings import QuickBooksSettings
from crossdock.core import json
from crossdock.core.connector import Call, Inbound, Outbound
from crossdock.core.effects import EffectClass
from crossdock.core.errors import CredentialError
from crossdock.core.limits import AuthExpired, Budget
from crossdock.core.secret import Credential, Secret
from crossdock.core.signatures import INTUIT, sign
from crossdock.core.verdict import Done, NotDone, Refused, Unknown
from crossdock.core.wire import Http, Response
from crossdock.engine.gate import Gate
from crossdock.testing.drive import drive, reply
from crossdock.testing.virtual_clock import VirtualClock, run_virtually

CREDENTIAL = Credential(
    {name: Secret(name) for name in ("client_id", "client_secret", "access_token", "refresh_token")}, account="9130"
)


def connector(**settings: Any) -> QuickBooksConnector:
    return QuickBooksConnector(QuickBooksSettings.model_validate({"currency": "CAD", **settings}))


def fault(code: str, kind: str = "ValidationFault") -> dict[str, Any]:
    return {"Fault": {"Error": [{"Message": "said", "Detail": "in detail", "code": code}], "type": kind}}


LOWER = {"fault": {"error": [{"message": "AuthenticationFailed", "detail": "Token expired", "code": "3200"}]}}
WRITE = Call("invoice", Http("POST", "https://x/v3/company/{realmId}/invoice"), EffectClass.NATIVE_KEY)
READ = Call("read", Http("GET", "https://x/v3/company/{realmId}/invoice/1"))


@pytest.mark.parametrize(
    ("answer", "call", "kind"),
    [
        (reply(200, {"Invoice": {"Id": "1"}}), WRITE, Done),
        (reply(200, fault("6000")), WRITE, Refused),
        (reply(200, "<html>Sign in</html>"), WRITE, Unknown),
        (reply(200, "<xml/>"), WRITE, Unknown),
        (reply(400, fault("6000")), WRITE, Refused),
        (reply(400, fault("5010")), WRITE, NotDone),
        (reply(400, fault("6240")), WRITE, NotDone),
        (reply(400, fault("6140")), WRITE, NotDone),
        (reply(400, fault("610")), WRITE, Refused),
        (reply(400, fault("610")), READ, Done),
        (Response(400, {"content-type": "application/json"}, b'{"Fault":{"Err'), WRITE, NotDone),
        (reply(404), READ, Done),
        (reply(401, LOWER), WRITE, NotDone),
        (reply(403, fault("3100")), WRITE, NotDone),
        (reply(429, fault("3001", "SERVICE")), WRITE, NotDone),
        (reply(500, fault("10000", "SystemFault")), WRITE, Unknown),
        (reply(503, "Service Unavailable"), WRITE, Unknown),
    ],
)
def test_each_fault_comes_to_its_verdict(answer: Any, call: Call, kind: type) -> None:
    assert isinstance(connector().judge(call, answer, 0.0), kind)


def test_a_payment_over_more_than_is_still_owed_reads_its_invoice_again() -> None:
    """An edit made the invoice smaller between the read and the booking."""
    payment = Call("payment", Http("POST", "https://x/v3/company/{realmId}/payment"), EffectClass.NATIVE_KEY)
    verdict = connector().judge(payment, reply(400, fault("6000")), 0.0)
    assert isinstance(verdict, NotDone)
    assert verdict.stale


def test_what_is_stale_is_built_anew_and_a_full_minute_uses_up_no_attempt() -> None:
    stale = connector().judge(WRITE, reply(400, fault("5010")), 0.0)
    assert isinstance(stale, NotDone)
    assert stale.stale
    throttled = connector().judge(WRITE, reply(429, fault("3001"), {"retry-after": "7"}), 0.0)
    assert isinstance(throttled, NotDone)
    assert (throttled.counts, throttled.wait_s) == (False, 7.0)


def test_a_token_that_is_not_let_in_is_a_token_to_renew() -> None:
    assert isinstance(connector().learn(WRITE, reply(401, LOWER))[0], AuthExpired)
    assert isinstance(connector().learn(WRITE, reply(403, fault("3100")))[0], AuthExpired)
    assert connector().learn(WRITE, reply(400, fault("6000"))) == []


def test_signing_fills_in_the_company_and_freezes_no_token() -> None:
    platform = connector()
    item = Outbound("i", {"name": "Ada"}, "shopify:1", "seed", "xd1")
    run = drive(platform, platform.actions["upsert_customer"].perform([item]), [reply(200, {"Customer": {"Id": "58"}})])
    frozen = run.calls[0].request
    assert "{realmId}" in frozen.url
    assert f"requestid={item.provider_key('customer')}" in frozen.url
    signed = platform.sign(frozen, CREDENTIAL, 0.0, "n")
    assert signed.url.startswith("https://quickbooks.api.intuit.com/v3/company/9130/customer?")
    assert ("authorization", "Bearer access_token") in signed.headers
    with pytest.raises(CredentialError, match="not connected"):
        platform.account(Credential())


def test_no_value_of_a_query_leaves_its_quotes() -> None:
    platform = connector()
    item = Outbound("i", {"name": "O'Neil\\"}, "shopify:1", "seed", "xd1")
    run = drive(platform, platform.actions["upsert_customer"].find(item), [reply(200, {"QueryResponse": {}})])
    assert "O%5C%27Neil%5C%5C%25%27" in run.calls[0].request.url


def test_a_window_of_a_minute_never_holds_more_calls_than_allowed() -> None:
    (limit,) = connector(requests_per_minute=500).limits
    assert limit.capacity + 60 * limit.per_s <= 500


@pytest.mark.parametrize("answer", [reply(429, fault("3001")), reply(429, "Too many"), reply(400, fault("3002"))])
def test_after_too_many_calls_the_next_ones_come_at_the_pace_of_the_minute_and_not_at_once(
    answer: Response,
) -> None:
    platform, clock = connector(requests_per_minute=500), VirtualClock()

    async def calls() -> float:
        gate, began_at = Gate(platform.limits, clock), clock.now()
        (lesson,) = platform.learn(WRITE, answer)
        assert isinstance(lesson, Budget)
        gate.learn(lesson)
        for _ in range(20):
            await gate.enter({})
            gate.leave()
        return clock.now() - began_at

    assert run_virtually(calls()) == pytest.approx(20 / platform.limits[0].per_s)


# --- webhooks ---------------------------------------------------------------------------------------------------

EVENT = {
    "specversion": "1.0", "id": "d1a3", "source": "intuit.x", "type": "qbo.invoice.updated.v1",
    "time": "2026-11-03T14:13:07.034359333Z", "intuitentityid": "145", "intuitaccountid": "9130", "data": {},
}  # fmt: skip


def inbound(body: Any) -> Inbound:
    return Inbound("POST", "https://hub/hooks/qb", {}, json.encode(body))


def test_cloud_events_are_split_and_each_record_is_read() -> None:
    webhook = connector().webhook
    assert webhook is not None
    deleted = {**EVENT, "id": "d2", "type": "qbo.payment.deleted.v1"}
    first, second = webhook.split(inbound([EVENT, deleted]))
    assert (first.topic, first.hydrate, first.remote_id) == ("invoice.updated", "invoice", "145")
    assert (second.topic, second.hydrate) == ("payment.deleted", "")
    assert first.identity != second.identity
    assert webhook.split(inbound([EVENT]))[0].identity == first.identity


def test_the_older_envelope_is_read_as_well() -> None:
    webhook = connector().webhook
    assert webhook is not None
    change = {"name": "Customer", "id": "43", "operation": "Create", "lastUpdated": "2016-10-05T03:07:04.000Z"}
    body = {"eventNotifications": [{"realmId": "9130", "dataChangeEvent": {"entities": [change]}}]}
    (part,) = webhook.split(inbound(body))
    assert (part.topic, part.hydrate, part.remote_id) == ("customer.created", "customer", "43")


@pytest.mark.parametrize("body", [{}, {"eventNotifications": 1}, ["x"], [{"id": "1"}]])
def test_what_is_no_notice_is_said_so(body: Any) -> None:
    webhook = connector().webhook
    assert webhook is not None
    with pytest.raises(ValueError, match=r"."):
        webhook.split(inbound(body))


def test_only_intuits_signature_lets_a_notice_in() -> None:
    webhook = connector().webhook
    assert webhook is not None
    request, secret = inbound([EVENT]), Secret("verifier")
    signed = Inbound("POST", request.url, dict(sign(INTUIT, request, secret, 0.0)), request.body)
    assert webhook.secret == "verifier_token"
    assert webhook.verify(signed, [secret], 0.0) is None
    assert webhook.verify(request, [secret], 0.0) is not None
    assert webhook.verify(signed, [Secret("other")], 0.0) is not None


# --- tokens -----------------------------------------------------------------------------------------------------

TOKENS = {"access_token": "a2", "refresh_token": "r2", "expires_in": 3600}


def test_every_answer_brings_the_refresh_token_to_use_from_now_on() -> None:
    platform = connector()
    run = drive(platform, platform.refresh(CREDENTIAL, 100.0), [reply(200, TOKENS)])
    assert run.value is not None
    assert (run.value.get("access_token"), run.value.get("refresh_token"), run.value.expires_at) == ("a2", "r2", 3700.0)
    headers = dict(run.calls[0].request.headers)
    assert headers["authorization"] == f"Basic {base64.b64encode(b'client_id:client_secret').decode()}"
    assert run.value.account == "9130"


@pytest.mark.parametrize("status", [400, 401])
def test_a_refresh_token_that_is_refused_needs_a_person(status: int) -> None:
    platform = connector()
    run = drive(platform, platform.refresh(CREDENTIAL, 0.0), [reply(status, {"error": "invalid_grant"})])
    assert isinstance(run.stopped, Refused)


def test_connecting_keeps_the_company_that_intuit_names() -> None:
    platform = connector()
    assert platform.oauth is not None
    callback = {"code": "c", "realmId": "77", "state": "s"}
    steps = platform.oauth.redeem(CREDENTIAL, "https://hub/connected", "verifier", callback, 0.0)
    run = drive(platform, steps, [reply(200, TOKENS)])
    assert run.value is not None
    assert run.value.account == "77"
    assert b"code_verifier=verifier" in run.calls[0].request.body
    url = platform.oauth.authorize_url(CREDENTIAL, "https://hub/connected", "s", "challenge")
    assert "code_challenge=challenge" in url
    with pytest.raises(CredentialError, match="access_denied"):
        drive(platform, platform.oauth.redeem(CREDENTIAL, "u", "v", {"error": "access_denied"}, 0.0))


def test_tax_codes_outside_the_us_are_ids() -> None:
    with pytest.raises(ValidationError, match="regime global"):
        connector(tax={"regime": "global"})
