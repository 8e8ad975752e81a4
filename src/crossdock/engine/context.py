"""What every stage of a running hub works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from crossdock.core.clock import Clock
from crossdock.core.errors import CredentialError
from crossdock.core.flow import Connection, Landscape
from crossdock.core.ids import digest
from crossdock.core.secret import Credential
from crossdock.core.store import Store
from crossdock.core.transport import Transport
from crossdock.engine.at_work import AtWork
from crossdock.engine.bugs import Bugs, bug_in
from crossdock.engine.signals import Signals


class Vault(Protocol):
    """Where credentials are kept. Implemented by `security.vault`."""

    async def credential(self, connection: str) -> Credential: ...

    async def put_credential(self, connection: str, credential: Credential, since: Credential | None = None) -> None:
        """Durable when it returns; the previous refresh token is kept beside the new one. With `since`, only what
        differs from it is written: a secret that a person set meanwhile stays."""
        ...


class Metrics(Protocol):
    """What the stages count and measure. Implemented by `telemetry.metrics`."""

    def accepted(self, connection: str, amount: int) -> None: ...
    def rejected(self, connection: str, reason: str) -> None: ...
    def received(self, connection: str, seconds: float) -> None: ...
    def quarantined(self, connection: str, amount: int) -> None: ...
    def delivered(self, flow: str, amount: int, seconds: float) -> None: ...
    def failed(self, flow: str, kind: str) -> None: ...
    def retried(self, flow: str) -> None: ...
    def exchange(self, connection: str, outcome: str, seconds: float) -> None: ...


@dataclass(slots=True)
class Context:
    store: Store
    landscape: Landscape
    clock: Clock
    transport: Transport
    vault: Vault
    metrics: Metrics
    random: Callable[[], float]
    """draws from [0, 1): jitter, nonces of no secrecy"""
    worker: str = "hub"
    role: str = "all"
    """`receive` | `deliver` | `all`"""
    signals: Signals = field(default_factory=Signals)
    accounts: dict[str, str] = field(default_factory=dict)
    """connection → account, known once its credential was read"""
    paused: dict[str, str] = field(default_factory=dict)
    """connection → why nothing is sent to it until a person acts (needs_reauth)"""
    at_work: AtWork = field(default_factory=AtWork)
    """names what is being computed, for a later life"""
    suspects: frozenset[str] = frozenset()
    """deliveries that were at work when an earlier life died: each goes alone"""
    refuses: str = ""
    """why nothing that comes in is accepted (a full disk, a failed flush); "" = it is"""
    taking: int = 0
    """arrivals that are being made durable at this moment: their senders wait"""
    bugs: Bugs = field(default_factory=Bugs)

    failed: list[BaseException] = field(default_factory=list)
    """what no stage could survive (a store that cannot be trusted, a bug): the supervisor stops the hub"""

    _life: str = ""
    _works: Iterator[int] = field(default_factory=count)

    def work_id(self) -> str:
        """A name for one Work, never given twice: by it the store answers whether it was committed."""
        self._life = self._life or digest("life", self.worker, repr(self.clock.now()), repr(self.random()))[:16]
        return f"{self._life}{next(self._works):016x}"

    def fail(self, error: BaseException) -> None:
        self.failed.append(error)
        self.signals.ring("failed")

    def connection(self, name: str) -> Connection:
        return self.landscape.connections[name]

    async def account(self, name: str) -> str:
        """Whose data it is at this connection's platform. Raises CredentialError when a person must connect first."""
        if name not in self.accounts:
            await self.learn_account(name)
        return self.accounts[name]

    async def learn_account(self, name: str) -> None:
        """From the vault. Where it tells none, the one that was known stays. Raises CredentialError."""
        credential = await self.vault.credential(name)
        try:
            self.accounts[name] = self.connection(name).connector.account(credential) or name
        except CredentialError:
            raise
        except Exception:
            raise CredentialError(bug_in(f"{name}'s account", words=False)) from None

    async def leads_to(self, name: str, account: str) -> bool:
        """Whether this connection is there, and its data is that of this account."""
        try:
            return name in self.landscape.connections and await self.account(name) == account
        except CredentialError:
            return False

    async def is_connected(self, name: str) -> bool:
        """Whether it is known whose data the connection leads to; else it is paused until a person connects it."""
        try:
            await self.account(name)
        except CredentialError as error:
            self.pause(name, error)
            return False
        return True

    def pause(self, name: str, error: CredentialError) -> None:
        """Nothing is sent to it until a person acts."""
        self.paused[name] = str(error).replace("CONNECTION", name)
