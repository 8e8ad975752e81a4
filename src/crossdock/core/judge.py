"""The default table from an HTTP answer to a verdict; a connector overrides only where its platform differs."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from crossdock.core.errors import NotJson, TransportError
from crossdock.core.verdict import Done, NotDone, Refused, Unknown
from crossdock.core.wire import Response

LONGEST_WAIT_S = 3600.0
"""A platform that asks for more is asked again after this: absurd values must not park a key for years."""

SNIPPET_CHARS = 300


def retry_after_s(value: str, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` value (seconds or a date), clamped to 0..LONGEST_WAIT_S; None if neither."""
    text = value.strip()
    if not text:
        return None
    if text.isascii() and text.lstrip("-").replace(".", "", 1).isdigit():
        return min(max(float(text), 0.0), LONGEST_WAIT_S)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), LONGEST_WAIT_S)
    except (ValueError, TypeError, OverflowError):
        return None


def judge_http(response: Response, now: float) -> Done | NotDone | Refused | Unknown:
    """2xx JSON → Done; 401 → not done, after a fresh token; 429 → not done, no sooner than said; other 4xx and
    redirects → Refused; 408, 5xx and anything unreadable → Unknown."""
    status = response.status
    if 200 <= status < 300:
        return _success(response)
    said = f"HTTP {status}{_snippet(response)}"
    if 300 <= status < 400:
        return Refused(f"HTTP {status}: a redirect to {response.header('location')!r} is not followed")
    if status == 401:
        return NotDone(said, counts=True)
    if status in {425, 429}:
        return NotDone(said, wait_s=retry_after_s(response.header("retry-after"), now), counts=False)
    if 400 <= status < 500 and status != 408:
        return Refused(said)
    return Unknown(said)


def judge_failure(error: TransportError) -> NotDone | Unknown:
    """No answer: not done when no byte left, else unknown."""
    why = f"{error.what}. {error.hint}" if error.hint else error.what
    return Unknown(why) if error.sent else NotDone(why)


def _success(response: Response) -> Done | Unknown:
    if not response.body:
        return Done(None)
    if response.media_type == "text/html":
        return Unknown(f"HTTP {response.status} with an HTML page where data was expected (a login page?)")
    if "json" not in response.media_type:
        return Done(response.body.decode("utf-8", "replace"))
    try:
        return Done(response.json())
    except NotJson as error:
        return Unknown(f"HTTP {response.status} with a body that is {error.what}")


def _snippet(response: Response) -> str:
    text = response.body[: SNIPPET_CHARS * 4].decode("utf-8", "replace").strip()
    return f": {text[:SNIPPET_CHARS]}" if text and response.media_type != "text/html" else ""
