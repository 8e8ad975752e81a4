"""Which addresses are on the internet, and which are inside somebody's network."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_INSIDE_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        # IANA IPv4 Special-Purpose Address Registry, and multicast.
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        # A public number that Azure answers inside every machine with its settings.
        "168.63.129.16/32",
    )
)  # fmt: skip

_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_INSIDE_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        # IANA IPv6 Special-Purpose Address Registry, within 2000::/3 (all else is refused).
        "2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")
_ISATAP_INTERFACES = (0x00005EFE, 0x02005EFE)


def unwrapped(address: Address) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that packets to this IPv6 address may end at."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    bits = int(address)
    if any(address in network for network in (_MAPPED, _TRANSLATED, _COMPATIBLE, _NAT64)):
        yield ipaddress.IPv4Address(bits & 0xFFFFFFFF)
    elif address in _SIX_TO_FOUR:
        yield ipaddress.IPv4Address(bits >> 80 & 0xFFFFFFFF)
    elif address in _TEREDO:
        yield ipaddress.IPv4Address(bits >> 64 & 0xFFFFFFFF)
        yield ipaddress.IPv4Address(~bits & 0xFFFFFFFF)
    elif bits >> 32 & 0xFFFFFFFF in _ISATAP_INTERFACES:
        yield ipaddress.IPv4Address(bits & 0xFFFFFFFF)


def is_public(address: Address) -> bool:
    """Whether it is somewhere on the internet, by our own table: the standard library's differs between versions and
    takes `64:ff9b::a9fe:a9fe` (169.254.169.254), `::127.0.0.1` and 224.0.0.1 for global."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _INSIDE_V4)
    inner = tuple(unwrapped(address))
    if inner:
        return all(is_public(one) for one in inner)
    return address in _GLOBAL_V6 and not any(address in network for network in _INSIDE_V6)
