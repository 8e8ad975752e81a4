"""What goes out and what comes back when the other side behaves."""

import asyncio
import datetime
import gzip
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from crossdock.core.errors import TransportError
from crossdock.core.wire import Http
from crossdock.transports.egress import EgressGuard
from crossdock.transports.http import HttpTransport

LOOPBACK = EgressGuard(["127.0.0.0/8"])


async def ok(line: Any) -> None:
    while True:
        await line.request()
        await line.answer(b'{"id": "145"}', "201 Created", "Content-Type: application/json", "X-Two: a", "X-Two: b")


async def test_a_request_goes_out_byte_for_byte_and_the_answer_comes_back_whole(raw_server: Any) -> None:
    async with raw_server(ok) as server:
        http = HttpTransport(guard=LOOPBACK)
        body = b'{"n": 1.10, "raw": "\xff"}'
        url = f"http://127.0.0.1:{server.port}/v3/a%2Fb;c?x=1&y=%20|z"
        answer = await http.exchange(Http("POST", url, (("X-Key", "k\ttab"), ("accept", "a/b")), body), 5)
        await http.close()
    assert (answer.status, answer.body, answer.media_type) == (201, b'{"id": "145"}', "application/json")
    assert answer.header("X-Two") == "a, b"
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    rows = head.decode().split("\r\n")
    assert sent == body
    assert rows[0] == "POST /v3/a%2Fb;c?x=1&y=%20|z HTTP/1.1"
    names = [row.split(":")[0].lower() for row in rows[1:]]
    assert (
        sorted(names)
        == sorted(set(names))
        == ["accept", "accept-encoding", "content-length", "host", "user-agent", "x-key"]
    )
    assert f"host: 127.0.0.1:{server.port}" in [row.lower() for row in rows]


async def test_an_empty_post_says_its_length(raw_server: Any) -> None:
    async with raw_server(ok) as server:
        http = HttpTransport(guard=LOOPBACK)
        for method in ("POST", "PUT", "PATCH", "GET", "DELETE"):
            await http.exchange(Http(method, f"http://127.0.0.1:{server.port}/"), 5)
        await http.close()
    lengths = [request.lower().count(b"content-length: 0") for request in server.requests]
    assert lengths == [1, 1, 1, 0, 0]


async def test_connections_are_kept_and_bounded(raw_server: Any) -> None:
    async with raw_server(ok) as server:
        http = HttpTransport(guard=LOOPBACK, connections_per_host=3)
        request = Http("GET", f"http://127.0.0.1:{server.port}/")
        await asyncio.gather(*(http.exchange(request, 5) for _ in range(40)))
        await http.close()
    assert len(server.requests) == 40
    assert len(server.lines) <= 3


async def test_the_admitted_address_is_connected_to_and_the_name_is_kept_in_the_request(raw_server: Any) -> None:
    """The name does not exist, so any second lookup of the client's own would fail."""

    async def resolve(name: str) -> list[str]:
        return ["127.0.0.1"]

    async with raw_server(ok) as server:
        http = HttpTransport(guard=EgressGuard(["127.0.0.1"], resolve=resolve))
        for name in ("shop.invalid", "shop.invalid.", "Bücher.invalid"):
            assert (await http.exchange(Http("GET", f"http://{name}:{server.port}/"), 5)).status == 201
        await http.close()
    assert f"host: shop.invalid:{server.port}".encode() in server.requests[0].lower()


async def test_the_next_address_is_tried_when_the_first_cannot_be_connected_to(raw_server: Any) -> None:
    async def resolve(name: str) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]  # the server listens on the second only

    async with raw_server(ok) as server:
        http = HttpTransport(guard=EgressGuard(["127.0.0.0/8"], resolve=resolve))
        assert (await http.exchange(Http("POST", f"http://shop.invalid:{server.port}/", (), b"x"), 5)).status == 201
        await http.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://2130706433:{}/", "http://0x7f.1:{}/", "http://①②⑦.0.0.1:{}/", "http://0:{}/",
        "http://[::ffff:7f00:1]:{}/", "http://localhost:{}/", "http://shop.example\\@127.0.0.1:{}/",
    ],
)  # fmt: skip
async def test_no_spelling_of_a_url_gets_past_the_guard(raw_server: Any, url: str) -> None:
    async def resolve(name: str) -> list[str]:
        return ["127.0.0.1"]

    async with raw_server(ok) as server:
        http = HttpTransport(guard=EgressGuard(resolve=resolve))
        with pytest.raises(TransportError) as caught:
            await http.exchange(Http("GET", url.format(server.port)), 5)
        await http.close()
    assert caught.value.sent is False
    assert server.lines == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.b/", "/relative", "http://", "http://[::1", "http://u:p@127.0.0.1/"]
)
async def test_what_is_no_plain_http_url_is_not_sent(url: str) -> None:
    with pytest.raises(TransportError) as caught:
        await HttpTransport(guard=LOOPBACK).exchange(Http("GET", url), 5)
    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nX-Evil: 1"), ("X-A", "a\nb"), ("X-A", "a\rb"), ("X-A", "a\0b"), ("X-A", "a\x7f"), ("X-A", "é"),
        ("X A", "a"), ("X-A:", "a"), ("X-A\r\nEvil", "a"), ("", "a"), ("Xé", "a"), ("Host", "evil.example"),
        ("Content-Length", "3"), ("Transfer-Encoding", "chunked"), ("Connection", "upgrade"),
        ("Expect", "100-continue"),
    ],
)  # fmt: skip
async def test_a_header_that_could_split_or_reframe_the_request_is_refused(
    raw_server: Any, name: str, value: str
) -> None:
    async with raw_server(ok) as server:
        http = HttpTransport(guard=LOOPBACK)
        with pytest.raises(TransportError) as caught:
            await http.exchange(Http("POST", f"http://127.0.0.1:{server.port}/", ((name, value),), b"abc"), 5)
        await http.close()
    assert caught.value.sent is False
    assert server.requests == []


@pytest.mark.parametrize("method", ["GET /evil HTTP/1.1\r\nX: ", "G T", ""])
async def test_a_method_that_could_split_the_request_is_refused(method: str) -> None:
    with pytest.raises(TransportError) as caught:
        await HttpTransport(guard=LOOPBACK).exchange(Http(method, "http://127.0.0.1:9/"), 5)
    assert caught.value.sent is False


async def test_a_redirect_is_an_answer_and_not_a_journey(raw_server: Any) -> None:
    async def redirect(line: Any) -> None:
        while True:
            await line.request()
            await line.answer(b"", "307 Temporary Redirect", "location: http://169.254.169.254/latest/")

    async with raw_server(redirect) as server:
        http = HttpTransport(guard=LOOPBACK)
        answer = await http.exchange(Http("POST", f"http://127.0.0.1:{server.port}/", (), b"x"), 5)
        await http.close()
    assert (answer.status, answer.header("Location")) == (307, "http://169.254.169.254/latest/")
    assert len(server.requests) == 1


async def test_no_proxy_is_taken_from_the_environment(raw_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    async with raw_server(ok) as server:
        http = HttpTransport(guard=LOOPBACK)
        assert (await http.exchange(Http("GET", f"http://127.0.0.1:{server.port}/"), 5)).status == 201
        await http.close()


async def test_a_packed_answer_is_unpacked(raw_server: Any) -> None:
    async def packed(line: Any) -> None:
        request = await line.request()
        assert b"accept-encoding: gzip" in request.lower()
        await line.answer(gzip.compress(b'{"a": 1}' * 1000), "200 OK", "content-encoding: gzip")

    async with raw_server(packed) as server:
        http = HttpTransport(guard=LOOPBACK)
        answer = await http.exchange(Http("GET", f"http://127.0.0.1:{server.port}/"), 5)
        await http.close()
    assert answer.body == b'{"a": 1}' * 1000


# --- TLS ------------------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
        self._certificate = self._signed(self._name, self._key, authority=True)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def _signed(self, name: x509.Name, key: Any, *, authority: bool, host: str = "shop.invalid") -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, host: str) -> bytes:
        """Certificate and key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._signed(name, key, authority=False, host=host)
        return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def server(self, host: str, *, asks_client: bool = False) -> ssl.SSLContext:
        file = self._directory / f"{host}.pem"
        file.write_bytes(self.issue(host))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if asks_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.pem.decode())
        return context


async def to_loopback(name: str) -> list[str]:
    return ["127.0.0.1"]


PINNED = EgressGuard(["127.0.0.1"], resolve=to_loopback)


async def test_tls_checks_the_name_and_not_the_pinned_address(raw_server: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with raw_server(ok, tls=authority.server("shop.invalid")) as server:
        http = HttpTransport(guard=PINNED, roots_pem=[authority.pem])
        assert (await http.exchange(Http("GET", f"https://shop.invalid:{server.port}/"), 5)).status == 201
        with pytest.raises(TransportError) as caught:
            await http.exchange(Http("GET", f"https://other.invalid:{server.port}/"), 5)
        assert caught.value.sent is False
        await http.close()


async def test_an_unknown_authority_is_refused_before_a_byte_of_the_request(raw_server: Any, tmp_path: Path) -> None:
    async with raw_server(ok, tls=Authority(tmp_path).server("shop.invalid")) as server:
        http = HttpTransport(guard=PINNED)
        with pytest.raises(TransportError) as caught:
            await http.exchange(Http("GET", f"https://shop.invalid:{server.port}/"), 5)
        await http.close()
    assert caught.value.sent is False
    assert server.requests == []


async def test_a_client_certificate_is_shown_where_one_is_asked_for(raw_server: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with raw_server(ok, tls=authority.server("shop.invalid", asks_client=True)) as server:
        request = Http("GET", f"https://shop.invalid:{server.port}/")
        with_one = HttpTransport(guard=PINNED, roots_pem=[authority.pem], identity_pem=authority.issue("hub.invalid"))
        assert (await with_one.exchange(request, 5)).status == 201
        await with_one.close()
        without = HttpTransport(guard=PINNED, roots_pem=[authority.pem])
        with pytest.raises(TransportError):
            await without.exchange(request, 5)
        await without.close()
    assert len(server.requests) == 1
