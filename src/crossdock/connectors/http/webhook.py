"""Any webhook in: who sent it, which messages it holds, and what they are called."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from crossdock.connectors.http.paths import MISSING, Source, as_text, at
from crossdock.connectors.http.settings import WebhookSettings
from crossdock.core import json
from crossdock.core.connector import Inbound, Part, Rejected, Webhook
from crossdock.core.errors import NotJson
from crossdock.core.ids import digest
from crossdock.core.secret import Secret
from crossdock.core.signatures import verify

FORM = "application/x-www-form-urlencoded"
MAX_FORM_FIELDS = 1_000
MAX_ITEMS = 10_000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UTF8 = {"utf-8", "utf8", "us-ascii", "ascii"}
_CHARSETS = {
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "latin-1",
    "windows-1252",
    "utf-16",
    "utf-16le",
    "utf-16be",
}


class HttpWebhook(Webhook):
    def __init__(self, settings: WebhookSettings) -> None:
        self.settings = settings
        self._scheme = settings.signature.check
        self.keep_headers = ("content-type", *(name.lower() for name in settings.keep_headers))
        self._id = Source.parse(settings.id)
        self._topic = Source.parse(settings.topic)
        self._order = Source.parse(settings.order_by)

    def verify(self, request: Inbound, secrets: Sequence[Secret], civil: float) -> Rejected | None:
        return verify(self._scheme, request, secrets, civil)

    def split(self, request: Inbound) -> Sequence[Part]:
        text, body = decoded(request)
        path = self.settings.items
        if path is None:
            return [self._part(request, body, body, text)]
        items = at(body, path)
        if not isinstance(items, list):
            raise ValueError(f"the body has no list at {path!r}" if path else "the body is not a list")
        if len(items) > MAX_ITEMS:
            raise ValueError(f"the body holds {len(items)} items; {MAX_ITEMS} is the most for one request")
        return [self._part(request, body, item, json.encode(item)) for item in items]

    def _part(self, request: Inbound, body: Any, item: Any, raw: bytes) -> Part:
        def read(source: Source, what: str) -> str:
            for place in source:
                match place.kind:
                    case "body":
                        said = at(body, place.name)
                    case "item":
                        said = at(item, place.name)
                    case "header":
                        said = request.headers.get(place.name, MISSING)
                    case "query":
                        said = request.query.get(place.name, MISSING)
                    case "content":
                        said = digest(json.canonical(item))
                    case _:
                        said = place.name
                if text := as_text(said):
                    return text
            raise ValueError(f"the request does not say its {what}: nothing at {source.text}")

        return Part(read(self._id, "id"), read(self._topic, "topic"), read(self._order, "order"), raw)


def decoded(request: Inbound) -> tuple[bytes, Any]:
    """The body as JSON text in UTF-8, and its value. A form becomes an object of texts. A byte order mark says how the
    text is encoded; else the charset does; else it is UTF-8. Raises ValueError."""
    media_type, _, rest = request.headers.get("content-type", "").partition(";")
    text = _utf8(request.body, rest)
    if media_type.strip().lower() == FORM:
        form = _form(text)
        return json.encode(form), form
    if not text.strip():
        raise ValueError("the body is empty")
    try:
        return text, json.decode(text)
    except NotJson as error:
        raise ValueError(f"the body is {error.what}") from None


def _form(text: bytes) -> Mapping[str, str | list[str]]:
    """Raises ValueError, without a word of the body."""
    if _is_json(text):
        raise ValueError(
            f"the body is JSON, and its Content-Type says {FORM}: the sender should say application/json"
            " (curl: -H 'Content-Type: application/json')"
        )
    if text.count(b"&") >= MAX_FORM_FIELDS:
        raise ValueError(f"the form has more than {MAX_FORM_FIELDS} fields")
    try:
        pairs = parse_qsl(text.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise ValueError(
            "the body is not a readable form: name=value is expected, with & between several (its Content-Type says"
            f" {FORM})"
        ) from None
    form: dict[str, str | list[str]] = {}
    for name, value in pairs:
        earlier = form.get(name)
        if earlier is None:
            form[name] = value
        else:
            form[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
    return form


def _is_json(text: bytes) -> bool:
    if text.lstrip()[:1] not in {b"{", b"["}:
        return False
    try:
        json.decode(text)
    except NotJson:
        return False
    return True


def _utf8(body: bytes, parameters: str) -> bytes:
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return _recoded(body[len(mark) :], encoding)
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            encoding = value.strip().strip("\"'").lower()
            if encoding not in _CHARSETS:
                raise ValueError(f"the body's charset {encoding[:40]!r} is not read here")
            return _recoded(body, encoding)
    return _recoded(body, "utf-8")


def _recoded(body: bytes, encoding: str) -> bytes:
    """In UTF-8: the very same bytes where they are that already, so that they are kept once."""
    try:
        text = body.decode(encoding)
    except UnicodeError:
        raise ValueError(f"the body is not {encoding} text") from None
    return body if encoding in _UTF8 else text.encode()
