"""Canaries planted in every shape and place: none sings."""

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crossdock.core.secret import Secret
from crossdock.core.states import DeliveryState
from crossdock.security.redaction import KEPT, LONGEST_REASON, STRUCK, Redactor, is_secret_name

CANARIES = [f"canary-{number}/+= \"'é\\{number}%" for number in range(200)]


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    redactor = Redactor()
    for canary in CANARIES:
        redactor.add(Secret(canary))
    return redactor


def shapes(canary: str) -> dict[str, str]:
    data = canary.encode()
    return {
        "plain": canary,
        "url": quote(canary, safe=""),
        "path": quote(canary),
        "form": quote_plus(canary),
        "lower url": "".join(f"%{byte:02x}" if chr(byte) not in SAFE else chr(byte) for byte in data),
        "json": json.dumps(canary),
        "raw json": json.dumps(canary, ensure_ascii=False),
        "json in json": json.dumps(json.dumps({"a": canary})),
        "repr": repr(canary),
        "hex": data.hex(),
        "base64": base64.b64encode(data).decode(),
        "base64url": base64.urlsafe_b64encode(data).decode(),
        "basic": base64.b64encode(b"user:" + data).decode(),
        "basic, two before": base64.b64encode(b"us:" + data + b"@host").decode(),
        "basic, one before": base64.b64encode(b"u:" + data + b"!").decode(),
        "base64 in a url": quote(base64.b64encode(data).decode(), safe=""),
        "query": urlencode({"x": canary}),
    }


SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~"


@pytest.mark.parametrize("shape", shapes(""))
def test_a_live_secret_is_struck_out_in_every_shape(redactor: Redactor, shape: str) -> None:
    for number, canary in enumerate(CANARIES):
        written = shapes(canary)[shape]
        for text in (
            redactor.text(f"before {written} after"),
            redactor.bytes(f"before {written} after".encode()).decode(),
        ):
            assert STRUCK in text
            assert f"canary-{number}" not in text
            assert written.strip("\"'=") not in text
            assert text.startswith("before ")
            assert text.endswith(" after")


def test_keys_and_members_at_any_depth_are_struck_out(redactor: Redactor) -> None:
    canary = CANARIES[7]
    nested: Any = {
        "deep": [{"deeper": (f"x {canary} y", canary.encode(), {canary: 1}, Secret(canary), ValueError(canary))}]
    }
    shown = str(redactor.mapping({"event": canary, "nested": nested, canary: 1, "count": 7, "none": None}))
    assert "canary-7" not in shown
    assert "'count': 7" in shown


@pytest.mark.parametrize(
    "name",
    [
        "password", "access_token", "accessToken", "refresh-token", "client_secret", "X-Shopify-Access-Token",
        "Authorization", "Proxy-Authorization", "Set-Cookie", "cookies", "api_key", "apiKey", "X-Api-Key",
        "private key", "intuit-signature", "X-Shopify-Hmac", "webhook_secrets", "db.passwd", "credentials",
    ],
)  # fmt: skip
def test_what_is_named_like_a_secret_is_struck_out(name: str) -> None:
    assert is_secret_name(name)
    assert Redactor().mapping({"a": {name: "whatever"}}) == {"a": {name: STRUCK}}
    assert Redactor().mapping({name: None}) == {name: None}


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "partitionkey",
        "idempotency_key",
        "tokens_left",
        "tokenizer",
        "secretary",
        "expires_at",
        "sku",
        "signed_at",
    ],
)
def test_what_only_sounds_like_a_secret_stays(name: str) -> None:
    assert Redactor().mapping({name: "seen"}) == {name: "seen"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /x?access_token=abc123&y=1", f"GET /x?access_token={STRUCK}&y=1"),
        ("refused: Authorization: Bearer eyJhbGciOi.J9.x\nnext", f"refused: Authorization: {STRUCK}\nnext"),
        ("sent with Basic dXNlcjpwYXNz== to", f"sent with Basic {STRUCK} to"),
        ('{"refresh_token": "abc", "n": 1}', f'{{"refresh_token": "{STRUCK}", "n": 1}}'),
        ('"{\\"client_secret\\":\\"abc\\"}"', f'"{{\\"client_secret\\":\\"{STRUCK}\\"}}"'),
        ("Set-Cookie: a=b; c", f"Set-Cookie: {STRUCK}"),
        ("the secret api_key of shop is missing", "the secret api_key of shop is missing"),
        ("token: invalid", "token: invalid"),
        ("basic authentication failed", "basic authentication failed"),
    ],
)
def test_secrets_nobody_told_us_of_are_struck_out_of_text_by_their_names(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected
    assert Redactor().bytes(text.encode()) == expected.encode()


def test_one_secret_within_another_is_struck_out_whole() -> None:
    redactor = Redactor()
    for value in ("inner", "outer-inner-outer"):
        redactor.add(Secret(value))
    assert redactor.text("x outer-inner-outer y inner") == f"x {STRUCK} y {STRUCK}"


def test_a_secret_added_later_is_struck_out_from_then_on() -> None:
    redactor = Redactor()
    assert redactor.text("later") == "later"
    redactor.add(Secret("later"))
    assert redactor.text("later") == STRUCK


def test_very_short_values_do_not_shred_all_text() -> None:
    redactor = Redactor()
    for value in ("", " ", "a", "abc"):
        redactor.add(Secret(value))
    assert redactor.text("a b c abc") == "a b c abc"


def test_the_newest_secrets_are_remembered_and_the_memory_is_bounded() -> None:
    redactor = Redactor()
    for number in range(KEPT + 10):
        redactor.add(Secret(f"token-{number:05d}-x"))
    assert redactor.text("token-00000-x") == "token-00000-x"
    assert redactor.text(f"token-{KEPT + 9:05d}-x token-00010-x") == f"{STRUCK} {STRUCK}"


@given(some.text(), some.text(min_size=4).filter(lambda value: len(value.strip()) >= 4))
def test_no_text_breaks_it_and_nothing_else_is_lost(text: str, secret: str) -> None:
    redactor = Redactor()
    redactor.add(Secret(secret))
    struck = redactor.text(f"{text}{secret.strip()}{text}")
    assert STRUCK in struck


def test_text_that_is_not_unicode_is_still_read() -> None:
    redactor = Redactor()
    redactor.add(Secret("hush-hush"))
    assert STRUCK in redactor.text("\udcff hush-hush")
    assert redactor.bytes(b"\xff\xfe hush-hush \x00") == b"\xff\xfe [redacted] \x00"


def test_what_holds_itself_comes_to_an_end() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert "…" in str(Redactor().mapping(loop))


def test_a_document_keeps_its_names_and_numbers(redactor: Redactor) -> None:
    said = {CANARIES[3]: 1, "token": "kept", "state": DeliveryState.HELD, "list": [f"x {CANARIES[4]}", None, 1.5]}
    assert redactor.document(said) == {
        CANARIES[3]: 1,
        "token": "kept",
        "state": "held",
        "list": [f"x {STRUCK}", None, 1.5],
    }


# --- reasons --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", range(12, 40))
def test_a_reason_that_was_cut_off_within_a_secret_keeps_none_of_it(shown: int) -> None:
    redactor = Redactor()
    secret = "xd_live_0123456789abcdefghijklmnopqrstuv"
    redactor.add(Secret(secret))
    assert redactor.reason(f'HTTP 400: {{"a":"{secret[:shown]}') == f'HTTP 400: {{"a":"{STRUCK}'


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no such customer: ada.lovelace+x@mail.example.com!", "no such customer: a…@mail.example.com!"),
        ("?email=ada%40example.com", "?email=a…%40example.com"),
        ("jürgen@bücher.example", "j…@bücher.example"),
        ("call +15145550199", "call …99"),
        ("call +1 (514) 555-0199 now", "call …99 now"),
        ("call (514) 555-0199", "call …99"),
        ("call 514-555-0199", "call …99"),
        ("order 5310000000123 at 2026-11-03T14:12:43+00:00 of 4620816365 from 192.168.100.200", ...),
        ("5f3c9a7be1d24c6f8a5b1c2d3e4f5a6b: 1,418 of 2026-11-03", ...),
    ],
)
def test_a_reason_only_hints_at_people(said: str, kept: Any) -> None:
    assert Redactor().reason(said) == (said if kept is ... else kept)


def test_a_reason_is_bounded() -> None:
    assert len(Redactor().reason("é" * 100_000)) == LONGEST_REASON
