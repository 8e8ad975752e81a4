"""Any webhook in: identity, order and items, from bodies that behave and bodies that do not."""

from typing import Any

import pytest
from pydantic import ValidationError

from crossdock.connectors.http.connector import HttpConnector
from crossdock.connectors.http.settings import HttpSettings
from crossdock.core import json
from crossdock.core.connector import Inbound, Webhook
from crossdock.core.secret import Secret
from crossdock.core.signatures import scheme, sign

SIGNATURE = {"scheme": "hmac-sha256-hex", "header": "X-Signature", "prefix": "sha256="}
SCHEME = scheme("hmac-sha256-hex", header="X-Signature", prefix="sha256=")


def webhook(**settings: Any) -> Webhook:
    described = {"webhook": {"signature": SIGNATURE, **settings}}
    found = HttpConnector(HttpSettings.model_validate(described)).webhook
    assert found is not None
    return found


def inbound(body: bytes, headers: dict[str, str] | None = None) -> Inbound:
    return Inbound(
        "POST", "https://hub.example.com/hooks/x", {"content-type": "application/json", **(headers or {})}, body
    )


def test_a_signed_body_is_let_in_and_a_changed_one_is_not() -> None:
    hook, secret = webhook(), Secret("s3cret")
    request = inbound(b'{"id":1}')
    signed = inbound(request.body, dict(sign(SCHEME, request, secret, 0.0)))
    assert hook.verify(signed, [secret], 0.0) is None
    assert hook.verify(Inbound("POST", signed.url, signed.headers, b'{"id":2}'), [secret], 0.0) is not None
    assert hook.verify(signed, [], 0.0) is not None


def test_the_first_alternative_that_is_there_counts() -> None:
    hook = webhook(id="header:X-Id | body.meta.id | content", topic="body.type", order_by="body.order.id")
    body = b'{"type":"order.paid","order":{"id":12345678901234567890},"meta":{"id":"m1"}}'
    (part,) = hook.split(inbound(body))
    assert (part.identity, part.topic, part.order_hint) == ("m1", "order.paid", "12345678901234567890")
    (part,) = hook.split(inbound(body, {"x-id": "h1"}))
    assert part.identity == "h1"
    assert part.body is body, "the bytes of the arrival are kept once"


def test_equal_content_is_one_message_whatever_its_spelling() -> None:
    hook = webhook(id="content")
    one, two, other = (
        hook.split(inbound(body))[0].identity for body in (b'{"a":1,"b":2}', b'{"b":2, "a":1}', b'{"a":1}')
    )
    assert one == two != other


@pytest.mark.parametrize("said", [b"null", b"{}", b"[]", b'""'], ids=["null", "object", "list", "blank"])
def test_a_key_that_is_not_there_is_never_called_none(said: bytes) -> None:
    with pytest.raises(ValueError, match="does not say its id"):
        webhook(id="body.id", topic="text:x", order_by="content").split(inbound(b'{"id":' + said + b"}"))


def test_a_body_with_many_items_is_split_and_each_keeps_its_own_id() -> None:
    hook = webhook(items="events", id="item.id", order_by="item.entity", topic="item.type")
    body = {"events": [{"id": n, "entity": f"e{n % 2}", "type": "t"} for n in range(3)]}
    parts = hook.split(inbound(json.encode(body)))
    assert [part.identity for part in parts] == ["0", "1", "2"]
    assert [json.decode(part.body)["id"] for part in parts] == [0, 1, 2]
    assert len(webhook(items="", id="item.id").split(inbound(b'[{"id":1},{"id":2}]'))) == 2


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'\xef\xbb\xbf{"id":"\xc3\xa9"}', {}),
        ('{"id":"é"}'.encode("utf-16"), {}),
        ('{"id":"é"}'.encode("latin-1"), {"content-type": "application/json; charset=ISO-8859-1"}),
    ],
    ids=["utf-8 mark", "utf-16 mark", "latin-1"],
)
def test_text_is_decoded_by_its_mark_or_its_charset(body: bytes, headers: dict[str, str]) -> None:
    (part,) = webhook(id="body.id").split(inbound(body, headers))
    assert part.identity == "é"
    assert json.decode(part.body) == {"id": "é"}


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (b"", {}, "empty"),
        (b'{"id":', {}, "not valid JSON"),
        (b'{"id":NaN}', {}, "not valid JSON"),
        (b"[" * 100_000, {}, "not valid JSON"),
        (b'{"id":"\xff"}', {}, "not utf-8 text"),
        (b'{"id":1}', {"content-type": "application/json; charset=ebcdic"}, "charset"),
        (b"&".join(b"a=1" for _ in range(2_000)), {"content-type": "application/x-www-form-urlencoded"}, "form"),
    ],
    ids=["empty", "truncated", "NaN", "deep", "bad byte", "charset", "many fields"],
)
def test_what_cannot_be_read_is_said_in_words(body: bytes, headers: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        webhook().split(inbound(body, headers))


@pytest.mark.parametrize("body", [b'{"card": "4242"}', b'  [{"card": "a=4242&b=1"}]', b"card 4242", b"{card 4242"])
def test_a_form_that_is_none_says_what_was_expected_and_repeats_nothing_of_it(body: bytes) -> None:
    with pytest.raises(ValueError, match="Content-Type says application/x-www-form-urlencoded") as caught:
        webhook().split(inbound(body, {"content-type": "application/x-www-form-urlencoded"}))
    said = str(caught.value)
    assert "4242" not in said
    assert ("application/json" in said) == (body.strip()[-1:] in {b"}", b"]"})


def test_a_form_becomes_an_object() -> None:
    request = inbound(b"id=7&tag=a&tag=b", {"content-type": "application/x-www-form-urlencoded"})
    (part,) = webhook(id="body.id").split(request)
    assert json.decode(part.body) == {"id": "7", "tag": ["a", "b"]}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"signature": {"scheme": "md5"}}, "no signature scheme"),
        ({"signature": {"scheme": "none"}}, "insist"),
        ({"signature": SIGNATURE, "id": "id"}, "points nowhere"),
        ({"signature": SIGNATURE, "items": "a b"}, "is no path"),
    ],
)
def test_settings_that_cannot_be_meant_say_what_to_write(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        HttpSettings.model_validate({"webhook": settings})
    assert said in str(error.value)
