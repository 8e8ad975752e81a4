"""From an answer to a verdict."""

from __future__ import annotations

import pytest

from crossdock.core.errors import TransportError
from crossdock.core.judge import LONGEST_WAIT_S, judge_failure, judge_http, retry_after_s
from crossdock.core.verdict import Done, NotDone, Refused, Unknown
from crossdock.core.wire import Response

NOW = 1_790_000_000.0
JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-1", 0.0),
        ("1000000000", LONGEST_WAIT_S),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 30.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("1e400", None),
        ("²", None),
    ],
)
def test_absurd_retry_after_is_clamped_or_ignored(value: str, wait_s: float | None) -> None:
    assert retry_after_s(value, NOW) == wait_s


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 422])
def test_what_a_platform_refuses_is_for_a_person(status: int) -> None:
    assert isinstance(judge_http(Response(status, JSON, b"{}"), NOW), Refused)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_what_may_have_happened_is_unknown(status: int) -> None:
    assert isinstance(judge_http(Response(status, JSON, b"{}"), NOW), Unknown)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_is_named(status: int) -> None:
    verdict = judge_http(Response(status, {"location": "http://169.254.169.254/"}), NOW)
    assert isinstance(verdict, Refused)
    assert "169.254.169.254" in verdict.why


def test_a_login_page_with_200_is_not_done() -> None:
    verdict = judge_http(Response(200, {"content-type": "text/html; charset=utf-8"}, b"<html>Log in"), NOW)
    assert isinstance(verdict, Unknown)


@pytest.mark.parametrize("body", [b'{"id":', b"NaN", b"\xff\xfe", b'{"a":1}}'])
def test_an_unreadable_200_is_unknown(body: bytes) -> None:
    assert isinstance(judge_http(Response(200, JSON, body), NOW), Unknown)


def test_an_empty_2xx_is_done() -> None:
    assert judge_http(Response(204), NOW) == Done(None)


def test_a_rate_limit_uses_up_no_attempt() -> None:
    assert judge_http(Response(429, {**JSON, "retry-after": "3"}, b"{}"), NOW) == NotDone(
        "HTTP 429: {}", wait_s=3.0, counts=False
    )


def test_no_answer_is_unknown_once_a_byte_may_have_left() -> None:
    assert isinstance(judge_failure(TransportError("reset", sent=True)), Unknown)
    assert isinstance(judge_failure(TransportError("refused", sent=False)), NotDone)
    assert judge_failure(TransportError("refused", sent=False, hint="Ask for it.")) == NotDone("refused. Ask for it.")
