"""The hub of a simulation: which destinations it writes to, under which rules, and with which credentials."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from crossdock.core.flow import Connection, Flow, Inlet, Landscape
from crossdock.core.keys import EntityKeys
from crossdock.core.retry import RetryPolicy
from crossdock.core.secret import Credential, Secret
from crossdock.testing.chaos.speaking import HOSTS, ChaosConnector
from crossdock.testing.stage import SIGNED_WITH, AnyValue, PythonMap, thing

DEADLINE_S = 10.0
LONG_S = 90 * 86_400.0
SHORT_S = 30.0
"""Kept no longer than this, where it is kept short; longer than a sender needs to hear that it was accepted."""
KINDS = ("payloads", "messages", "events", "effects")


@dataclass
class World:
    hosts: Mapping[str, str]
    """destination → its `collapse`"""
    kept: Mapping[str, float]
    polls: bool = False
    deadline_s: float = DEADLINE_S
    edition: int = 0
    """of the maps: somebody may edit the project between two lives"""

    @classmethod
    def of(cls, chance: random.Random, *, polls: bool, forgets: bool) -> World:
        """`forgets`: it may be one that keeps everything for a short time only."""
        names = chance.sample(sorted(HOSTS), chance.randint(1, 3))
        hosts = {host: chance.choice(("latest", "none")) if host == "upsert" else "none" for host in names}
        kept = dict.fromkeys(KINDS, LONG_S)
        if chance.random() < 0.2:
            kept["payloads"] = 5.0
        if forgets and chance.random() < 0.25:
            kept = dict.fromkeys(KINDS, SHORT_S)
        return cls(hosts, kept, polls)

    @property
    def forgets(self) -> bool:
        """Whether a message that comes again later is not known any more."""
        return self.kept["messages"] < LONG_S

    def landscape(self) -> Landscape:
        inlet = Inlet("thing", PythonMap(thing), EntityKeys("in"))
        connections = {"in": Connection("in", ChaosConnector(), {"thing": inlet})}
        if self.polls:
            polled = Inlet("thing", PythonMap(thing), EntityKeys("polled"))
            connections["polled"] = Connection("polled", ChaosConnector(), {"thing": polled}, {"rows": 5.0})
        flows = {}
        for host in self.hosts:
            connections[host] = Connection(host, ChaosConnector(host))
            flows[host] = self._flow(host)
        return Landscape("chaos", "test", connections, flows, {"thing": AnyValue()}, self.kept)

    def _flow(self, host: str) -> Flow:
        edition = self.edition
        return Flow(
            host,
            frozenset({"thing.created", "thing.updated"}),
            host,
            ChaosConnector(host).actions[host],
            map=PythonMap(lambda data: {"value": data["value"], "edition": edition}),
            retry=RetryPolicy(attempts=6, max_delay_s=20.0),
            collapse=cast(Any, self.hosts[host]),
            begin="beginning",
            deadline_s=self.deadline_s,
        )


@dataclass
class Safe:
    """A vault in the clear, which remembers all that was ever put into it."""

    held: dict[str, Credential] = field(default_factory=dict)
    put: list[str] = field(default_factory=list)
    """refresh tokens"""

    async def credential(self, connection: str) -> Credential:
        plain = Credential({"webhook_secret": Secret(SIGNED_WITH)}, account=f"{connection}.example")
        return self.held.get(connection, plain)

    async def put_credential(self, connection: str, credential: Credential, since: Credential | None = None) -> None:
        self.held[connection] = credential
        self.put.append(credential.get("refresh_token"))
