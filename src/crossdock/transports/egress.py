"""Which addresses may be reached. Every transport asks here before it connects, and connects to what it is told.

Whose URL it is cannot be trusted: settings, webhooks' contents and redirects are written by others, and a name that was
public a moment ago can point inside (DNS rebinding). So a name is resolved once, the addresses are judged, and exactly
those are connected to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

from crossdock.core.addresses import Address, Network, is_public
from crossdock.core.errors import TransportError

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""A name to its numeric addresses. Raises OSError when there is none."""

KEEP_S = 30.0
"""How long addresses once admitted are used before the resolver is asked again."""

KEPT_PLACES = 4096


class EgressGuard:
    """Admits https to listed ports of public addresses, and whatever `allow` names.

    `allow` holds `host:port` (that name or literal at that port, wherever it points) and networks such as
    `10.20.0.0/16` or a single address (any port). What is allowed may be plain http, and inside.
    Raises ValueError for an entry that is neither.
    """

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        ports: Collection[int] = (443,),
        schemes: Collection[str] = ("https",),
        resolve: Resolve | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ports = frozenset(ports)
        self._schemes = frozenset(schemes)
        self._resolve = resolve or _resolve
        self._now = now
        self._places: set[tuple[str, int]] = set()
        self._networks: list[Network] = []
        for entry in allow:
            self._allow(entry)
        self._admitted: dict[tuple[str, str, int], tuple[tuple[Address, ...], float]] = {}
        self._lookups: dict[str, asyncio.Task[tuple[Address, ...]]] = {}

    def _allow(self, entry: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(entry))
        except ValueError:
            host, colon, port = entry.rpartition(":")
            if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
                raise ValueError(f"{entry!r} is neither host:port nor a network such as 10.20.0.0/16") from None
            self._places.add((_plain(host), int(port)))

    async def admit(self, scheme: str, host: str, port: int, deadline_s: float) -> tuple[Address, ...]:
        """The addresses that may be connected to, IPv4 first, at least one. Connect to these and to nothing else.

        Raises TransportError with `sent=False` when there is none, when one of them is not allowed (a name that points
        inside and outside at once is not trusted), or when the name is not resolved within `deadline_s`."""
        asked = (scheme, host, port)
        addresses, until = self._admitted.get(asked, ((), 0.0))
        if until > self._now():
            return addresses
        name = _plain(host)
        addresses = await self._addresses(name, deadline_s)
        if (name, port) not in self._places:
            for address in addresses:
                if not any(address in network for network in self._networks):
                    self._check(scheme, name, port, address)
        if len(self._admitted) >= KEPT_PLACES:
            self._admitted.clear()
        self._admitted[asked] = (addresses, self._now() + KEEP_S)
        return addresses

    def _check(self, scheme: str, name: str, port: int, address: Address) -> None:
        if not is_public(address):
            points = f"{name} is" if _literal(name) else f"{name} points to {address}, which is"
            raise _refusal(f"{points} not a public address", name, port)
        if scheme not in self._schemes:
            raise _refusal(f"{name} would be reached over {scheme}, which anyone on the way can read", name, port)
        if port not in self._ports:
            raise _refusal(f"port {port} of {name} is not among the ports that may be reached", name, port)

    async def _addresses(self, name: str, deadline_s: float) -> tuple[Address, ...]:
        literal = _literal(name)
        if literal is not None:
            return (literal,)
        # One lookup a name: a resolver that hangs for one name must not use up the threads of the others.
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = asyncio.ensure_future(self._look_up(name))
            lookup.add_done_callback(lambda done: self._looked_up(name, done))
        done, _ = await asyncio.wait((lookup,), timeout=max(deadline_s, 0.0))
        if not done:
            raise TransportError(f"the name {name} was not resolved within {deadline_s:g} s", sent=False)
        return lookup.result()

    async def _look_up(self, name: str) -> tuple[Address, ...]:
        try:
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in await self._resolve(name)]
        except (OSError, UnicodeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            hint = "Check its spelling, and the name service of this machine."
            raise TransportError(f"the name {name} cannot be resolved: {reason}", sent=False, hint=hint) from None
        addresses = tuple(sorted(dict.fromkeys(found), key=lambda address: address.version))
        if not addresses:
            raise TransportError(f"the name {name} has no address", sent=False)
        return addresses

    def _looked_up(self, name: str, done: asyncio.Task[tuple[Address, ...]]) -> None:
        self._lookups.pop(name, None)
        if not done.cancelled():
            done.exception()  # it may have no waiter left; those who wait get it from the task


def _refusal(what: str, name: str, port: int) -> TransportError:
    shown = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    return TransportError(what, sent=False, hint=f"If that is meant, add {shown} to egress.allow.")


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _literal(name: str) -> Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None


async def _resolve(name: str) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]
