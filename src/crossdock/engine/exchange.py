"""The one place that sends: deliver, find, hydrate, poll and refresh all go through here."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crossdock.core import crash, json
from crossdock.core.connector import Call
from crossdock.core.errors import CredentialError, StoreError, TransportError
from crossdock.core.judge import judge_failure
from crossdock.core.limits import AuthExpired, Budget
from crossdock.core.secret import Credential
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Response
from crossdock.core.work import CellWrite, Work
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.credentials import Credentials, NotRenewed
from crossdock.engine.gate import PATIENCE_S, Gate, NotYet

DEADLINE_S = 30.0
PAUSED_S = 5.0
"""After so long it is looked whether a person has acted."""
AWAY_S = 15.0
"""How long nothing is sent where no token could be had."""
OVERTAKEN = "it was not sent: another worker may have taken it over while it waited for its turn"


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt and what it came to."""

    verdict: Verdict
    status: int
    started_at: float
    ended_at: float
    went: bool = True
    """False = it was kept back: nothing was sent"""


class Exchanger:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._gates: dict[str, Gate] = {}
        self.workers = 1
        """who share what the accounts allow"""
        self.credentials = Credentials(context, self._ask_unsigned)

    async def gate(self, connection: str) -> Gate:
        """The gate of the connection's account."""
        account = await self._context.account(connection)
        found = self._gates.get(account)
        if found is None:
            found = self._gates.setdefault(account, await self._gate_of(account, connection))
        found.share(self.workers)
        return found

    async def _gate_of(self, account: str, connection: str) -> Gate:
        """A platform's wish for no calls outlives the hub that it was told."""
        gate = Gate(self._context.connection(connection).connector.limits, self._context.clock)
        cell = await self._context.store.cell(_held_off(account))
        wait_s = float(json.decode(cell.value)) - self._context.clock.now() if cell is not None else 0.0
        if wait_s > 0:
            gate.hold_off(wait_s)
        return gate

    def close(self) -> None:
        """What merely waits for its turn is turned away: it is written down, and goes when the hub runs again."""
        for gate in self._gates.values():
            gate.close()

    def trouble(self, account: str) -> str:
        """Why the account's breaker is open; "" = it is not."""
        gate = self._gates.get(account)
        return (gate.why or "no answer") if gate is not None and gate.breaker.is_open else ""

    def held_off_s(self, account: str) -> float:
        """For how much longer the account's platform wants no calls."""
        gate = self._gates.get(account)
        return gate.held_off_s if gate is not None else 0.0

    async def send(
        self,
        connection: str,
        call: Call,
        *,
        deadline_s: float = DEADLINE_S,
        about: Sequence[str] = (),
        may_go: Callable[[], bool] = lambda: True,
    ) -> Sent:
        """Waits for the account's budgets, signs, sends once, judges and learns. Never raises for what a platform does:
        that is a verdict. A connection that only a person can mend is paused, and the call was not done. `about`: the
        deliveries that it is for. `may_go` is asked last of all: what waited for its turn may be another worker's."""
        context = self._context
        try:
            gate = await self.gate(connection)
        except CredentialError as error:
            return self._nothing_sent(connection, error, context.clock.now())
        started_at = context.clock.now()
        try:
            await gate.enter(call.cost)
        except NotYet as later:
            return _kept_back(later.why, started_at, context.clock.now(), later.wait_s)
        try:
            started_at = context.clock.now()
            try:
                credential = await self.credentials.get(connection)
            except CredentialError as error:
                return self._nothing_sent(connection, error, started_at)
            except NotRenewed as error:
                return _kept_back(str(error), started_at, context.clock.now(), AWAY_S)
            sent = await self._attempt(connection, call, credential, gate, deadline_s, about, may_go)
            context.metrics.exchange(connection, type(sent.verdict).__name__.lower(), sent.ended_at - sent.started_at)
            return sent
        finally:
            gate.leave()

    async def _attempt(
        self,
        connection: str,
        call: Call,
        credential: Credential,
        gate: Gate,
        deadline_s: float,
        about: Sequence[str],
        may_go: Callable[[], bool],
    ) -> Sent:
        context = self._context
        connector = context.connection(connection).connector
        nonce = f"{context.random():.17f}"[2:]
        started_at = context.clock.now()
        try:
            signed = connector.sign(call.request, credential, context.clock.civil(), nonce)
        except CredentialError as error:
            return self._nothing_sent(connection, error, started_at)
        except Exception:
            return Sent(Refused(bug_in(f"{connector.name}'s sign", words=False)), 0, started_at, context.clock.now())
        if not may_go():  # nothing between this and the sending takes time
            return _kept_back(OVERTAKEN, started_at, context.clock.now())
        try:
            response = await context.transport.exchange(signed, deadline_s)
        except CredentialError as error:
            return self._nothing_sent(connection, error, started_at)
        except TransportError as error:
            gate.trouble(error.what)
            return Sent(judge_failure(error), 0, started_at, context.clock.now())
        crash.at("response.read")
        ended_at = context.clock.now()
        try:
            with context.at_work.on("delivery", *about):
                verdict = connector.judge(call, response, context.clock.civil())
        except Exception:
            verdict = Unknown(bug_in(f"{connector.name}'s judge"))
        await self._mind(connection, gate, verdict, response)
        try:
            lessons = tuple(connector.learn(call, response))
        except Exception:
            lessons = ()  # what the platform did is known: what could be learned beside it is not worth losing that
            context.bugs.tell("nothing was learned from an answer", f"{connector.name}'s learn", connection=connection)
        for lesson in lessons:
            if isinstance(lesson, Budget):
                gate.learn(lesson)
            elif isinstance(lesson, AuthExpired):
                try:
                    await self.credentials.renew(connection, credential)
                except CredentialError as error:
                    why = f"HTTP {response.status}: {self._pause(connection, error)}"
                    return Sent(NotDone(why, counts=False, wait_s=PAUSED_S), response.status, started_at, ended_at)
                except NotRenewed as error:
                    return Sent(NotDone(str(error), counts=False), response.status, started_at, ended_at)
                if isinstance(verdict, NotDone):
                    verdict = NotDone(verdict.why, wait_s=0.0, counts=False)
        return Sent(verdict, response.status, started_at, ended_at)

    async def _mind(self, connection: str, gate: Gate, verdict: Verdict, response: Response) -> None:
        """Trouble is what is not the platform's own word: 5xx and unreadable answers. A wait it asks for binds all."""
        if isinstance(verdict, Unknown):
            gate.trouble(verdict.why)
        else:
            gate.fine()
        if isinstance(verdict, NotDone) and not verdict.counts and verdict.wait_s and response.status == 429:
            known_until = gate.held_off_until
            gate.hold_off(verdict.wait_s)
            if verdict.wait_s > PATIENCE_S and gate.held_off_until > known_until + 1.0:
                await self._remember(await self._context.account(connection), gate.held_off_until)

    async def _remember(self, account: str, until: float) -> None:
        cell = CellWrite(_held_off(account), json.encode(until))
        with contextlib.suppress(StoreError):  # the commit of what was answered meets the same store, and tells
            await self._context.store.apply(Work(self._context.work_id(), cells=(cell,)))

    def _nothing_sent(self, connection: str, error: CredentialError, started_at: float) -> Sent:
        return _kept_back(self._pause(connection, error), started_at, self._context.clock.now(), PAUSED_S)

    def _pause(self, connection: str, error: CredentialError) -> str:
        """It is, until a person acts: why, and what they can do."""
        self._context.pause(connection, error)
        self._context.signals.ring(f"paused/{connection}")
        said = self._context.paused[connection].splitlines()
        return f"the connection is paused: {'; '.join(line.strip() for line in said)}"

    async def _ask_unsigned(self, connection: str, call: Call, credential: Credential) -> Done | Items | object:
        """For refreshes: the connector put the client's authentication into the request itself."""
        context = self._context
        connector = context.connection(connection).connector
        try:
            response = await context.transport.exchange(call.request, DEADLINE_S)
        except TransportError as error:
            return judge_failure(error)
        try:
            return connector.judge(call, response, context.clock.civil())
        except Exception:
            return Unknown(bug_in(f"{connector.name}'s judge", words=False))


def _held_off(account: str) -> str:
    """The cell that says until when its platform wants no calls."""
    return f"held-off/{account}"


def _kept_back(why: str, started_at: float, ended_at: float, wait_s: float | None = None) -> Sent:
    return Sent(NotDone(why, wait_s=wait_s, counts=False), 0, started_at, ended_at, went=False)
