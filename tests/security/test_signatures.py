"""Forged, replayed, late and clumsy webhooks: none gets in."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from crossdock.core.connector import Inbound
from crossdock.core.secret import Secret
from crossdock.core.signatures import (
    HUBSPOT_V3,
    INTUIT,
    SCHEMES,
    SHOPIFY,
    Basic,
    Hmac,
    KeyHeader,
    Scheme,
    StandardWebhooks,
    Unsigned,
    scheme,
    sign,
    verify,
)

NOW = 1_793_715_164.0
SECRET = Secret("hush")
WHSEC = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
REQUEST = Inbound("POST", "https://hub.example/hooks/shop?a=1", {}, b'{"id": 820982911946154508}')

TIMED = Hmac("X-Signature", "hex", prefix="sha256=", signed="{timestamp}.{body}", timestamp_header="X-Timestamp")
WITH_ID = Hmac("x-sig", "base64", signed="{id}.{body}", id_header="x-id")
HMACS = [
    SHOPIFY,
    INTUIT,
    HUBSPOT_V3,
    TIMED,
    WITH_ID,
    Hmac("x-hub-signature", "hex", "sha1", prefix="sha1="),
    Hmac("x-sig", "hex", "sha512"),
]
TIMED_ONES = [HUBSPOT_V3, TIMED, StandardWebhooks()]
SIGNED: list[Scheme] = [
    *HMACS,
    StandardWebhooks(),
    Basic("hub"),
    KeyHeader("X-Api-Key"),
    KeyHeader("authorization", "Bearer "),
]


def secret_of(scheme: Scheme) -> Secret:
    return WHSEC if isinstance(scheme, StandardWebhooks) else SECRET


def signed(scheme: Scheme, secret: Secret | None = None, civil: float = NOW, request: Inbound = REQUEST) -> Inbound:
    ids = {"webhook-id": "msg_1", "x-id": "e-1"}
    request = replace(request, headers={**ids, **request.headers})
    return replace(
        request,
        headers={**request.headers, **sign(scheme, request, secret_of(scheme) if secret is None else secret, civil)},
    )


def reason(scheme: Scheme, request: Inbound, *secrets: Secret, civil: float = NOW) -> str:
    rejected = verify(scheme, request, secrets or (secret_of(scheme),), civil)
    return rejected.reason if rejected else ""


def signature_header(scheme: Scheme) -> str:
    match scheme:
        case Hmac() | KeyHeader():
            return scheme.header
        case StandardWebhooks():
            return "webhook-signature"
    return "authorization"


def with_header(request: Inbound, name: str, value: str) -> Inbound:
    return replace(request, headers={**request.headers, name: value})


@pytest.mark.parametrize("scheme", SIGNED, ids=repr)
def test_what_is_signed_is_authentic(scheme: Scheme) -> None:
    assert reason(scheme, signed(scheme)) == ""


@pytest.mark.parametrize("scheme", SIGNED, ids=repr)
def test_a_missing_or_empty_signature_is_rejected(scheme: Scheme) -> None:
    request, header = signed(scheme), signature_header(scheme)
    without = replace(request, headers={name: value for name, value in request.headers.items() if name != header})
    assert reason(scheme, without) == "missing"
    assert reason(scheme, with_header(request, header, "")) == "missing"


@pytest.mark.parametrize("scheme", SIGNED, ids=repr)
def test_a_signature_by_any_other_secret_is_rejected(scheme: Scheme) -> None:
    other = Secret("whsec_" + base64.b64encode(b"x" * 24).decode())
    assert reason(scheme, signed(scheme, other)) == "signature"


@pytest.mark.parametrize("scheme", SIGNED, ids=repr)
def test_while_a_secret_is_rotated_both_are_good_and_afterwards_only_the_new_one(scheme: Scheme) -> None:
    old, new = secret_of(scheme), Secret("whsec_" + base64.b64encode(b"n" * 24).decode())
    for one in (old, new):
        assert reason(scheme, signed(scheme, one), old, new) == ""
        assert reason(scheme, signed(scheme, one), new, old) == ""
    assert reason(scheme, signed(scheme, old), new) == "signature"


@pytest.mark.parametrize("scheme", SIGNED, ids=repr)
@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_secret_lets_nobody_in(scheme: Scheme, empty: str) -> None:
    forged = signed(scheme, Secret(empty))
    assert verify(scheme, forged, [Secret(empty)], NOW) is not None
    assert verify(scheme, forged, [Secret(empty), secret_of(scheme)], NOW) is not None
    assert verify(scheme, signed(scheme), [], NOW) is not None


@pytest.mark.parametrize("scheme", SIGNED, ids=repr)
@pytest.mark.parametrize(
    "value", ["x", "é", "\udcff", "=", "v1", "v1,", "v1,,", "v1,x,y", "Basic", "sha256=", "," * 9999, "0" * 64]
)
def test_a_signature_that_is_nonsense_is_rejected_and_nothing_raises(scheme: Scheme, value: str) -> None:
    assert reason(scheme, with_header(signed(scheme), signature_header(scheme), value)) != ""


@pytest.mark.parametrize("scheme", [*HMACS, StandardWebhooks()], ids=repr)
def test_a_body_changed_by_one_byte_is_rejected(scheme: Scheme) -> None:
    request = signed(scheme)
    for body in (request.body + b" ", request.body[:-1], request.body.replace(b"8", b"9", 1), b""):
        assert reason(scheme, replace(request, body=body)) == "signature"


@pytest.mark.parametrize("scheme", [*HMACS, StandardWebhooks()], ids=repr)
def test_part_of_a_signature_is_no_signature(scheme: Scheme) -> None:
    request, header = signed(scheme), signature_header(scheme)
    whole = request.headers[header]
    for part in (whole[:-1], whole[: len(whole) // 2], whole[1:], whole + "=", whole + " x", " " + whole):
        if scheme != StandardWebhooks() or (part[:3] == "v1," and part != whole + " x"):
            assert reason(scheme, with_header(request, header, part)) == "signature"


@pytest.mark.parametrize("scheme", [*HMACS, Basic("hub"), KeyHeader("x-api-key")], ids=repr)
def test_a_header_sent_twice_fits_nothing(scheme: Scheme) -> None:
    request, header = signed(scheme), signature_header(scheme)
    assert reason(scheme, with_header(request, header, f"{request.headers[header]}, {request.headers[header]}")) != ""


def test_an_empty_body_with_a_valid_signature_is_authentic() -> None:
    assert reason(SHOPIFY, signed(SHOPIFY, request=replace(REQUEST, body=b""))) == ""


# --- time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", TIMED_ONES, ids=repr)
@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(0, ""), (299, ""), (-299, ""), (301, "clock"), (-301, "clock"), (3600, "clock"), (-3600, "clock")],
)
def test_a_request_is_good_for_five_minutes_either_way(scheme: Scheme, age_s: float, expected: str) -> None:
    assert reason(scheme, signed(scheme, civil=NOW - age_s)) == expected


@pytest.mark.parametrize("scheme", TIMED_ONES, ids=repr)
@pytest.mark.parametrize(
    "text",
    [
        "253402300799", "253402300799000", "-1", "-1793715164", "now", "2026-11-03T14:12:44Z", "1793715164.0", "1e9",
        "0", "9" * 400, "١٧٩٣٧١٥١٦٤", " 1793715164", "+1793715164", "0x6ae9d1dc", "NaN", "inf", "1_793_715_164",
    ],
)  # fmt: skip
def test_a_timestamp_that_is_absurd_or_no_number_is_a_matter_of_clocks(scheme: Scheme, text: str) -> None:
    header = scheme.timestamp_header if isinstance(scheme, Hmac) else "webhook-timestamp"
    assert reason(scheme, with_header(signed(scheme), header, text)) == "clock"


@pytest.mark.parametrize("scheme", TIMED_ONES, ids=repr)
def test_an_old_request_with_a_fresh_timestamp_is_a_forgery(scheme: Scheme) -> None:
    header = scheme.timestamp_header if isinstance(scheme, Hmac) else "webhook-timestamp"
    fresh = str(int(NOW) * (1000 if scheme == HUBSPOT_V3 else 1))
    assert reason(scheme, with_header(signed(scheme, civil=NOW - 9000), header, fresh)) == "signature"
    assert reason(scheme, with_header(signed(scheme), header, "")) == "missing"


# --- each scheme's own ------------------------------------------------------------------------------------------------


def test_the_algorithm_is_ours_to_choose() -> None:
    """A digest of a weaker kind, correct and named by the sender, is still no signature."""
    body = REQUEST.body
    for name in ("sha1", "md5", "sha512"):
        value = f"{name}=" + hmac.new(b"hush", body, name).hexdigest()
        request = with_header(REQUEST, "x-sig", value)
        assert reason(Hmac("x-sig", "hex", prefix="sha256="), request) == "signature"
        assert reason(Hmac("x-sig", "hex"), request) == "signature"
    plain = hashlib.sha256(b"hush" + body).hexdigest()
    assert reason(Hmac("x-sig", "hex"), with_header(REQUEST, "x-sig", plain)) == "signature"


def test_hex_digits_may_be_capitals() -> None:
    request = signed(TIMED)
    value = request.headers["x-signature"]
    assert reason(TIMED, with_header(request, "x-signature", "sha256=" + value[7:].upper())) == ""
    assert reason(TIMED, with_header(request, "x-signature", value.upper())) == "signature"


def test_the_published_vector_of_standard_webhooks() -> None:
    headers = {
        "webhook-id": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        "webhook-timestamp": "1674087231",
        "webhook-signature": "v1,5t/QYgppkyIjIHutBHMQVy3Ghy68cDvncCowsciurFo=",
    }
    request = Inbound("POST", "https://hub.example/", headers, b'{"type":"contact.created"}')
    assert reason(StandardWebhooks(), request, WHSEC, civil=1674087231) == ""
    bare = Secret(WHSEC.reveal().removeprefix("whsec_"))
    assert reason(StandardWebhooks(), request, bare, civil=1674087231) == ""


def test_any_of_several_standard_signatures_will_do_and_unknown_versions_are_passed_over() -> None:
    scheme = StandardWebhooks()
    request = signed(scheme)
    good = request.headers["webhook-signature"]
    for value in (f"v1a,AAAA {good}", f"{good} v1,AAAA", f"v1,AAAA v9,? {good}", f"nonsense {good}"):
        assert reason(scheme, with_header(request, "webhook-signature", value)) == ""
    assert reason(scheme, with_header(request, "webhook-signature", "v1a," + good[3:])) == "unsupported"
    assert reason(scheme, with_header(request, "webhook-signature", good.replace("v1,", "v2,"))) == "unsupported"


def test_a_standard_id_cannot_shift_the_dots() -> None:
    """`a.1` + `.` + timestamp would sign the same bytes as `a` + `.1.`…"""
    scheme = StandardWebhooks()
    assert reason(scheme, signed(scheme, request=with_header(REQUEST, "webhook-id", "msg.1"))) == "signature"


def test_a_secret_that_is_no_standard_secret_lets_nobody_in() -> None:
    scheme = StandardWebhooks()
    assert reason(scheme, signed(scheme), Secret("whsec_"), Secret("whsec_!!!")) == "missing"


def test_shopify_and_intuit_sign_the_raw_body_in_base64() -> None:
    value = base64.b64encode(hmac.new(b"hush", REQUEST.body, "sha256").digest()).decode()
    assert reason(SHOPIFY, with_header(REQUEST, "x-shopify-hmac-sha256", value)) == ""
    assert reason(INTUIT, with_header(REQUEST, "intuit-signature", value)) == ""


def test_hubspot_signs_method_decoded_url_body_and_milliseconds() -> None:
    url = "https://hub.example/hooks/leads%2Fnew?next=https%3A%2F%2Fa.b%3fx%3D1&name=J%20A%21%24%27%28%29%2A%2C%3B%40"
    decoded = "https://hub.example/hooks/leads/new?next=https://a.b?x%3D1&name=J%20A!$'()*,;@"
    text = b"POST" + decoded.encode() + REQUEST.body + b"1793715164000"
    headers = {
        "x-hubspot-request-timestamp": "1793715164000",
        "x-hubspot-signature-v3": base64.b64encode(hmac.new(b"hush", text, "sha256").digest()).decode(),
    }
    request = Inbound("POST", url, headers, REQUEST.body)
    assert reason(HUBSPOT_V3, request) == ""
    for other in (replace(request, method="PUT"), replace(request, url=url + "&x"), replace(request, body=b"{}")):
        assert reason(HUBSPOT_V3, other) == "signature"


def test_basic_wants_name_and_password() -> None:
    for text in ("hub:", ":hush", "hub:hush ", "HUB:hush", "hub:hus", "hush"):
        value = "Basic " + base64.b64encode(text.encode()).decode()
        assert reason(Basic("hub"), with_header(REQUEST, "authorization", value)) == "signature"
    value = base64.b64encode(b"hub:hush").decode()
    assert reason(Basic("hub"), with_header(REQUEST, "authorization", f"basic {value}")) == ""
    assert reason(Basic("hub"), with_header(REQUEST, "authorization", f"Bearer {value}")) == "scheme"


def test_without_a_signature_only_named_sources_are_heard_and_only_if_one_insists() -> None:
    with pytest.raises(ValueError, match="insist"):
        scheme("none")
    here = scheme("none", insist=True)
    assert [reason(here, replace(REQUEST, remote=remote)) for remote in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [
        "",
        "",
        "",
    ]
    for remote in ("203.0.113.9", "", "unknown", "127.0.0.1, 203.0.113.9"):
        assert reason(here, replace(REQUEST, remote=remote)) == "missing"
    office = scheme("none", insist=True, sources=["203.0.113.0/24"])
    assert reason(office, replace(REQUEST, remote="203.0.113.9")) == ""
    assert reason(office, replace(REQUEST, remote="127.0.0.1")) == "missing"
    with pytest.raises(ValueError, match="not-a-net"):
        Unsigned(("not-a-net",))


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_has_a_name(name: str) -> None:
    built = scheme(name, header="x-sig", username="hub", insist=True)
    request = replace(REQUEST, remote="127.0.0.1")
    assert reason(built, signed(built, request=request)) == ""


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("hmac-md5-hex", {"header": "x"}),
        ("HMAC-SHA256-HEX", {"header": "x"}),
        ("", {}),
        ("hmac-sha256-hex", {}),
        ("key-header", {}),
        ("hmac-sha256-hex", {"header": "x", "signed": "{timestamp}"}),
        ("hmac-sha256-hex", {"header": "x", "signed": "{body}{nonce}"}),
        ("hmac-sha256-hex", {"header": "x", "timestamp_header": "x-t"}),
        ("hmac-sha256-hex", {"header": "x", "signed": "{timestamp}.{body}"}),
        ("hmac-sha256-hex", {"header": "x", "id_header": "x-id"}),
    ],
)
def test_a_scheme_that_proves_nothing_cannot_be_made(name: str, settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        scheme(name, **settings)  # type: ignore[arg-type]


@given(some.binary(max_size=50), some.text(max_size=80), some.sampled_from(SIGNED))
def test_no_guess_gets_in(body: bytes, guess: str, scheme: Scheme) -> None:
    request = signed(scheme, request=replace(REQUEST, body=body))
    if guess not in (right := request.headers[signature_header(scheme)]) or guess != right:
        assert reason(scheme, with_header(request, signature_header(scheme), guess)) != ""
