"""What a REST call looks like, and what its answer comes to."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from crossdock.connectors.http.connector import HttpConnector
from crossdock.connectors.http.settings import HttpSettings
from crossdock.core import json
from crossdock.core.connector import Outbound
from crossdock.core.effects import EffectClass
from crossdock.core.errors import ForAPerson
from crossdock.core.secret import Credential, Secret
from crossdock.core.verdict import NotDone, Refused, Unknown
from crossdock.testing.drive import drive, reply

ORDER = {"number": "2044", "total": {"amount": "92.66", "currency": "CAD"}, "items": [{"sku": "MUG-1"}]}


def connector(**settings: Any) -> HttpConnector:
    return HttpConnector(HttpSettings.model_validate({"base_url": "https://api.example.com/v1", **settings}))


def outbound(value: Any = ORDER, **fields: Any) -> Outbound:
    return Outbound("i1", value, "shopify:1", "seed", "xd12", **fields)


def test_without_actions_send_posts_the_input_to_the_base_url() -> None:
    platform = connector()
    run = drive(platform, platform.actions["send"].perform([outbound()]), [reply(201, {"id": 7})])
    (call,) = run.calls
    assert (call.request.method, call.request.url) == ("POST", "https://api.example.com/v1/")
    assert json.decode(call.request.body) == ORDER
    assert run.value is not None
    assert run.value["i1"].remote_id == "7"


def test_fields_of_the_path_are_encoded_so_that_no_value_leaves_its_place() -> None:
    platform = connector(actions={"put": {"method": "PUT", "path": "/orders/{number}/x", "upsert": True}})
    run = drive(
        platform, platform.actions["put"].perform([outbound({**ORDER, "number": "a/../b?c"})]), [reply(200, {})]
    )
    assert run.calls[0].request.url == "https://api.example.com/v1/orders/a%2F..%2Fb%3Fc/x"
    with pytest.raises(ForAPerson, match="cannot be a part of a path"):
        drive(platform, platform.actions["put"].perform([outbound({**ORDER, "number": ".."})]))


def test_a_field_that_the_input_lacks_is_named() -> None:
    platform = connector(actions={"put": {"method": "PUT", "path": "/orders/{order.id}"}})
    with pytest.raises(ForAPerson, match=r"no 'order\.id'"):
        drive(platform, platform.actions["put"].perform([outbound()]))


def test_a_repeat_carries_the_same_key_and_a_revision_another() -> None:
    platform = connector(actions={"make": {"path": "/orders", "idempotency_header": "Idempotency-Key"}})
    action = platform.actions["make"]
    assert action.effects == (EffectClass.NATIVE_KEY,)
    sent = [
        dict(drive(platform, action.perform([item]), [reply(200, {"id": "1"})]).calls[0].request.headers)
        for item in (outbound(), outbound(), outbound(revision=1))
    ]
    assert sent[0]["Idempotency-Key"] == sent[1]["Idempotency-Key"] != sent[2]["Idempotency-Key"]


@pytest.mark.parametrize(
    ("extra", "classes"),
    [
        ({}, (EffectClass.NONE,)),
        ({"method": "PUT", "path": "/orders/{number}", "upsert": True}, (EffectClass.UPSERT,)),
        (
            {"marker": "ref", "find": {"path": "/orders?ref={hub.marker}", "match": {"ref": "{hub.marker}"}}},
            (EffectClass.LOOKUP,),
        ),
    ],
)
def test_the_effect_class_follows_from_the_settings(extra: dict[str, Any], classes: tuple[EffectClass, ...]) -> None:
    assert connector(actions={"make": {"path": "/orders", **extra}}).actions["make"].effects == classes


def test_find_believes_only_what_matches_in_every_respect() -> None:
    find = {
        "path": "/orders?reference={hub.marker}",
        "items": "data",
        "match": {"reference": "{hub.marker}", "total": "{total.amount}"},
    }
    platform = connector(actions={"make": {"path": "/orders", "marker": "meta.ref", "find": find}})
    action = platform.actions["make"]
    sent = drive(platform, action.perform([outbound()]), [reply(200, {"id": "1"})])
    assert sent.body("make")["meta"] == {"ref": "xd12"}
    hits = {
        "data": [
            {"id": 1, "reference": "xd12", "total": "10"},
            {"id": 2, "reference": "xd12", "total": Decimal("92.660")},
        ]
    }
    found = drive(platform, action.find(outbound()), [reply(200, hits)])
    assert found.value is not None
    assert found.value.certain
    assert found.value.receipt.remote_id == "2"
    assert found.calls[0].request.url == "https://api.example.com/v1/orders?reference=xd12"
    assert drive(platform, action.find(outbound()), [reply(404, {"error": "none"})]).value is None


def test_two_hits_are_reported_and_never_guessed_between() -> None:
    find = {"path": "/orders", "items": "", "match": {"reference": "{hub.marker}"}}
    platform = connector(actions={"make": {"path": "/orders", "marker": "reference", "find": find}})
    hits = [{"id": 1, "reference": "xd12"}, {"id": 2, "reference": "xd12"}]
    found = drive(platform, platform.actions["make"].find(outbound()), [reply(200, hits)]).value
    assert found is not None
    assert not found.certain
    assert found.others == ("2",)


def test_a_linked_record_is_updated_where_its_own_path_is() -> None:
    update = {"method": "PATCH", "path": "/orders/{hub.remote_id}"}
    platform = connector(actions={"make": {"path": "/orders", "update": update}})
    run = drive(platform, platform.actions["make"].perform([outbound(remote_id="77")]), [reply(204)])
    assert (run.calls[0].request.method, run.calls[0].request.url) == ("PATCH", "https://api.example.com/v1/orders/77")
    assert run.value is not None
    assert run.value["i1"].remote_id == "77"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(200, "<html><body>Log in</body></html>"), Unknown),
        (reply(200, {"ok": False, "error": "no"}), Refused),
        (reply(200, {"id": 1}), Refused),
        (reply(500, {"error": "oops"}), Unknown),
        (reply(422, {"error": "bad"}), Refused),
        (reply(429, {}, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}), NotDone),
        (reply(307, None, {"location": "http://169.254.169.254/"}), Refused),
    ],
    ids=["login page", "ok false", "no ok", "500", "422", "429", "redirect"],
)
def test_only_a_good_answer_is_done(answer: Any, kind: type) -> None:
    platform = connector(actions={"make": {"path": "/orders", "success": {"equals": {"ok": True}}}})
    assert isinstance(drive(platform, platform.actions["make"].perform([outbound()]), [answer]).stopped, kind)


def test_a_status_that_means_it_is_there_already_is_done() -> None:
    platform = connector(actions={"make": {"path": "/orders", "success": {"statuses": ["2xx", 409]}}})
    run = drive(platform, platform.actions["make"].perform([outbound()]), [reply(409, {"id": "9"})])
    assert run.value is not None
    assert run.value["i1"].remote_id == "9"


@pytest.mark.parametrize(
    ("auth", "secrets", "header"),
    [
        ({"kind": "bearer"}, {"token": "t"}, ("authorization", "Bearer t")),
        ({"kind": "basic"}, {"username": "u", "password": "p"}, ("authorization", "Basic dTpw")),
        ({"kind": "header", "header": "X-Key"}, {"api_key": "k"}, ("X-Key", "k")),
    ],
)
def test_credentials_are_added_when_signing_and_never_frozen(
    auth: dict[str, str], secrets: dict[str, str], header: tuple[str, str]
) -> None:
    platform = connector(auth=auth)
    assert platform.secrets == tuple(secrets)
    call = drive(platform, platform.actions["send"].perform([outbound()]), [reply(200, {})]).calls[0]
    credential = Credential({name: Secret(value) for name, value in secrets.items()})
    assert header in platform.sign(call.request, credential, 0.0, "n").headers
    assert header not in call.request.headers


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"base_url": "api.example.com"}, "whole URL"),
        ({"base_url": None}, "base_url"),
        ({"actions": {"make": {"path": "orders"}}}, "must start with /"),
        ({"actions": {"make": {"path": "/orders/{}"}}}, "empty field"),
        ({"actions": {"make": {"path": "/orders/{id"}}}, "brace"),
        (
            {"actions": {"make": {"path": "/o", "find": {"path": "/o", "match": {}}}}},
            "first hit is never just believed",
        ),
        ({"headers": {"Authorization": "Bearer x"}}, "`auth` holds credentials"),
        ({"actions": {"make": {"path": "/o/{hub.remote_id}"}}}, "put this path under `update`"),
    ],
)
def test_settings_that_cannot_be_meant_say_what_to_write(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        connector(**settings)
    assert said in str(error.value)


@pytest.mark.parametrize("settings", [{"id": "record.id"}, {"update": {"path": "/orders/{hub.remote_id}"}}])
@pytest.mark.parametrize("said", [None, {}, {"id": None, "record": {"id": ""}}])
def test_what_was_done_without_telling_its_id_waits_for_a_person(settings: dict[str, Any], said: Any) -> None:
    """The next change would make a second record."""
    platform = connector(actions={"make": {"path": "/orders", **settings}})
    with pytest.raises(ForAPerson, match="adopt the record"):
        drive(platform, platform.actions["make"].perform([outbound()]), [reply(201, said)])
    run = drive(platform, platform.actions["make"].perform([outbound(remote_id="9")]), [reply(200, said)])
    assert run.value is not None
    assert run.value["i1"].remote_id == "9"


@pytest.mark.parametrize("settings", [{}, {"method": "PUT", "path": "/n/{number}", "upsert": True, "id": "id"}])
def test_where_no_id_is_needed_an_answer_without_one_is_done(settings: dict[str, Any]) -> None:
    platform = connector(actions={"tell": {"path": "/notices", **settings}})
    run = drive(platform, platform.actions["tell"].perform([outbound()]), [reply(204)])
    assert run.value is not None
    assert run.value["i1"].remote_id == ""
