"""Webhooks as nobody should send them. Authentic ones are committed and answered 2xx, whatever they hold; what cannot
be understood is one quarantined message. Others are refused, and nothing of them is kept."""

import codecs
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crossdock.core.message import message_id
from crossdock.core.states import MessageState
from crossdock.testing.live import SECRET, HubProcess, signed, signup
from crossdock.testing.sink import Sink

from .conftest import Accepted


def eventually(what: object) -> None:
    ends_at = time.monotonic() + 10
    while not what():  # type: ignore[operator]
        assert time.monotonic() < ends_at
        time.sleep(0.02)


# --- authentic, and not to be understood --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"   \n", "empty", id="blank"),
        pytest.param(b'{"id": "x1", "type": "sig', "not valid JSON", id="truncated"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, "nested too deeply", id="deep"),
        pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply", id="deep objects"),
        pytest.param(b'{"id": "x2", "a": NaN}', "not valid JSON", id="nan"),
        pytest.param(b'{"id": "x3", "a": -Infinity}', "not valid JSON", id="infinity"),
        pytest.param(b'{"id": "x4", "type": "\xff\xfe"}', "not utf-8", id="invalid utf-8"),
        pytest.param(b'{"id": "x5"} {"id": "x6"}', "not valid JSON", id="two documents"),
        pytest.param(b'"text"', "does not say its id", id="not an object"),
        pytest.param(b'{"id": null, "type": "signup", "person": {"id": 1}}', "does not say its id", id="null id"),
        pytest.param(b'{"id": {}, "type": "signup", "person": {"id": 1}}', "does not say its id", id="object id"),
        pytest.param(b'{"id": "x7", "type": "signup"}', "does not say its order", id="no order"),
        pytest.param(b'{"id": "x8", "type": "signup", "person": {"id": null}}', "say its order", id="null key"),
        pytest.param(b'{"id": "x9", "type": "signup", "person": {"id": [1]}}', "say its order", id="list as a key"),
    ],
)
def test_what_cannot_be_split_is_one_quarantined_message(
    hub: HubProcess, accepted: Accepted, body: bytes, reason: str
) -> None:
    assert hub.post(body) == 200
    assert hub.post(body) == 200
    (message,) = accepted.new()
    assert message.state is MessageState.QUARANTINED
    assert reason in message.reason
    assert len(message.reason) < 1000
    assert accepted.body() == body


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"email": None}, "email: "),
        ({"email": 7}, "email: "),
        ({"email": "not an address"}, "email: "),
        ({"name": {"a": 1}}, "(in the input: .person.name)"),
        ({"newsletter": "yes"}, "newsletter: "),
        ({"plan": "partially_paid"}, "plan: "),
        ({"price": "12.345", "currency": "EUR"}, "(in the input: .person.price and .person.currency)"),
        ({"price": "1,299", "currency": "EUR"}, "(in the input: .person.price and .person.currency)"),
        ({"price": "1990.5", "currency": "JPY"}, "(in the input: .person.price and .person.currency)"),
        ({"price": "12", "currency": None}, "money: "),
    ],
)
def test_what_the_model_refuses_is_quarantined_with_its_path_and_delays_no_other(
    hub: HubProcess, accepted: Accepted, there: Sink, number: int, more: dict[str, Any], reason: str
) -> None:
    assert hub.post(about(number, **more)) == 200
    assert hub.post(signup(f"after-{number}")) == 200
    eventually(lambda: any(said["email"] == f"pafter-{number}@example.com" for said in there.effects))
    bad = message_id("in", f"evt-{number}")
    eventually(lambda: next(one for one in accepted.new() if one.id == bad).state is MessageState.QUARANTINED)
    assert reason in next(one for one in accepted.new() if one.id == bad).reason


@pytest.mark.parametrize(
    ("price", "currency", "amount"),
    [
        ('"19.990"', "EUR", "19.99"),
        ("19.99", "EUR", "19.99"),
        ("19.990", "EUR", "19.99"),
        ('"1,299.00"', "EUR", "1299.00"),
        ('"1990.00"', "JPY", "1990"),
        ("-0", "EUR", "0.00"),
        ("-0.0", "EUR", "0.00"),
        ("9007199254740993.01", "EUR", "9007199254740993.01"),
    ],
)
def test_money_arrives_exactly(
    hub: HubProcess, there: Sink, number: int, price: str, currency: str, amount: str
) -> None:
    body = about(number, price="PRICE", currency=currency).replace(b'"PRICE"', price.encode())
    assert hub.post(body) == 200
    eventually(lambda: f"p{number}@example.com" in {said["email"] for said in list(there.effects)})
    (said,) = (said for said in list(there.effects) if said["email"] == f"p{number}@example.com")
    assert said["price"] == amount


def about(number: int, **more: Any) -> bytes:
    """A sign-up with more, or something else, about the person."""
    said = json.loads(signup(number))
    said["person"] |= more
    return json.dumps(said).encode()


@pytest.mark.parametrize(
    ("digits", "reason"),
    [
        ("1e999", "not valid JSON: a number with an exponent beyond 400"),
        ("-1e999", "not valid JSON: a number with an exponent beyond 400"),
        ("1e-999999999", "not valid JSON: a number with an exponent beyond 400"),
        ("9" * 5000, "not valid JSON: Integer value out of range - at `$[...]`"),
        ("-" + "9" * 5000, "not valid JSON: Integer value out of range - at `$[...]`"),
        ("01", "not valid JSON"),
        ("+1", "not valid JSON"),
        (".5", "not valid JSON"),
        ("1.", "not valid JSON"),
        ("0x10", "not valid JSON"),
        ("1_000", "not valid JSON"),
    ],
)
def test_what_is_no_number_that_can_be_kept_is_quarantined_with_the_reason(
    hub: HubProcess, accepted: Accepted, number: int, digits: str, reason: str
) -> None:
    body = signup(number)[:-1] + f', "amount": {digits}}}'.encode()
    assert hub.post(body) == 200
    (message,) = accepted.new()
    assert message.state is MessageState.QUARANTINED
    assert reason in message.reason
    assert digits[:100] not in message.reason or len(digits) < 10
    assert accepted.body() == body


@pytest.mark.parametrize("digits", ["-0", "1.7976931348623157e309", "0." + "1" * 4000, "9" * 4000, "19.990"])
def test_a_number_that_is_only_unusual_is_a_number(
    hub: HubProcess, accepted: Accepted, there: Sink, number: int, digits: str
) -> None:
    assert hub.post(signup(number)[:-1] + f', "amount": {digits}}}'.encode()) == 200
    eventually(lambda: f"p{number}@example.com" in {body["email"] for body in list(there.effects)})
    assert [message.state for message in accepted.new()] == [MessageState.NORMALISED]


@pytest.mark.parametrize("depth", [100, 400, 700, 900, 1100, 5000])
def test_however_deep_it_is_nested_it_is_settled_and_delays_no_other(
    hub: HubProcess, accepted: Accepted, there: Sink, number: int, depth: int
) -> None:
    assert hub.post(signup(number)[:-1] + b', "deep": ' + b"[" * depth + b"]" * depth + b"}") == 200
    assert hub.post(signup(f"after-{number}")) == 200
    eventually(lambda: f"pafter-{number}@example.com" in {body["email"] for body in list(there.effects)})
    eventually(lambda: all(message.state is not MessageState.RECEIVED for message in accepted.new()))
    assert [message.reason for message in accepted.new() if "nest" not in message.reason and message.reason] == []


@pytest.mark.parametrize(
    ("kind", "encode"),
    [
        ("application/json", lambda text: codecs.BOM_UTF8 + text.encode()),
        ("application/json", lambda text: text.encode("utf-16")),
        ("application/json; charset=utf-16le", lambda text: text.encode("utf-16-le")),
        ("application/json; charset=iso-8859-1", lambda text: text.encode("latin-1")),
    ],
)
def test_other_encodings_are_read_by_rule(
    hub: HubProcess, there: Sink, number: int, kind: str, encode: Callable[[str], bytes]
) -> None:
    said = json.loads(signup(number))
    said["person"]["name"] = f"Zoë {number}"
    body = encode(json.dumps(said, ensure_ascii=False))
    assert hub.post(body, {**signed(body), "content-type": kind}) == 200
    eventually(lambda: f"Zoë {number}" in {body["full_name"] for body in list(there.effects)})


@pytest.mark.parametrize("kind", ["application/json; charset=utf-16", "application/json; charset=klingon"])
def test_a_charset_that_lies_is_quarantined(hub: HubProcess, accepted: Accepted, number: int, kind: str) -> None:
    body = signup(number) + b" "
    assert hub.post(body, {**signed(body), "content-type": kind}) == 200
    assert [message.state for message in accepted.new()] == [MessageState.QUARANTINED]


def test_a_form_of_100_000_parts_is_quarantined(hub: HubProcess, accepted: Accepted) -> None:
    body = b"&".join(b"a%d=1" % part for part in range(100_000))
    assert hub.post(body, {**signed(body), "content-type": "application/x-www-form-urlencoded"}) == 200
    assert [message.state for message in accepted.new()] == [MessageState.QUARANTINED]


# --- repeated -----------------------------------------------------------------------------------------------------


def test_the_same_webhook_64_times_at_once_is_accepted_64_times_and_happens_once(
    hub: HubProcess, accepted: Accepted, there: Sink, number: int
) -> None:
    with ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(hub.post, [signup(number)] * 64))
    assert statuses == [200] * 64
    eventually(lambda: any(body["email"] == f"p{number}@example.com" for body in there.effects))
    assert len(accepted.new()) == 1
    assert sum(body["email"] == f"p{number}@example.com" for body in there.effects) == 1


def test_the_same_id_with_other_content_is_kept_apart_as_a_conflict(
    hub: HubProcess, accepted: Accepted, number: int
) -> None:
    first, other = signup(number), signup(number, person="another")
    assert [hub.post(body) for body in (first, other, other, first)] == [200] * 4
    eventually(lambda: len(accepted.new()) == 2)
    conflict = next(message for message in accepted.new() if message.state is MessageState.QUARANTINED)
    assert "came before with other content" in conflict.reason


# --- not authentic ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-signature": ""},
        {"x-signature": "0" * 64},
        {"x-signature": "é"},
        {"x-signature": "00" * 5000},
        signed(b"another body"),
    ],
)
def test_what_is_not_authentic_is_refused_and_nothing_is_kept(
    hub: HubProcess, accepted: Accepted, number: int, headers: dict[str, str]
) -> None:
    assert hub.post(signup(number), headers) == 401
    assert accepted.new() == []


@pytest.mark.parametrize(
    "stamp", [time.time() + 3600, time.time() - 3600, 253_402_300_799, -1, "now", "", "1e400", "٣", 10**400]
)
def test_a_signed_time_that_is_off_is_refused(
    hub: HubProcess, accepted: Accepted, number: int, stamp: float | str
) -> None:
    said = str(int(stamp)) if isinstance(stamp, float) else str(stamp)
    body = signup(number)
    signature = hmac.new(SECRET.encode(), said.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-signature": signature, "x-time": said.encode().decode("latin-1"), "content-type": "application/json"}
    assert hub.post(body, headers, "/hooks/stamped") == 401
    assert accepted.new() == []


def test_a_signature_sent_twice_is_refused(hub: HubProcess, accepted: Accepted, raw: object, number: int) -> None:
    body = signup(number)
    twice = f"x-signature: {signed(body)['x-signature']}\r\nX-Signature: {'0' * 64}\r\n"
    head = f"POST /hooks/in HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n{twice}\r\n"
    raw.send(head.encode() + body)  # type: ignore[attr-defined]
    assert raw.status() == 400  # type: ignore[attr-defined]
    assert accepted.new() == []


def test_no_answer_holds_a_secret_or_a_stack_trace(hub: HubProcess, number: int) -> None:
    for path in ("/hooks/in", "/hooks/nothing", "/metrics", "/readyz", "/healthz", "/"):
        _, answer = hub.get(path)
        assert SECRET.encode() not in answer
        assert b"Traceback" not in answer
    assert SECRET not in hub.log


def test_what_cannot_be_split_is_counted_as_quarantined(hub: HubProcess) -> None:
    def counted() -> float:
        lines = hub.get("/metrics")[1].decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("crossdock_quarantined_total"))

    before = counted()
    assert [hub.post(b"[1, 2"), hub.post(b"[1, 2"), hub.post(b"[1, 2, 3")] == [200, 200, 200]
    assert counted() == before + 2
