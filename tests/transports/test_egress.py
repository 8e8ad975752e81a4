import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from crossdock.core.addresses import is_public
from crossdock.core.errors import TransportError
from crossdock.transports.egress import KEEP_S, EgressGuard

INSIDE = [
    "127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "100::1", "3fff::1",
    "5f00::1", "2001:2::1", "2001:20::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1", "::127.0.0.1", "::10.1.2.3",
    "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "64:ff9b:1::808:808", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2002:c0a8:101:1::5",
    "2001:0:a00:1::f5ff:fffe", "2001:0:808:808::f5ff:fffe", "2001:0:7f00:1::f7f7:f7f7",
    "2606:4700::5efe:a00:1", "2606:4700::200:5efe:7f00:1",
]  # fmt: skip
"""Loopback, private, link-local, shared, documentation, benchmark, multicast, reserved; bare and in each wrapping."""

OUTSIDE = [
    "8.8.8.8", "1.1.1.1", "172.32.0.1", "172.15.255.255", "100.63.255.255", "100.128.0.1", "223.255.255.255",
    "169.253.255.255", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808",
    "2002:808:808::1", "2001:0:808:808::f7f7:f7f7",
]  # fmt: skip


class Names:
    """A resolver whose answers change under our feet."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(rounds) for name, rounds in answers.items()}
        self.asked = 0

    async def __call__(self, name: str) -> Sequence[str]:
        self.asked += 1
        rounds = self._answers.get(name)
        if not rounds:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return rounds.pop(0) if len(rounds) > 1 else rounds[0]


class Time:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


async def admit(guard: EgressGuard, host: str, port: int = 443, scheme: str = "https") -> list[str]:
    return [str(address) for address in await guard.admit(scheme, host, port, 5.0)]


@pytest.mark.parametrize("address", INSIDE)
async def test_no_inside_address_is_reached_whether_typed_or_resolved(address: str) -> None:
    assert not is_public(ip_address(address))
    guard = EgressGuard(resolve=Names(shop_example=[[address]]))
    for host in (address, f"[{address}]", "shop.example"):
        with pytest.raises(TransportError, match="not a public address") as caught:
            await admit(guard, host)
        assert caught.value.sent is False


@pytest.mark.parametrize("address", OUTSIDE)
async def test_public_addresses_are_reached(address: str) -> None:
    assert await admit(EgressGuard(), address) == [str(ip_address(address))]


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "0x7f000001", "017700000001", "①②⑦.0.0.1", "localhost"]
)
async def test_other_spellings_of_loopback_are_loopback(host: str) -> None:
    with pytest.raises(TransportError) as caught:
        await admit(EgressGuard(), host)
    assert caught.value.sent is False


async def test_a_name_that_points_inside_and_outside_is_not_trusted() -> None:
    guard = EgressGuard(resolve=Names(shop_example=[["8.8.8.8", "10.0.0.1"]]))
    with pytest.raises(TransportError, match=r"points to 10\.0\.0\.1"):
        await admit(guard, "shop.example")


async def test_a_rebinding_name_is_judged_at_every_lookup_and_pinned_between() -> None:
    names, now = Names(shop_example=[["8.8.8.8"], ["169.254.169.254"]]), Time()
    guard = EgressGuard(resolve=names, now=now)
    assert await admit(guard, "shop.example") == ["8.8.8.8"]
    assert await admit(guard, "shop.example") == ["8.8.8.8"]
    assert names.asked == 1
    now.at += KEEP_S + 1
    with pytest.raises(TransportError, match="not a public address"):
        await admit(guard, "shop.example")


async def test_only_https_on_listed_ports_by_default() -> None:
    guard = EgressGuard(ports=(443, 8443))
    assert await admit(guard, "8.8.8.8", 8443)
    with pytest.raises(TransportError, match="anyone on the way"):
        await admit(guard, "8.8.8.8", 443, "http")
    with pytest.raises(TransportError, match="port 22"):
        await admit(guard, "8.8.8.8", 22)


async def test_an_allowed_place_is_that_host_at_that_port_only() -> None:
    guard = EgressGuard(["erp.lan:8080"], resolve=Names(erp_lan=[["10.0.0.9"]], other_lan=[["10.0.0.9"]]))
    assert await admit(guard, "ERP.lan.", 8080, "http") == ["10.0.0.9"]
    for host, port in (("erp.lan", 8081), ("other.lan", 8080), ("10.0.0.9", 8080)):
        with pytest.raises(TransportError, match="not a public address"):
            await admit(guard, host, port, "http")


async def test_an_allowed_network_is_any_port_of_its_addresses() -> None:
    guard = EgressGuard(["127.0.0.0/8", "::1"], resolve=Names(sandbox=[["::1", "127.0.0.1"]]))
    assert await admit(guard, "127.0.0.1", 4711, "http") == ["127.0.0.1"]
    assert await admit(guard, "sandbox", 4711, "http") == ["127.0.0.1", "::1"]
    with pytest.raises(TransportError, match="not a public address"):
        await admit(guard, "10.0.0.1", 4711, "http")
    with pytest.raises(TransportError, match="not a public address"):
        await admit(guard, "::ffff:127.0.0.1", 4711, "http")


async def test_an_allowed_ipv6_place_is_written_with_brackets() -> None:
    assert await admit(EgressGuard(["[::1]:8080"]), "[::1]", 8080, "http") == ["::1"]


@pytest.mark.parametrize(
    "entry", ["erp.lan", "erp.lan:", ":80", "erp.lan:0", "erp.lan:99999", "erp.lan:http", "10.0.0.1/8", ""]
)
def test_an_allow_entry_that_says_nothing_clear_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="neither host:port nor a network"):
        EgressGuard([entry])


async def test_an_unknown_name_is_a_definite_not_sent() -> None:
    with pytest.raises(TransportError, match="cannot be resolved") as caught:
        await admit(EgressGuard(resolve=Names()), "shop.example")
    assert caught.value.sent is False


async def test_a_resolver_that_hangs_costs_the_deadline_and_one_lookup() -> None:
    asked = 0
    release = asyncio.Event()

    async def hang(name: str) -> Sequence[str]:
        nonlocal asked
        asked += 1
        await release.wait()
        return ["8.8.8.8"]

    guard = EgressGuard(resolve=hang)
    waits = [guard.admit("https", "shop.example", 443, 0.01) for _ in range(50)]
    errors = await asyncio.gather(*waits, return_exceptions=True)
    assert all(isinstance(error, TransportError) and not error.sent for error in errors)
    assert asked == 1
    release.set()
    assert await admit(guard, "shop.example") == ["8.8.8.8"]
    assert asked == 1
