"""Is this webhook authentic? One module for every sender, so that a check is written and tested once.

Pure: raw bytes, headers, secrets and the civil time in; a reason out. All comparisons take constant time. What a header
says about how to check (an algorithm's name, a version) is never followed, only what the scheme says.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from crossdock.core.connector import Inbound, Rejected
from crossdock.core.secret import Secret

TOLERANCE_S: Final = 300.0
"""How far a signed timestamp may be from ours, either way. Ids must be remembered at least this long."""

_PLACES: Final = re.compile(r"\{([a-z_]*)\}")
_PLACE_NAMES: Final = frozenset({"body", "timestamp", "id", "method", "url", "decoded_url"})


@dataclass(frozen=True, slots=True)
class Hmac:
    """An HMAC over what `signed` spells: text and the places `{body}`, `{timestamp}`, `{id}`, `{method}`, `{url}` and
    `{decoded_url}` (the public URL, with `DECODED` undone). `body` must be in it, and a timestamp that is sent must be
    too, else it proves nothing. The header holds `prefix` and then the digest.

    Raises ValueError when that does not hold together.
    """

    header: str
    encoding: Literal["hex", "base64"]
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    prefix: str = ""
    signed: str = "{body}"
    timestamp_header: str = ""
    timestamp_unit: Literal["s", "ms"] = "s"
    id_header: str = ""
    tolerance_s: float = TOLERANCE_S
    _template: tuple[str, ...] = field(init=False, repr=False, compare=False)

    @property
    def words(self) -> str:
        return f"hmac-{self.algorithm}-{self.encoding} of {self.signed}"

    def __post_init__(self) -> None:
        template = tuple(_PLACES.split(self.signed))
        places = set(template[1::2])
        if unknown := places - _PLACE_NAMES:
            raise ValueError(f"nothing is known as {{{min(unknown)}}}; there are {', '.join(sorted(_PLACE_NAMES))}")
        if "body" not in places:
            raise ValueError(f"{self.signed!r} leaves out {{body}}: anyone could change it")
        if ("timestamp" in places) != bool(self.timestamp_header):
            raise ValueError("a timestamp needs both: its header, and {timestamp} in what is signed")
        if ("id" in places) != bool(self.id_header):
            raise ValueError("an id needs both: its header, and {id} in what is signed")
        if not self.header:
            raise ValueError("the header that holds the signature has no name")
        for name in ("header", "timestamp_header", "id_header"):
            object.__setattr__(self, name, getattr(self, name).lower())
        object.__setattr__(self, "_template", template)


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """https://www.standardwebhooks.com 1.0.0, version `v1`; the secret is `whsec_` and base64."""

    tolerance_s: float = TOLERANCE_S


@dataclass(frozen=True, slots=True)
class Basic:
    """HTTP Basic; the secret is the password."""

    username: str


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """A header that holds `prefix` and the secret itself, such as `Authorization: Bearer …` or `X-Api-Key: …`."""

    header: str
    prefix: str = ""

    def __post_init__(self) -> None:
        if not self.header:
            raise ValueError("the header that holds the key has no name")
        object.__setattr__(self, "header", self.header.lower())


@dataclass(frozen=True, slots=True)
class Unsigned:
    """No proof at all: only requests from these networks are taken. By default from this machine alone."""

    sources: tuple[str, ...] = ("127.0.0.0/8", "::1/128")

    def __post_init__(self) -> None:
        for source in self.sources:
            ipaddress.ip_network(source)  # raises ValueError


Scheme = Hmac | StandardWebhooks | Basic | KeyHeader | Unsigned

SHOPIFY: Final = Hmac("x-shopify-hmac-sha256", "base64")
INTUIT: Final = Hmac("intuit-signature", "base64")
HUBSPOT_V3: Final = Hmac(
    "x-hubspot-signature-v3",
    "base64",
    signed="{method}{decoded_url}{body}{timestamp}",
    timestamp_header="x-hubspot-request-timestamp",
    timestamp_unit="ms",
)
DECODED: Final = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
"""What HubSpot decodes in the URL before it signs (its page "Validating requests", v3)."""
_DECODED: Final = re.compile("|".join(DECODED), re.IGNORECASE)

SCHEMES: Final = (
    *(f"hmac-{algorithm}-{encoding}" for algorithm in ("sha256", "sha1", "sha512") for encoding in ("hex", "base64")),
    "standard-webhooks",
    "basic",
    "key-header",
    "none",
)


def scheme(
    name: str,
    *,
    header: str = "",
    prefix: str = "",
    signed: str = "{body}",
    timestamp_header: str = "",
    timestamp_unit: Literal["s", "ms"] = "s",
    id_header: str = "",
    tolerance_s: float = TOLERANCE_S,
    username: str = "",
    insist: bool = False,
    sources: Sequence[str] = (),
) -> Scheme:
    """A scheme by one of `SCHEMES`, as a person writes it; what a scheme has no use for is left out.

    Raises ValueError, in words for that person."""
    match name.split("-"):
        case ["hmac", "sha1" | "sha256" | "sha512" as algorithm, "hex" | "base64" as encoding]:
            return Hmac(
                header, encoding, algorithm, prefix, signed, timestamp_header, timestamp_unit, id_header, tolerance_s
            )
        case ["standard", "webhooks"]:
            return StandardWebhooks(tolerance_s)
        case ["basic"]:
            return Basic(username)
        case ["key", "header"]:
            return KeyHeader(header, prefix)
        case ["none"]:
            if not insist:
                raise ValueError("without a signature anyone who knows the address can send; say `insist: true` if so")
            return Unsigned(tuple(sources)) if sources else Unsigned()
    raise ValueError(f"{name!r} is no signature scheme; there are {', '.join(SCHEMES)}")


# --- checking ---------------------------------------------------------------------------------------------------


def verify(scheme: Scheme, request: Inbound, secrets: Sequence[Secret], civil: float) -> Rejected | None:
    """None when the raw bytes are authentic by one of the secrets; two are live while one is being rotated.

    An empty secret never counts. `request.headers` have lower-case names; one sent twice is joined by ", " and so fits
    nothing."""
    if isinstance(scheme, Unsigned):
        return _verify_source(scheme, request)
    live = [secret.reveal() for secret in secrets if secret.reveal().strip()]
    if not live:
        return Rejected("missing", "no secret is kept for this hook, so nothing can be checked")
    match scheme:
        case Hmac():
            return _verify_hmac(scheme, request, live, civil)
        case StandardWebhooks():
            return _verify_standard(scheme, request, live, civil)
        case Basic():
            return _verify_basic(scheme, request, live)
        case KeyHeader():
            return _verify_key(scheme, request, live)


def _verify_hmac(scheme: Hmac, request: Inbound, secrets: Sequence[str], civil: float) -> Rejected | None:
    given = request.headers.get(scheme.header, "")
    if not given:
        return Rejected("missing", f"{_lacks(scheme.header)}; it should hold the signature, {scheme.words}")
    for header in (scheme.timestamp_header, scheme.id_header):
        if header and not request.headers.get(header):
            return Rejected("missing", f"{_lacks(header)}; the signature is over {scheme.signed}")
    if scheme.timestamp_header:
        unit_s = 1.0 if scheme.timestamp_unit == "s" else 0.001
        late = _out_of_time(request.headers[scheme.timestamp_header], unit_s, scheme.tolerance_s, civil)
        if late is not None:
            return late
    signed = _signed(scheme, request)
    if scheme.encoding == "hex":
        given = given[: len(scheme.prefix)] + given[len(scheme.prefix) :].lower()
    expected = [_digest(scheme, secret, signed) for secret in secrets]
    return None if _any_equal(given, expected) else _unfit(scheme.header, scheme.words)


def _verify_standard(
    scheme: StandardWebhooks, request: Inbound, secrets: Sequence[str], civil: float
) -> Rejected | None:
    message_id, timestamp, given = (
        request.headers.get(name, "") for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not (message_id and timestamp and given):
        return Rejected(
            "missing", "there must be webhook-id, webhook-timestamp and webhook-signature (Standard Webhooks)"
        )
    if "." in message_id:
        return Rejected("signature", "webhook-id holds a dot")
    late = _out_of_time(timestamp, 1.0, scheme.tolerance_s, civil)
    if late is not None:
        return late
    keys = [key for secret in secrets if (key := _standard_key(secret))]
    if not keys:
        return Rejected("missing", "the secret that is kept for this hook is not of the form whsec_…")
    ours = [entry for entry in given.split(" ") if entry.startswith("v1,")]
    if not ours:
        return Rejected("unsupported", "webhook-signature holds no signature of version v1")
    expected = [_standard_signature(key, message_id, timestamp, request.body) for key in keys]
    matches = [_any_equal(entry, expected) for entry in ours]
    return None if any(matches) else _unfit("webhook-signature", "Standard Webhooks v1")


def _verify_basic(scheme: Basic, request: Inbound, secrets: Sequence[str]) -> Rejected | None:
    given = request.headers.get("authorization", "")
    if not given:
        return Rejected("missing", f"{_lacks('authorization')}; it should hold Basic and a user's name and password")
    kind, _, credentials = given.partition(" ")
    if kind.lower() != "basic":
        return Rejected("scheme", "authorization is not Basic")
    expected = [_basic(scheme, secret) for secret in secrets]
    fits = _any_equal(credentials.strip(), expected)
    return None if fits else Rejected("signature", "name and password in authorization are not those of this hook")


def _verify_key(scheme: KeyHeader, request: Inbound, secrets: Sequence[str]) -> Rejected | None:
    given = request.headers.get(scheme.header, "")
    if not given:
        return Rejected("missing", f"{_lacks(scheme.header)}; it should hold this hook's key")
    expected = [scheme.prefix + secret for secret in secrets]
    fits = _any_equal(given, expected)
    return None if fits else Rejected("signature", f"the key in {scheme.header} is not this hook's")


def _verify_source(scheme: Unsigned, request: Inbound) -> Rejected | None:
    try:
        remote = ipaddress.ip_address(request.remote)
    except ValueError:
        return Rejected("missing", "unsigned, and from nobody knows where")
    mapped = getattr(remote, "ipv4_mapped", None)
    if any((mapped or remote) in ipaddress.ip_network(source) for source in scheme.sources):
        return None
    return Rejected("missing", f"unsigned, and {request.remote} is not among its sources")


def _out_of_time(text: str, unit_s: float, tolerance_s: float, civil: float) -> Rejected | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        return Rejected("clock", "the timestamp is not a plain number")
    if abs(int(text) * unit_s - civil) > tolerance_s:
        return Rejected("clock", f"the timestamp is more than {tolerance_s:g} s away from the hub's clock")
    return None


def _lacks(header: str) -> str:
    return f"the header {header} is not there"


def _unfit(header: str, words: str) -> Rejected:
    """Nothing of what was sent, or of what would have fitted, is told."""
    return Rejected("signature", f"the signature in {header} does not fit; {words} is checked")


def _any_equal(given: str, expected: Sequence[str]) -> bool:
    """All are compared, so that the time does not tell which one came near."""
    candidate = given.encode("utf-8", "surrogateescape")
    equal = [hmac.compare_digest(candidate, one.encode()) for one in expected]
    return any(equal)


# --- signing: what simulators and tests send ----------------------------------------------------------------------


def sign(scheme: Scheme, request: Inbound, secret: Secret, civil: float) -> Mapping[str, str]:
    """The headers that make the request authentic at this time. An id that is signed must be among its headers."""
    match scheme:
        case Hmac():
            headers: dict[str, str] = {}
            if scheme.timestamp_header:
                headers[scheme.timestamp_header] = str(int(civil * (1 if scheme.timestamp_unit == "s" else 1000)))
            signed = _signed(scheme, request, headers.get(scheme.timestamp_header, ""))
            return {**headers, scheme.header: _digest(scheme, secret.reveal(), signed)}
        case StandardWebhooks():
            timestamp = str(int(civil))
            key = _standard_key(secret.reveal())
            signature = _standard_signature(key, request.headers["webhook-id"], timestamp, request.body)
            return {"webhook-timestamp": timestamp, "webhook-signature": signature}
        case Basic():
            return {"authorization": f"Basic {_basic(scheme, secret.reveal())}"}
        case KeyHeader():
            return {scheme.header: scheme.prefix + secret.reveal()}
        case Unsigned():
            return {}


def _signed(scheme: Hmac, request: Inbound, timestamp: str = "") -> bytes:
    parts: list[bytes] = []
    for index, part in enumerate(scheme._template):
        if index % 2 == 0:
            parts.append(part.encode())
        elif part == "body":
            parts.append(request.body)
        elif part == "timestamp":
            parts.append((timestamp or request.headers[scheme.timestamp_header]).encode())
        elif part == "id":
            parts.append(request.headers[scheme.id_header].encode("utf-8", "surrogateescape"))
        elif part == "method":
            parts.append(request.method.upper().encode())
        elif part == "url":
            parts.append(request.url.encode())
        else:
            parts.append(_DECODED.sub(lambda found: DECODED[found.group().upper()], request.url).encode())
    return b"".join(parts)


def _digest(scheme: Hmac, secret: str, signed: bytes) -> str:
    digest = hmac.digest(secret.encode(), signed, scheme.algorithm)
    return scheme.prefix + (digest.hex() if scheme.encoding == "hex" else base64.b64encode(digest).decode())


def _basic(scheme: Basic, password: str) -> str:
    return base64.b64encode(f"{scheme.username}:{password}".encode()).decode()


def _standard_key(secret: str) -> bytes:
    """b"" when it is no such secret."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _standard_signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
