"""The way in: authenticate on raw bytes, split, commit, answer. No map, model or destination has a say here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from crossdock.core import crash, json
from crossdock.core.connector import Inbound, Part, Rejected, Reply, Webhook
from crossdock.core.errors import CredentialError, CrossdockError, NotNow, StoreError, StoreLost
from crossdock.core.flow import Connection
from crossdock.core.ids import digest
from crossdock.core.message import Arrival, Message, message_id
from crossdock.core.secret import Credential, Secret
from crossdock.core.states import MessageState
from crossdock.core.wire import PayloadRef
from crossdock.core.work import CellWrite, Committed, Payload, Work
from crossdock.engine import intake
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.kept import Kept

LONGEST_REASON = 500
"""characters: an error may quote the whole body"""
KEPT_ALWAYS = ("content-type", "user-agent")
READ_WITHIN_S = 4.0
"""A store that does not give the hook's secret by then is away for who sends: most platforms hang up after 5 s."""

ADVICE = {
    "signature": "Compare the secret on both sides, and see that nothing on the way changes the body.",
    "clock": "Compare the clocks; what was kept for a while must be signed anew.",
}
"""For a genuine sender, by the reason."""


@dataclass(frozen=True, slots=True)
class Rejections:
    """How many there were, and the last one of them."""

    amount: int
    last: Rejected
    sender: str
    """its address"""


class Receiver:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept = Kept(context)
        self._reading: dict[str, asyncio.Task[Credential]] = {}
        self.rejections: dict[str, Rejections] = {}
        """connection → what was not authenticated since somebody last took it from here"""

    def forget(self, connection: str) -> None:
        """Its secrets have changed."""
        self._kept.forget(connection)

    async def receive(self, name: str, request: Inbound) -> Reply:
        """The answer for the sender: 2xx means committed. Same identity again: same answer, no second row."""
        context = self._context
        connection = context.landscape.connections.get(name)
        webhook = connection.connector.webhook if connection else None
        if connection is None or webhook is None:
            return Reply(404, b"no such hook")
        try:
            credential = self._kept.known(name) or await self._read(name)
        except CredentialError as error:
            context.pause(name, error)
            return Reply(503, b"what this hook is checked with cannot be read; send it again later")
        except StoreError as error:
            return self._refuse(error)
        try:
            handshake = webhook.challenge(request, credential)
            if handshake is not None:
                return handshake
            if request.method in {"GET", "HEAD"}:
                return Reply(405, b"POST or PUT; a GET is only for a handshake, which this is not")
            rejected = webhook.verify(request, _signing_secrets(credential.secrets, webhook), context.clock.civil())
        except Exception:
            context.bugs.tell("a webhook could not be checked", f"{name}'s webhooks", words=False, connection=name)
            return Reply(500, b"the hub failed to check this; its log tells more")
        if isinstance(rejected, Rejected):
            return self._reject(name, rejected, request.remote)
        crash.at("ingest.read")
        try:
            await self.take(connection, request.body, _kept(request.headers, webhook), _split(webhook, request))
        except StoreError as error:
            return self._refuse(error)
        crash.at("ingest.committed")
        return webhook.answer()

    async def _read(self, name: str) -> Credential:
        """All who wait for it wait for the same reading. Raises CredentialError, and NotNow when it takes too long."""
        reading = self._reading.get(name)
        if reading is None:
            reading = self._reading[name] = asyncio.create_task(self._kept.read(name), name="secret of a hook")
            reading.add_done_callback(lambda done: self._is_read(name, done))
        await asyncio.wait({reading}, timeout=READ_WITHIN_S)
        if not reading.done():
            raise NotNow("the store does not answer")
        return reading.result()

    def _is_read(self, name: str, reading: asyncio.Task[Credential]) -> None:
        """Why it failed is told to those who still wait; to the others, when they send again."""
        del self._reading[name]
        if not reading.cancelled():
            reading.exception()

    def _reject(self, name: str, rejected: Rejected, sender: str) -> Reply:
        self._context.metrics.rejected(name, rejected.reason)
        before = self.rejections.get(name)
        self.rejections[name] = Rejections((before.amount if before else 0) + 1, rejected, sender)
        status = 401 if rejected.reason in {"missing", "signature", "clock", "scheme"} else 400
        lines = [f"not authenticated: {rejected.detail or rejected.reason}", ADVICE.get(rejected.reason, "")]
        return Reply(status, "\n".join(filter(None, lines)).encode())

    def _refuse(self, error: StoreError) -> Reply:
        """Nothing is durable, so nothing is acknowledged. After a flush that failed the hub ends."""
        if isinstance(error, NotNow | StoreLost):
            intake.note(self._context, error.what)
        if isinstance(error, StoreLost):
            self._context.fail(error)
        why = f" ({error.what})" if isinstance(error, NotNow) else ""
        return Reply(503, f"the store cannot commit right now{why}; send it again".encode())

    async def take(
        self,
        connection: Connection,
        body: bytes,
        headers: Mapping[str, str],
        parts: Sequence[Part] | CrossdockError,
        *,
        cells: Sequence[CellWrite] = (),
    ) -> None:
        """Commits one arrival with its messages (and a poll's cursor). What could not be split is one quarantined
        message. Raises StoreError when it is not durable."""
        context = self._context
        now = context.clock.now()
        work = arrival_work(context.work_id(), connection.name, body, headers, parts, now, cells)
        context.taking += 1
        try:
            result = await context.store.apply(work)
        finally:
            context.taking -= 1
        assert isinstance(result, Committed), "appends have no guards"
        fresh = len(work.messages) - len(result.repeated)
        if result.repeated:
            crash.at("dedupe.hit")
        if result.conflicts:
            await self._report_conflicts(work, result.conflicts)
        if fresh > 0:
            context.metrics.accepted(connection.name, fresh)
            if isinstance(parts, CrossdockError):
                context.metrics.quarantined(connection.name, fresh)
        context.metrics.received(connection.name, context.clock.now() - now)
        context.signals.ring(f"inbox/{connection.name}")

    async def _report_conflicts(self, came: Work, conflicts: Collection[str]) -> None:
        """The same identity with other content: the first one is kept, the other is quarantined beside it, and so is
        the arrival that brought it."""
        (arrival,) = came.arrivals
        data = {payload.ref.id: payload.data for payload in came.payloads}
        for other in came.messages:
            if other.id not in conflicts:
                continue
            identity = digest("conflict", other.id, data[other.body.id])
            ref, payload = payload_of(identity, data[other.body.id])
            hint = "compare it with the first one: crossdock trace " + other.id
            message = Message(
                id=identity,
                arrival_id=arrival.id,
                connection=arrival.connection,
                topic="",
                order_hint=other.id,
                content_hash=ref.sha256,
                body=ref,
                received_at=arrival.received_at,
                state=MessageState.QUARANTINED,
                reason=f"conflict: message {other.id} came before with other content; {hint}",
            )
            work = Work(
                id=self._context.work_id(),
                payloads=(payload, Payload(arrival.payload, data[arrival.payload.id])),
                arrivals=came.arrivals,
                messages=(message,),
            )
            await self._context.store.apply(work)
        self._context.metrics.quarantined(arrival.connection, len(conflicts))


def arrival_work(
    work_id: str,
    name: str,
    body: bytes,
    headers: Mapping[str, str],
    parts: Sequence[Part] | CrossdockError,
    now: float,
    cells: Sequence[CellWrite] = (),
) -> Work:
    """One arrival and its messages as a Work. The arrival goes by the Work's id, and so do its payloads: indexes on
    what comes in grow at one place. One without messages goes by its content: an empty page of a poll is kept once."""
    reason, state = "", MessageState.RECEIVED
    if isinstance(parts, CrossdockError):
        reason = f"cannot be split into messages: {parts.what}"
        unsplit = digest("unsplit", body)
        parts = (Part(identity=unsplit, topic="", order_hint=unsplit, body=body),)
        state = MessageState.QUARANTINED
    arrival_id = work_id if parts else digest("arrival", name, body)
    ref, payload = payload_of(arrival_id, body)
    payloads = {ref.id: payload}
    messages: list[Message] = []
    for number, part in enumerate(parts):
        identity = message_id(name, part.identity)
        whole = part.body is body
        body_ref, body_payload = (ref, payload) if whole else payload_of(f"{arrival_id}/{number}", part.body)
        payloads[body_ref.id] = body_payload
        messages.append(
            Message(
                id=identity,
                arrival_id=arrival_id,
                connection=name,
                topic=part.topic,
                order_hint=part.order_hint,
                content_hash=digest("content", part.content or part.body),
                body=body_ref,
                received_at=now,
                hydrate=part.hydrate,
                remote_id=part.remote_id,
                state=state,
                reason=reason,
            )
        )
    return Work(
        id=work_id,
        payloads=tuple(payloads.values()),
        arrivals=(Arrival(arrival_id, name, now, json.encode(dict(headers)), ref),),
        messages=tuple(messages),
        cells=tuple(cells),
    )


def payload_of(identity: str, data: bytes) -> tuple[PayloadRef, Payload]:
    """Bytes that belong to one owner: two owners never share a payload, so each may be removed in its time."""
    ref = PayloadRef(identity, len(data), hashlib.sha256(data).hexdigest())
    return ref, Payload(ref, data)


def _split(webhook: Webhook, request: Inbound) -> Sequence[Part] | CrossdockError:
    try:
        return webhook.split(request)
    except (ValueError, CrossdockError) as error:
        return CrossdockError((str(error) or type(error).__name__)[:LONGEST_REASON])
    except Exception:
        return CrossdockError(bug_in("splitting a webhook"))


def _kept(headers: Mapping[str, str], webhook: Webhook) -> dict[str, str]:
    names = (*KEPT_ALWAYS, *webhook.keep_headers)
    return {name: headers[name] for name in names if name in headers}


def _signing_secrets(secrets: Mapping[str, Secret], webhook: Webhook) -> tuple[Secret, ...]:
    """The one in use, and the one before it while it is being rotated."""
    names = (webhook.secret, f"{webhook.secret}_previous")
    return tuple(secret for secret in map(secrets.get, names) if secret)
