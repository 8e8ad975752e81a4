"""No secret in a log line, an error, an export or a view: what is live is struck out by its value, in whatever shape it
is written; what is only named like a secret is struck out by its name."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

import re2  # type: ignore[import-untyped]

from crossdock.core.secret import Secret

STRUCK: Final = "[redacted]"
SHORTEST: Final = 4
"""Shorter values are too common to strike out of every text."""
KEPT: Final = 2000
"""So many secrets are remembered, the newest: replaced tokens can still come up in what was said before."""
DEEPEST: Final = 20
LONGEST_REASON: Final = 500
"""characters"""
BEGINNING: Final = 12
"""Characters of a longer secret by which it is known when a quotation ends in its middle."""

_SECRET_NAME: Final = re.compile(
    r"(?:^|[-_. ])(?:password|passwd|passphrase|secret|token|authorization|cookie|credentials?|signature|hmac"
    r"|(?:api|private|secret|access|vault|admin)[-_. ]?key)s?$"
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_NAME: Final = r"[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|private[_-]?key|signature)"
_NAMED: Final = (
    # Authorization: Bearer …, wherever it stands
    (re2.compile(r"(?i)\b(bearer|basic)(\s+)(?:[A-Za-z0-9+/_.~-]{16,}=*|[A-Za-z0-9+/_.~-]{4,}=+)"), rf"\1\2{STRUCK}"),
    # Set-Cookie: …
    (re2.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*:\s*)[^\r\n]+"), rf"\1\2{STRUCK}"),
    # ?access_token=…&
    (re2.compile(rf"(?i)({_NAME}=)[^\s&;,\"'<>]+"), rf"\1{STRUCK}"),
    # {{"access_token": "…"}}, also inside another string
    (re2.compile(rf"(?i)({_NAME}\\*[\"']\s*:\s*\\*[\"'])[^\"'\\]+"), rf"\1{STRUCK}"),
)
_EMAIL: Final = re2.compile(r"([\pL\pN_%+-])[\pL\pN._%+-]*((?:@|%40)[\pL\pN-]+(?:\.[\pL\pN-]+)+)")
_PHONE: Final = re2.compile(
    r"(?:\+\d(?:[ .()-]{0,2}\d){5,12}|\(\d{3}\)[ .-]?\d{3}[ .-]?\d{2}|\b\d{3}[.-]\d{3}[.-]\d{2})(\d\d)\b"
)


def is_secret_name(name: str) -> bool:
    """Whether a field, header or parameter of this name holds a secret by all experience."""
    return _SECRET_NAME.search(_HUMP.sub("_", name).lower()) is not None


class Redactor:
    """Knows the live secrets. Safe to call from any thread; fast however many there are."""

    def __init__(self) -> None:
        self._shapes: dict[Secret, tuple[str, ...]] = {}
        self._live: Any = None
        self._beginnings: Any = None
        """both compiled when first needed after a change"""

    def add(self, secret: Secret) -> None:
        if len(secret.reveal().strip()) < SHORTEST or secret in self._shapes:
            return
        self._shapes[secret] = tuple(dict.fromkeys(_shapes(secret.reveal().strip())))
        while len(self._shapes) > KEPT:
            del self._shapes[next(iter(self._shapes))]
        self._live = self._beginnings = None

    def text(self, text: str) -> str:
        """Without live secrets, and without what stands behind a secret's name."""
        struck = self._live_struck(text)
        for pattern, put in _NAMED:
            struck = pattern.sub(put, struck)
        return struck

    def bytes(self, data: bytes) -> bytes:
        """As `text`, for bytes of any encoding that keeps ASCII."""
        struck: bytes = self._by_value(data)
        for pattern, put in _NAMED:
            struck = pattern.sub(put.encode(), struck)
        return struck

    def reason(self, text: str) -> str:
        """Why something did not go well, fit to be kept and shown: without what `text` strikes out, without the
        beginning of a secret that a quotation was cut off in, with e-mail addresses and telephone numbers only hinted
        at, and at most LONGEST_REASON characters long."""
        if not text:
            return text
        struck: str = self.text(text)
        struck = self._without_beginnings(struck)
        struck = _EMAIL.sub(lambda found: f"{found.group(1)}…{found.group(2)}", struck)
        struck = _PHONE.sub(lambda found: f"…{found.group(1)}", struck)
        return struck if len(struck) <= LONGEST_REASON else f"{struck[: LONGEST_REASON - 1]}…"

    def document(self, value: Any) -> Any:
        """A copy, at any depth, without live secrets in its texts. Names stay, and what stands behind them."""
        if isinstance(value, str):
            return self._live_struck(value)
        if isinstance(value, Mapping):
            return {name: self.document(member) for name, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.document(member) for member in value]
        return value

    def mapping(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A copy, at any depth, keys included."""
        return {self.text(str(name)): self._named(str(name), value, 0) for name, value in values.items()}

    def _named(self, name: str, value: Any, depth: int) -> Any:
        if value is not None and not isinstance(value, bool) and is_secret_name(name):
            return STRUCK
        return self._value(value, depth)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, int | float):
            return value
        if depth >= DEEPEST:
            return "…"
        if isinstance(value, bytes):
            return self.bytes(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._named(str(key), member, depth + 1) for key, member in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(member, depth + 1) for member in value]
        return STRUCK if isinstance(value, Secret) else self.text(str(value))

    def _live_struck(self, text: str) -> str:
        try:
            struck: str = self._by_value(str(text))  # re2 cannot make one of a StrEnum
        except UnicodeEncodeError:
            struck = self._by_value(text.encode("utf-8", "replace").decode())
        return struck

    def _without_beginnings(self, text: str) -> str:
        if self._beginnings is None:
            shapes = {shape[:BEGINNING] for shapes in self._shapes.copy().values() for shape in shapes}
            long = [shape for shape in shapes if len(shape) == BEGINNING]
            if not long:
                return text
            self._beginnings = _any_of(long, then=r"[^\s\"'<>&,;{}\]]*")
        struck: str = self._beginnings.sub(STRUCK, text)
        return struck

    def _by_value(self, text: Any) -> Any:
        live = self._live
        if live is None:
            shapes = [shape for shapes in self._shapes.copy().values() for shape in shapes]
            if not shapes:
                return text
            live = self._live = _any_of(shapes)
        return live.sub(STRUCK if isinstance(text, str) else STRUCK.encode(), text)


def _any_of(texts: list[str], then: str = "") -> Any:
    options = re2.Options()
    options.max_mem = 1 << 28
    longest_first = sorted(texts, key=len, reverse=True)
    return re2.compile(f"(?:{'|'.join(map(re2.escape, longest_first))}){then}", options)


def _shapes(value: str) -> Iterator[str]:
    """How the value may be written: plain, URL-encoded, in JSON, as Python shows it, in hex and in base64."""
    yield value
    yield quote(value, safe="")
    yield quote_plus(value)
    yield quote(value)
    yield re.sub("%[0-9A-F]{2}", lambda found: found.group().lower(), quote(value, safe=""))
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(value)[1:-1].replace("/", "\\/")
    yield json.dumps(json.dumps(value)[1:-1])[1:-1]
    yield repr(value)[1:-1]
    data = value.encode("utf-8", "replace")
    yield data.hex()
    yield data.hex().upper()
    for before in range(3):
        # Base64 of a text that the value is part of (`user:secret`): the characters that only the value decides.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * before + data).decode().rstrip("=")
            first = (0, 2, 3)[before]
            whole = (before + len(data)) * 8 // 6
            if whole - first >= SHORTEST:
                yield encoded[first:whole]
                yield quote(encoded[first:whole], safe="")
