"""Machines of one's own, each a network namespace, joined by switches to this one; any of their cables can be cut.

Everything made here is gone afterwards, also where we end without a word: a shell waits for that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from bisect import bisect_left
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, Self

from crossdock.core import json

Cut = Literal["port", "cable", "card"]
"""The switch drops all, and nobody is told; the cable is out; or the machine's own card is off: its calls fail at
once."""
CUTS: tuple[Cut, ...] = ("port", "cable", "card")
NOBODYS = IPv4Network("100.64.0.0/10")
"""Addresses that belong to nobody who could be reached (RFC 6598)."""
HOW = "needs root and iproute2 (apt-get install iproute2), to make network namespaces"
SWEEP = """
read -r _
for name in $(ip -o netns list | cut -d' ' -f1); do case $name in $1*) ip netns delete "$name";; esac; done
for link in /sys/class/net/$1*; do [ -e "$link" ] && ip link delete "${link##*/}" 2>/dev/null; done
"""


def lacks() -> str:
    """Why there can be none here; "" = there can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return HOW
    try:
        with Network(("probe",)) as network:
            network.machine("probe")
    except subprocess.CalledProcessError as error:
        return f"{HOW}; {error.stderr.strip()}"
    return ""


class Network:
    """This machine's address on a switch is `address[switch]`."""

    def __init__(self, switches: Sequence[str]) -> None:
        self._tag = f"xd{os.getpid() % 1_000_000}-"  # with its end: another's number may begin with ours
        self._switches = list(switches)
        self._machines: list[str] = []
        self._subnets: list[IPv4Network] = []
        self.address: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._subnets = free_subnets(len(self._switches), os.getpid(), _taken())
        self.address = {name: self._at(name, 1) for name in self._switches}
        self._sweeper = subprocess.Popen(
            ["sh", "-c", SWEEP, "sweep", self._tag], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            for name in self._switches:
                _ip("link", "add", self._switch(name), "type", "bridge")
                _ip("address", "add", f"{self.address[name]}/24", "dev", self._switch(name))
                _ip("link", "set", self._switch(name), "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._sweeper.communicate()

    def machine(self, name: str) -> dict[str, str]:
        """With a card for every switch; its address on each."""
        self._machines.append(name)
        inside = self._inside(name)
        _ip("netns", "add", inside)
        _ip("-n", inside, "link", "set", "lo", "up")
        addresses = {}
        for switch in self._switches:
            addresses[switch] = self._at(switch, len(self._machines) + 1)
            _ip("link", "add", self._port(name, switch), "type", "veth", "peer", "name", switch, "netns", inside)
            _ip("link", "set", self._port(name, switch), "master", self._switch(switch), "up")
            _ip("-n", inside, "address", "add", f"{addresses[switch]}/24", "dev", switch)
            _ip("-n", inside, "link", "set", switch, "up")
        return addresses

    def within(self, name: str) -> list[str]:
        """A command before another: it runs there."""
        return ["ip", "netns", "exec", self._inside(name)]

    def cut(self, name: str, switch: str, how: Cut) -> None:
        match how:
            case "port":
                _ip("link", "set", self._port(name, switch), "nomaster")
            case "cable":
                _ip("link", "set", self._port(name, switch), "down")
            case "card":
                _ip("-n", self._inside(name), "link", "set", switch, "down")

    def heal(self, name: str, switch: str) -> None:
        _ip("link", "set", self._port(name, switch), "master", self._switch(switch), "up")
        _ip("-n", self._inside(name), "link", "set", switch, "up")

    # --- names ------------------------------------------------------------------------------------------------------

    def _at(self, switch: str, number: int) -> str:
        return str(self._subnets[self._switches.index(switch)][number])

    def _switch(self, name: str) -> str:
        return f"{self._tag}s{self._switches.index(name)}"

    def _port(self, machine: str, switch: str) -> str:
        return f"{self._tag}p{self._machines.index(machine)}{self._switches.index(switch)}"

    def _inside(self, machine: str) -> str:
        return f"{self._tag}{machine}"


def free_subnets(amount: int, first: int, taken: Collection[IPv4Address]) -> list[IPv4Network]:
    """From the `first` on, so that two runs that look at the same moment seldom choose the same."""
    subnets = list(NOBODYS.subnets(new_prefix=24))
    free = [one for one in subnets if not any(address in one for address in taken)]
    begin = bisect_left(free, subnets[first * amount % len(subnets)])
    return [*free[begin:], *free[:begin]][:amount]


def _taken() -> set[IPv4Address]:
    """All of this machine's addresses."""
    devices = json.decode(_ip("-4", "-json", "address").encode())
    return {IPv4Address(one["local"]) for device in devices for one in device["addr_info"]}


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
