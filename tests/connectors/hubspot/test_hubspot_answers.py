"""What HubSpot says, and what it comes to: batches item by item, limits, webhooks, tokens."""

from typing import Any

import pytest

from crossdock.connectors.hubspot.connector import HubSpotConnector
from crossdock.connectors.hubspot.settings import HubSpotSettings
from crossdock.core import json
from crossdock.core.connector import Inbound, Outbound
from crossdock.core.errors import CredentialError
from crossdock.core.limits import Budget
from crossdock.core.secret import Credential, Secret
from crossdock.core.signatures import HUBSPOT_V3, sign
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown
from crossdock.core.wire import Response
from crossdock.testing.drive import drive, reply

CREDENTIAL = Credential({name: Secret(name) for name in ("client_id", "client_secret", "refresh_token")})


def connector(**settings: Any) -> HubSpotConnector:
    return HubSpotConnector(HubSpotSettings.model_validate(settings))


def person(name: str, email: str = "", **fields: Any) -> Outbound:
    value = {"name": name, "first_name": name, **({"email": email} if email else {})}
    return Outbound(name, value, f"shopify:{name}", f"seed {name}", "xd1", **fields)


def contact(id_: str, trace: str, **properties: str) -> dict[str, Any]:
    return {
        "id": id_,
        "properties": properties,
        "updatedAt": "2026-11-03T14:00:00Z",
        "objectWriteTraceId": trace,
        "new": True,
    }


def error(trace: str, category: str, message: str = "said") -> dict[str, Any]:
    return {"category": category, "message": message, "context": {"objectWriteTraceId": [trace]}}


def test_one_request_carries_many_contacts_and_each_has_its_outcome() -> None:
    platform = connector()
    action = platform.actions["upsert_contact"]
    answer = reply(
        207, {"results": [contact("501", "a"), contact("502", "c")], "errors": [error("b", "VALIDATION_ERROR")]}
    )
    run = drive(
        platform, action.perform([person("a", "A@x.org"), person("b", "b@x.org"), person("c", "c@x.org")]), [answer]
    )
    (call,) = run.calls
    assert call.items == ("a", "b", "c")
    body = run.body("contacts:email")
    assert (body["inputs"][0]["id"], body["inputs"][0]["idProperty"]) == ("a@x.org", "email")
    assert run.value is not None
    assert {item: receipt.remote_id for item, receipt in run.value.items()} == {"a": "501", "c": "502"}
    verdict = platform.judge(call, answer, 0.0)
    assert isinstance(verdict, Items)
    assert isinstance(verdict.by_id["b"], Refused)


def test_linked_contacts_go_by_id_those_without_an_address_by_the_hubs_own_property() -> None:
    platform = connector()
    items = [person("a", "a@x.org"), person("b"), person("c", "c@x.org", remote_id="77")]
    answers = [reply(200, {"results": [contact(f"50{n}", item.id)]}) for n, item in enumerate(items)]
    run = drive(platform, platform.actions["upsert_contact"].perform(items), answers)
    assert [call.step for call in run.calls] == ["contacts:email", "contacts:crossdock_key", "contacts:id"]
    assert run.body("contacts:crossdock_key")["inputs"][0]["properties"]["crossdock_key"] == "shopify:b"
    assert run.calls[2].request.url.endswith("/contacts/batch/update")


def test_one_address_twice_is_two_requests_for_a_batch_may_not_name_a_record_twice() -> None:
    platform = connector()
    items = [person("a", "x@x.org"), person("b", "X@x.org")]
    answers = [reply(200, {"results": [contact("501", item.id)]}) for item in items]
    run = drive(platform, platform.actions["upsert_contact"].perform(items), answers)
    assert [call.items for call in run.calls] == [("a",), ("b",)]


def test_without_trace_ids_results_are_told_apart_by_what_was_sent_and_never_by_place() -> None:
    platform = connector()
    results = [
        {"id": "502", "properties": {"email": "b@x.org"}},
        {"id": "501", "properties": {"email": "a@x.org"}},
    ]
    items = [person("a", "a@x.org"), person("b", "b@x.org")]
    run = drive(platform, platform.actions["upsert_contact"].perform(items), [reply(200, {"results": results})])
    assert run.value is not None
    assert {item: receipt.remote_id for item, receipt in run.value.items()} == {"a": "501", "b": "502"}


def test_a_second_address_of_another_contact_leads_to_that_contact() -> None:
    platform = connector()
    conflict = error("a", "CONFLICT", "Contact already exists. Existing ID: 3401")
    answers = [reply(207, {"results": [], "errors": [conflict]}), reply(200, {"results": [contact("3401", "a")]})]
    run = drive(platform, platform.actions["upsert_contact"].perform([person("a", "a@x.org")]), answers)
    assert run.body("contacts.existing:id")["inputs"][0]["id"] == "3401"
    assert run.value is not None
    assert run.value["a"].remote_id == "3401"


def test_a_contact_that_was_merged_away_is_looked_for_again() -> None:
    platform = connector()
    action = platform.actions["upsert_contact"]
    gone = reply(207, {"results": [], "errors": [error("a", "OBJECT_NOT_FOUND")]})
    run = drive(platform, action.perform([person("a", "a@x.org", remote_id="77")]), [gone])
    verdict = platform.judge(run.calls[0], gone, 0.0)
    assert isinstance(verdict, Items)
    said = verdict.by_id["a"]
    assert isinstance(said, NotDone)
    assert said.stale
    again = person("a", "a@x.org", remote_id="77", revision=1)
    run = drive(platform, action.perform([again]), [reply(200, {"results": [contact("900", "a")]})])
    assert run.value is not None
    assert run.value["a"].remote_id == "900"


@pytest.mark.parametrize("status", [400, 404, 409])
def test_half_a_refusal_does_not_tell_why_and_is_asked_for_again(status: int) -> None:
    platform = connector()
    half = Response(status, {"content-type": "application/json"}, b'{"status":"error","mess')
    run = drive(platform, platform.actions["upsert_contact"].perform([person("a", "a@x.org")]), [half])
    assert isinstance(run.stopped, NotDone)


def test_a_batch_that_fails_as_a_whole_is_tried_one_by_one() -> None:
    platform = connector()
    action = platform.actions["upsert_contact"]
    bad = reply(400, {"category": "VALIDATION_ERROR", "message": "Property values were not valid"})
    run = drive(platform, action.perform([person("a", "a@x.org"), person("b", "b@x.org")]), [bad])
    assert isinstance(run.stopped, NotDone)
    assert run.stopped.stale
    alone = [person("a", "a@x.org", revision=1), person("b", "b@x.org", revision=1)]
    run = drive(platform, action.perform(alone), [reply(200, {"results": [contact("1", "a")]}), bad])
    assert [call.items for call in run.calls] == [("a",), ("b",)]
    assert run.value is not None
    assert list(run.value) == ["a"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(401, {"category": "EXPIRED_AUTHENTICATION"}), NotDone),
        (reply(403, {"category": "MISSING_SCOPES"}), Refused),
        (reply(423, {}), NotDone),
        (reply(502, "Bad Gateway"), Unknown),
        (reply(200, "<html>login</html>"), Unknown),
    ],
)
def test_each_answer_comes_to_its_verdict(answer: Any, kind: type) -> None:
    platform = connector()
    run = drive(platform, platform.actions["upsert_contact"].perform([person("a", "a@x.org")]), [answer])
    assert isinstance(run.stopped, kind)


@pytest.mark.parametrize(
    ("policy", "message", "wait_s"),
    [
        ("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", 10.0),
        ("", "You have reached your secondly limit.", 1.0),
        ("DAILY", "You have reached your daily limit.", 3600.0),
    ],
)
def test_a_full_limit_is_waited_for_by_its_name(policy: str, message: str, wait_s: float) -> None:
    platform = connector()
    answer = reply(429, {"policyName": policy, "message": message})
    run = drive(platform, platform.actions["upsert_contact"].perform([person("a", "a@x.org")]), [answer])
    assert isinstance(run.stopped, NotDone)
    assert (run.stopped.wait_s, run.stopped.counts) == (wait_s, False)


def test_headers_teach_the_budget() -> None:
    platform = connector()
    headers = {
        "x-hubspot-ratelimit-max": "190",
        "x-hubspot-ratelimit-remaining": "7",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
    }
    run = drive(
        platform, platform.actions["upsert_contact"].perform([person("a", "a@x.org")]), [reply(200, {"results": []})]
    )
    learned = platform.learn(run.calls[0], reply(200, {}, headers))
    assert learned == [Budget("requests", 7.0, capacity=190.0, per_s=19.0)]


def test_a_deal_is_known_by_the_hubs_key_and_tied_to_its_contact() -> None:
    platform = connector()
    deal = {"name": "Shop order #2044", "stage": "won", "amount": {"amount": "92.66", "currency": "CAD"}}
    item = Outbound("d", deal, "shopify:5310", "seed", "xd1", needs={"customer": "501"})
    answers = [reply(200, {"results": [contact("90210", "d")]}), reply(200, {"results": []})]
    run = drive(platform, platform.actions["upsert_deal"].perform([item]), answers)
    (row,) = run.body("deals:crossdock_key")["inputs"]
    assert (row["id"], row["properties"]["dealstage"], row["properties"]["amount"]) == (
        "shopify:5310",
        "closedwon",
        "92.66",
    )
    assert run.body("deals.contacts")["inputs"] == [{"from": {"id": "90210"}, "to": {"id": "501"}}]


def test_webhooks_are_split_and_a_repeat_is_the_same_message() -> None:
    webhook = connector().webhook
    assert webhook is not None
    event = {
        "eventId": 3816279480, "subscriptionId": 22, "portalId": 33, "occurredAt": 1793715164123, "attemptNumber": 0,
        "subscriptionType": "contact.propertyChange", "objectId": 501, "propertyName": "phone", "propertyValue": "+1",
    }  # fmt: skip
    merge = {**event, "subscriptionType": "contact.merge", "mergedObjectIds": [377], "newObjectId": 777}
    deletion = {**event, "subscriptionType": "contact.deletion"}
    body = json.encode([event, {**event, "attemptNumber": 1}, merge, deletion])
    one, again, merged, deleted = webhook.split(Inbound("POST", "https://hub/h", {}, body))
    assert (one.identity, one.content) == (again.identity, again.content)
    assert (one.topic, one.hydrate, one.remote_id) == ("contact.propertyChange", "contact", "501")
    assert (merged.remote_id, merged.hydrate) == ("777", "contact")
    assert deleted.hydrate == ""


def test_only_hubspots_fresh_signature_lets_a_webhook_in() -> None:
    webhook = connector().webhook
    assert webhook is not None
    secret, request = Secret("client secret"), Inbound("POST", "https://hub/h?x=1", {}, b"[]")
    signed = Inbound("POST", request.url, dict(sign(HUBSPOT_V3, request, secret, 1000.0)), request.body)
    assert webhook.verify(signed, [secret], 1000.0) is None
    assert webhook.verify(signed, [secret], 2000.0) is not None
    assert webhook.verify(Inbound("POST", "https://evil/h?x=1", signed.headers, b"[]"), [secret], 1000.0) is not None


def test_connecting_keeps_the_account_that_hubspot_names() -> None:
    platform = connector()
    assert platform.oauth is not None
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": 1800, "hub_id": 33}
    steps = platform.oauth.redeem(CREDENTIAL, "https://hub", "v", {"code": "c"}, 0.0)
    run = drive(platform, steps, [reply(200, answer)])
    assert run.value is not None
    assert platform.account(run.value) == "33"
    with pytest.raises(CredentialError, match="nobody says"):
        platform.account(Credential())


def test_a_missing_record_is_left_out_of_a_hydrate() -> None:
    platform = connector()
    answer = reply(207, {"results": [{"id": "1"}], "errors": [{"category": "OBJECT_NOT_FOUND"}]})
    run = drive(platform, platform.hydrates["contact"].fetch({"a": "1", "b": "2"}), [answer])
    assert run.value == {"a": {"id": "1"}}
    assert isinstance(platform.judge(run.calls[0], reply(200, {"results": []}), 0.0), Done)
