"""The one place that sends: deliver, find, hydrate, poll and refresh all go through here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crossdock.core import crash
from crossdock.core.connector import Call
from crossdock.core.errors import CredentialError, TransportError
from crossdock.core.judge import judge_failure
from crossdock.core.limits import AuthExpired, Budget
from crossdock.core.secret import Credential
from crossdock.core.verdict import Done, Items, NotDone, Refused, Unknown, Verdict
from crossdock.core.wire import Response
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.credentials import Credentials, NotRenewed
from crossdock.engine.gate import Gate

DEADLINE_S = 30.0
OVERTAKEN = "it was not sent: another worker may have taken it over while it waited for its turn"


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt and what it came to."""

    verdict: Verdict
    status: int
    started_at: float
    ended_at: float


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
            limits = self._context.connection(connection).connector.limits
            found = self._gates[account] = Gate(limits, self._context.clock)
        found.share(self.workers)
        return found

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
            return self._pause(connection, error, context.clock.now())
        await gate.enter(call.cost)
        try:
            started_at = context.clock.now()
            try:
                credential = await self.credentials.get(connection)
            except CredentialError as error:
                return self._pause(connection, error, started_at)
            except NotRenewed as error:
                return Sent(NotDone(str(error), counts=False), 0, started_at, context.clock.now())
            if not may_go():
                return Sent(NotDone(OVERTAKEN, counts=False), 0, started_at, context.clock.now())
            sent = await self._attempt(connection, call, credential, gate, deadline_s, about)
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
    ) -> Sent:
        context = self._context
        connector = context.connection(connection).connector
        nonce = f"{context.random():.17f}"[2:]
        started_at = context.clock.now()
        try:
            signed = connector.sign(call.request, credential, context.clock.civil(), nonce)
        except CredentialError as error:
            return self._pause(connection, error, started_at)
        except Exception:
            return Sent(Refused(bug_in(f"{connector.name}'s sign", words=False)), 0, started_at, context.clock.now())
        try:
            response = await context.transport.exchange(signed, deadline_s)
        except CredentialError as error:
            return self._pause(connection, error, started_at)
        except TransportError as error:
            gate.trouble(error.what)
            return Sent(judge_failure(error), 0, started_at, context.clock.now())
        crash.at("response.read")
        ended_at = context.clock.now()
        try:
            with context.marker.at("delivery", *about):
                verdict = connector.judge(call, response, context.clock.civil())
        except Exception:
            verdict = Unknown(bug_in(f"{connector.name}'s judge"))
        self._mind(gate, verdict, response)
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
                    return self._pause(connection, error, started_at)
                except NotRenewed as error:
                    return Sent(NotDone(str(error), counts=False), response.status, started_at, ended_at)
                if isinstance(verdict, NotDone):
                    verdict = NotDone(verdict.why, wait_s=0.0, counts=False)
        return Sent(verdict, response.status, started_at, ended_at)

    @staticmethod
    def _mind(gate: Gate, verdict: Verdict, response: Response) -> None:
        """Trouble is what is not the platform's own word: 5xx and unreadable answers. A wait it asks for binds all."""
        if isinstance(verdict, Unknown):
            gate.trouble(verdict.why)
        else:
            gate.fine()
        if isinstance(verdict, NotDone) and not verdict.counts and verdict.wait_s and response.status == 429:
            gate.hold_off(verdict.wait_s)

    def _pause(self, connection: str, error: CredentialError, started_at: float) -> Sent:
        self._context.pause(connection, error)
        self._context.signals.ring(f"paused/{connection}")
        verdict = NotDone(f"the connection is paused: {error.what}", counts=False, wait_s=5.0)
        return Sent(verdict, 0, started_at, self._context.clock.now())

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
