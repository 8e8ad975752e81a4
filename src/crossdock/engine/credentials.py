"""Credentials in use: read once, renewed once for everybody, paused when only a person can help."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from crossdock.core import crash
from crossdock.core.connector import Call, Pause, Steps
from crossdock.core.errors import CredentialError
from crossdock.core.lanes import Lane
from crossdock.core.secret import Credential
from crossdock.core.verdict import Done, Refused
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.kept import Kept

EARLY_S = 60.0
"""A token that ends within this is renewed before it is used."""
FRESH_S = 30.0
"""A token refused this soon after it was renewed is not renewed again: the connection needs a person."""

TURN_S = 90.0
"""How long one worker may take to renew; longer than both its calls may last."""
LOOK_AGAIN_S = 0.2

Ask = Callable[[str, Call, Credential], Awaitable[Any]]
"""Sends one unjournalled call with this credential; returns its verdict."""


class NotRenewed(Exception):
    """The platform gave no answer about the token: nothing is lost, try again later."""


class Credentials:
    def __init__(self, context: Context, ask: Ask) -> None:
        self._context = context
        self._ask = ask
        self._kept = Kept(context)
        self._locks: dict[str, asyncio.Lock] = {}
        self._renewed_at: dict[str, float] = {}
        self._refused: dict[str, tuple[Credential, CredentialError]] = {}

    async def get(self, connection: str) -> Credential:
        """The credential to sign with now. Raises CredentialError when a person must connect first."""
        credential = await self._kept.get(connection)
        ends_at = credential.expires_at
        connector = self._context.connection(connection).connector
        if ends_at is None or not connector.refreshes:
            return credential
        left_s = ends_at - self._context.clock.civil()
        if left_s > EARLY_S or (left_s > 0 and self._is_fresh(connection)):
            return credential
        return await self.renew(connection, credential, refused=False)

    def _is_fresh(self, connection: str) -> bool:
        """Renewed just now: a token that does not live for long has only begun."""
        return self._context.clock.now() - self._renewed_at.get(connection, float("-inf")) < FRESH_S

    def forget(self, connection: str) -> None:
        """Read it from the vault again: a person has connected anew."""
        self._kept.forget(connection)
        self._renewed_at.pop(connection, None)
        self._refused.pop(connection, None)

    async def renew(self, connection: str, used: Credential, *, refused: bool = True) -> Credential:
        """Renews the tokens, one caller at a time; the others get what the first one got. The new pair is durable
        before its first use, and what a person has connected meanwhile comes before it. `refused`: by the platform,
        not only near its end. Raises CredentialError when a person must act, NotRenewed when the platform is away."""
        if not self._context.connection(connection).connector.refreshes:
            return await self._set_anew(connection, used)
        async with self._locks.setdefault(connection, asyncio.Lock()):
            held = self._kept.known(connection)
            if held is not None and held != used:
                return held
            now = self._context.clock.now()
            if refused and self._is_fresh(connection):
                raise CredentialError(
                    f"{connection}: the platform refuses a token that it has just issued",
                    hint=f"connect again: crossdock connect {connection}",
                )
            async with self._alone(connection):
                return await self._renewed(connection, used, now)

    async def _set_anew(self, connection: str, used: Credential) -> Credential:
        """A person may have done so already, while the request with the old one was under way."""
        stored = await self._kept.read(connection)
        if stored != used:
            return stored
        raise CredentialError(
            f"{connection}: the platform refuses the credentials",
            hint=f"set them anew: crossdock secrets set {connection}",
        )

    async def _renewed(self, connection: str, used: Credential, now: float) -> Credential:
        connector = self._context.connection(connection).connector
        stored = await self._kept.read(connection)
        if stored != used:
            return stored
        refused = self._refused.get(connection)
        if refused is not None and refused[0] == used:
            raise refused[1]
        try:
            fresh = await self.drive(connection, connector.refresh(used, self._context.clock.civil()), used)
        except CredentialError as error:
            self._refused[connection] = (used, error)
            raise
        crash.at("token.answered")
        await self._context.vault.put_credential(connection, fresh, since=used)
        crash.at("token.persisted")
        stored = await self._kept.read(connection)
        if stored == fresh:
            self._renewed_at[connection] = now
        return stored

    @asynccontextmanager
    async def _alone(self, connection: str) -> AsyncIterator[None]:
        """Among all workers: who comes second finds what the first has stored."""
        context, lane = self._context, Lane("credential", f"credential/{connection}", 0)
        now = context.clock.now()
        while lane not in await context.store.lease([lane], context.worker, now + TURN_S, now):
            await context.clock.sleep(LOOK_AGAIN_S)
            now = context.clock.now()
        try:
            yield
        finally:
            now = context.clock.now()
            await context.store.lease([lane], context.worker, now, now)

    async def drive(self, connection: str, steps: Steps[Credential], credential: Credential) -> Credential:
        """From a connector's steps to fresh tokens; not journalled. What the platform did not answer is tried once more
        with the same token: many providers answer a repeat shortly after."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                fresh: Credential = stop.value
                return fresh
            except CredentialError:
                raise
            except Exception:
                raise CredentialError(
                    bug_in(f"{connection}'s tokens", words=False), hint=f"connect again: crossdock connect {connection}"
                ) from None
            if isinstance(step, Pause):
                await self._context.clock.sleep(step.wait_s)
                answer = None
                continue
            verdict = await self._ask(connection, step, credential)
            if not isinstance(verdict, Done):
                await self._context.clock.sleep(1.0)
                verdict = await self._ask(connection, step, credential)
            if isinstance(verdict, Refused):
                raise CredentialError(
                    f"{connection}: the platform gives no token: {verdict.why}",
                    hint=f"connect again: crossdock connect {connection}",
                )
            if not isinstance(verdict, Done):
                raise NotRenewed(f"no token could be had: {getattr(verdict, 'why', 'no answer')}")
            answer = verdict
