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


def is_secret_name(name: str) -> bool:
    """Whether a field, header or parameter of this name holds a secret by all experience."""
    return _SECRET_NAME.search(_HUMP.sub("_", name).lower()) is not None


class Redactor:
    """Knows the live secrets. Safe to call from any thread; fast however many there are."""

    def __init__(self) -> None:
        self._shapes: dict[Secret, tuple[str, ...]] = {}
        self._live: Any = None
        """compiled when it is first needed after a change"""

    def add(self, secret: Secret) -> None:
        if len(secret.reveal().strip()) < SHORTEST or secret in self._shapes:
            return
        self._shapes[secret] = tuple(dict.fromkeys(_shapes(secret.reveal().strip())))
        while len(self._shapes) > KEPT:
            del self._shapes[next(iter(self._shapes))]
        self._live = None

    def text(self, text: str) -> str:
        """Without live secrets, and without what stands behind a secret's name."""
        try:
            struck: str = self._by_value(text)
        except UnicodeEncodeError:
            struck = self._by_value(text.encode("utf-8", "replace").decode())
        for pattern, put in _NAMED:
            struck = pattern.sub(put, struck)
        return struck

    def bytes(self, data: bytes) -> bytes:
        """As `text`, for bytes of any encoding that keeps ASCII."""
        struck: bytes = self._by_value(data)
        for pattern, put in _NAMED:
            struck = pattern.sub(put.encode(), struck)
        return struck

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

    def _by_value(self, text: Any) -> Any:
        live = self._live
        if live is None:
            shapes = [shape for shapes in self._shapes.copy().values() for shape in shapes]
            if not shapes:
                return text
            options = re2.Options()
            options.max_mem = 1 << 28
            longest_first = sorted(shapes, key=len, reverse=True)
            live = self._live = re2.compile("|".join(map(re2.escape, longest_first)), options)
        return live.sub(STRUCK if isinstance(text, str) else STRUCK.encode(), text)


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
