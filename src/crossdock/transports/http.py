"""HTTP/1.1 out: one request, one whole answer, to the address that the egress guard admitted.

See `docs/decisions/0002-http-client.md` for why pyreqwest, and what of it is relied on here.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestTimeoutError
from pyreqwest.http import Url
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response as Answer

from crossdock.core.errors import TransportError
from crossdock.core.transport import STRAY_S
from crossdock.core.wire import Http, Response, Wire
from crossdock.transports.egress import EgressGuard

MAX_BODY_BYTES = 10 * 1024 * 1024
CLOSE_S = 0.05
"""By so much the client's clock may be ahead of the loop's."""
STOOD_STILL_S = 1.0
"""Longer than it takes to prepare a request."""
MAX_RATIO = 200
"""Decoded to encoded size above which an answer of more than a megabyte is a bomb; JSON packs to a tenth or so."""
RATIO_FREE_BYTES = 1024 * 1024

KEPT_PLACES = 256
"""Places with connections of their own; the one longest unused goes first."""
IDLE_S = 30.0
"""An idle connection is kept this long: less than servers do, so that they seldom close it under a request."""

# The framing belongs to the client: two opinions on it are how requests are smuggled.
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "te", "trailer", "expect", "upgrade"}
    | {"connection", "keep-alive", "proxy-connection"}
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")

_NO_BYTE_LEFT = "client error (Connect)"
"""How hyper names a failure of the lookup, the TCP connect or the TLS handshake, and nothing else."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One host, port and address. Each has connections and slots of its own: a place that is silent must not use up
    its neighbour's."""

    client: Client
    slots: asyncio.Semaphore


class HttpTransport:
    """One for a hub; one more for each connection that has a client certificate or roots of its own.

    `identity_pem` holds a client certificate with its key; `roots_pem` certificates that are trusted besides the
    machine's. `connections_per_host` bounds how many requests are under way to one address; others wait their turn
    within their deadline. With a deadline below `connect_timeout_s`, silence while connecting counts as `sent`.
    """

    def __init__(
        self,
        *,
        guard: EgressGuard,
        max_body_bytes: int = MAX_BODY_BYTES,
        connections_per_host: int = 64,
        connect_timeout_s: float = 5.0,
        identity_pem: bytes = b"",
        roots_pem: Sequence[bytes] = (),
        user_agent: str = "crossdock",
    ) -> None:
        self._guard = guard
        self._max_body_bytes = max_body_bytes
        self._connections_per_host = connections_per_host
        self._connect_timeout_s = connect_timeout_s
        self._identity_pem = identity_pem
        self._roots_pem = tuple(roots_pem)
        self._user_agent = user_agent
        self._places: OrderedDict[tuple[str, int, str], _Place] = OrderedDict()

    async def exchange(self, request: Wire, deadline_s: float) -> Response:
        """See `core.transport.Transport`. Besides the network's failures these are a TransportError: an address that
        the guard refuses, a header that could split the request, an answer over the cap or in an unknown coding.

        A cancelled exchange is unknown, and the other side may see the request to its end until the deadline."""
        assert isinstance(request, Http)
        now = asyncio.get_running_loop().time
        ends_at = now() + deadline_s
        url = _url(request)
        _check_headers(request)
        host, port = url.host_str or "", url.port_or_known_default or 0
        addresses = await self._guard.admit(url.scheme, host, port, deadline_s)
        for address in addresses[:-1]:
            try:
                return await self._send(request, url, str(address), ends_at)
            except TransportError as error:
                if error.sent or now() >= ends_at:
                    raise
        return await self._send(request, url, str(addresses[-1]), ends_at)

    async def close(self) -> None:
        places = list(self._places.values())
        self._places.clear()
        await asyncio.gather(*(place.client.close() for place in places))

    async def _send(self, request: Http, url: Url, address: str, ends_at: float) -> Response:
        where = f"{request.method} {url.scheme}://{url.authority}"
        place = self._place(url, address)
        # Waiting is done here and not in the client, which would send what was cancelled while it waited.
        try:
            async with asyncio.timeout_at(ends_at if place.slots.locked() else None):
                await place.slots.acquire()
        except TimeoutError:
            raise TransportError(f"{where}: all connections are busy", sent=False) from None
        now = asyncio.get_running_loop().time
        try:
            began_at = now()
            remaining_s = ends_at - began_at
            prepared = _prepared(place.client, request, url, remaining_s)
            # The client counts the deadline from here, also where the process stood still a moment ago.
            if now() > began_at + STOOD_STILL_S:
                raise TransportError(f"{where}: the process stood still before it was sent", sent=False)
            return await self._answer(prepared, where, ends_at, remaining_s)
        finally:
            place.slots.release()

    async def _answer(self, prepared: StreamRequest, where: str, ends_at: float, remaining_s: float) -> Response:
        try:
            async with prepared as answer:
                return await self._read(answer, where)
        except PyreqwestError as error:
            over = asyncio.get_running_loop().time() >= ends_at - CLOSE_S
            raise TransportError(f"{where}: {_reason(error, remaining_s, over)}", sent=_may_have_left(error)) from None

    async def _read(self, answer: Answer, where: str) -> Response:
        headers = _headers(answer)
        coding = headers.get("content-encoding", "").strip().lower()
        length = "" if "transfer-encoding" in headers else headers.get("content-length", "")
        if length.isdigit() and int(length) <= self._max_body_bytes:
            body = bytes(await answer.bytes())  # quicker, and no longer than announced
        else:
            body = bytes(await answer.body_reader.read(self._max_body_bytes + 1) or b"")
        if len(body) > self._max_body_bytes:
            raise self._too_big(where)
        if coding in {"gzip", "x-gzip"} and body:
            body = self._inflated(body, where)
        elif coding not in {"", "identity", "gzip", "x-gzip"}:
            raise TransportError(f"{where}: the answer is coded as {coding!r}, which was not asked for", sent=True)
        return Response(answer.status, headers, body)

    def _inflated(self, body: bytes, where: str) -> bytes:
        cap = min(self._max_body_bytes, max(len(body) * MAX_RATIO, RATIO_FREE_BYTES))
        decoder = zlib.decompressobj(wbits=31)
        try:
            decoded = decoder.decompress(body, cap + 1)
        except zlib.error:
            raise TransportError(f"{where}: the answer's gzip is damaged", sent=True) from None
        if len(decoded) > cap:
            raise self._too_big(where)
        if not decoder.eof or decoder.unused_data:
            raise TransportError(f"{where}: the answer's gzip is cut or followed by something else", sent=True)
        return decoded

    def _too_big(self, where: str) -> TransportError:
        what = f"{where}: the answer is larger than {self._max_body_bytes} bytes, or packed too tightly to be honest"
        return TransportError(what, sent=True, hint="Ask for less at once: a smaller page, fewer fields.")

    def _place(self, url: Url, address: str) -> _Place:
        """Its every connection goes to this address, whatever the name resolves to by now."""
        key = (url.host_str or "", url.port_or_known_default or 0, address)
        place = self._places.get(key)
        if place is None:
            slots = asyncio.Semaphore(self._connections_per_host)
            place = self._places[key] = _Place(self._build(key[0], address), slots)
            if len(self._places) > KEPT_PLACES:
                self._places.popitem(last=False)  # closes when its last request has ended
        else:
            self._places.move_to_end(key)
        return place

    def _build(self, host: str, address: str) -> Client:
        builder = (
            ClientBuilder()
            .no_proxy()
            .follow_redirects(False)
            .referer(False)
            .http1_only()
            .gzip(False).brotli(False).zstd(False).deflate(False)
            .user_agent(self._user_agent)
            .pool_max_idle_per_host(self._connections_per_host)
            .pool_idle_timeout(timedelta(seconds=IDLE_S))
            .connect_timeout(timedelta(seconds=self._connect_timeout_s))
            .tcp_user_timeout(timedelta(seconds=STRAY_S))
            .resolve(host, address, 0)
        )  # fmt: skip
        for pem in self._roots_pem:
            builder = builder.add_root_certificate_pem(pem)
        if self._identity_pem:
            builder = builder.identity_pem(self._identity_pem)
        return builder.build()


def _url(request: Http) -> Url:
    """Parsed by the client's own parser, so that the guard judges exactly the host that would be connected to."""
    try:
        url = Url(request.url)
    except ValueError as error:
        raise TransportError(f"not a URL that can be reached: {error}", sent=False) from None
    if url.scheme not in {"http", "https"} or not url.host_str:
        raise TransportError(f"a URL with scheme {url.scheme!r} is not HTTP", sent=False)
    if url.username or url.password:
        raise TransportError(
            f"the URL of {url.host_str} holds a name or password; they belong in the vault", sent=False
        )
    return url


def _prepared(client: Client, request: Http, url: Url, remaining_s: float) -> StreamRequest:
    if remaining_s <= 0:
        raise TransportError(f"no time left to reach {url.authority}", sent=False)
    try:
        builder = client.request(request.method, url).headers(request.headers).timeout(timedelta(seconds=remaining_s))
        if not any(name.lower() == "accept-encoding" for name, _ in request.headers):
            builder = builder.header("accept-encoding", "gzip")
        if request.body:
            builder = builder.body_bytes(request.body)
        elif request.method in {"POST", "PUT", "PATCH"}:
            builder = builder.header("content-length", "0")
        return builder.build_streamed()
    except (ValueError, PyreqwestError) as error:
        raise TransportError(f"not a request that can be sent: {_reason(error)}", sent=False) from None


def _check_headers(request: Http) -> None:
    for name, value in request.headers:
        if not _NAME.fullmatch(name):
            raise TransportError(f"{name!r} is no header name", sent=False)
        if name.lower() in _OURS:
            raise TransportError(f"the header {name} is set by the hub itself", sent=False, hint="Leave it out.")
        if not _VALUE.fullmatch(value):
            what = f"the value of header {name} holds a line break, a control character or non-ASCII text"
            raise TransportError(what, sent=False)


def _headers(answer: Answer) -> Mapping[str, str]:
    """Lower-cased, repeated ones joined; one whose value is not ASCII is left out."""
    headers: dict[str, str] = {}
    try:
        for name, value in answer.headers.items():
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    except ValueError:
        for name in set(answer.headers.keys()):
            with contextlib.suppress(ValueError):
                headers[name] = ", ".join(answer.headers.getall(name))
    return headers


def _causes(error: Exception) -> list[str]:
    details = getattr(error, "details", None)
    causes = details.get("causes") if isinstance(details, dict) else None
    return [str(cause["message"]) for cause in causes or ()]


def _may_have_left(error: PyreqwestError) -> bool:
    """By the cause that hyper names, not by the exception's type: that calls a reset after the request a
    ConnectError, and silence after it a ConnectTimeoutError."""
    return _NO_BYTE_LEFT not in _causes(error)


def _reason(error: Exception, deadline_s: float = 0.0, over: bool = False) -> str:
    causes = _causes(error)
    if over and isinstance(error, RequestTimeoutError) and _NO_BYTE_LEFT not in causes:
        return f"no whole answer within {deadline_s:.3g} s"
    return causes[-1] if causes else str(error)
