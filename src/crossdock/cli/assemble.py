"""A hub made ready to start: its store, vault, way out and stages, from a checked project."""

from __future__ import annotations

import contextlib
import logging
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from crossdock.cli.names import Name
from crossdock.cli.place import STATE
from crossdock.core.errors import CredentialError
from crossdock.core.flow import Connection
from crossdock.core.secret import Credential
from crossdock.engine.at_work import AtWork
from crossdock.engine.clock import SystemClock
from crossdock.engine.context import Context
from crossdock.engine.observe import last_instant
from crossdock.engine.supervise import Hub
from crossdock.project import Project
from crossdock.project.settings import store_url
from crossdock.security.keyring import load_keyring
from crossdock.security.reasons import FitReasons
from crossdock.security.redaction import Redactor
from crossdock.security.vault import Vault
from crossdock.server.acts import Acts
from crossdock.server.custody import Custody
from crossdock.stores import open_store
from crossdock.stores.copy import refuse_what_has_moved
from crossdock.telemetry import logs
from crossdock.telemetry.metrics import Metrics
from crossdock.transports.egress import EgressGuard
from crossdock.transports.http import HttpTransport
from crossdock.transports.sql import SqlTransport
from crossdock.transports.wires import Wires


@dataclass(frozen=True, slots=True)
class Assembly:
    project: Project
    hub: Hub
    acts: Acts
    vault: Vault
    metrics: Metrics
    redactor: Redactor

    def exposition(self) -> bytes:
        text, _ = self.metrics.exposition()
        return text


@contextlib.asynccontextmanager
async def assembled(project: Project, *, worker: str = "", role: str = "all") -> AsyncIterator[Assembly]:
    """Not started yet; from here on this process logs to stderr. What was opened is closed at the end. `worker` is its
    name among the others on the same store; "" = one of its own.

    Raises StoreError when another hub holds the store, CredentialError when the vault cannot be opened."""
    keyring = load_keyring(project.folder)
    redactor, metrics = Redactor(), Metrics()
    store = FitReasons(open_store(store_url(project.folder, project.hub.store)), redactor.reason)
    guard = EgressGuard(project.hub.egress_allow)
    transport = Wires(http=HttpTransport(guard=guard), sql=SqlTransport(guard=guard, folder=project.folder))
    held = contextlib.ExitStack()
    try:
        logs.configure(redactor.mapping, stream=sys.stderr)
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        await refuse_what_has_moved(store)
        vault = Vault(store, keyring, tell=redactor.add)
        await vault.check()
        clock = SystemClock(await last_instant(store), await store.time())
        chance = random.Random()  # noqa: S311 - jitter
        environment = project.landscape.environment
        name = worker or (held.enter_context(Name(project.folder, environment)).text if store.shared else "hub")
        context = Context(store, project.landscape, clock, transport, vault, metrics, chance.random, name, role)
        context.at_work = AtWork(project.folder / STATE, environment, name)
        hub = Hub(context)
        custody = Custody(hub, vault, project.accounts, project.folder)
        yield Assembly(project, hub, Acts(hub, custody, redactor), vault, metrics, redactor)
    finally:
        with held:
            await transport.close()
            await store.close()


def missing(connection: Connection, credential: Credential) -> list[str]:
    """What a connection still lacks, each with the command that helps."""
    connector, name = connection.connector, connection.name
    found = [
        f"{name}: the secret {secret} is not set; crossdock secrets set {name} {secret}"
        for secret in connector.secrets
        if not credential.get(secret)
    ]
    try:
        connector.account(credential)
    except CredentialError as error:
        found.append(f"{name}: {error.what}; {error.hint.replace('CONNECTION', name)}")
    return found
