"""The hub's local door, a socket file of this user's: the command line tells a running hub what a person decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from crossdock.core import json
from crossdock.core.connector import Reply
from crossdock.core.errors import CrossdockError, UsageError
from crossdock.core.event import STREAM
from crossdock.core.states import MessageState
from crossdock.engine.operate import Operator
from crossdock.engine.supervise import Hub
from crossdock.server.hooks import answer

Act = Callable[[dict[str, Any]], Awaitable[Any]]
MAX_ACT_BYTES = 1024 * 1024


class Acts:
    """An ASGI app: POST /<act> with a JSON object; the answer is `{"ok": true, …}` or `{"error": …, "hint": …}`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._acts: dict[str, Act] = {
            "retry": self._retry,
            "resend": self._resend,
            "adopt": self._adopt,
            "discard": self._discard,
            "perform-again": self._perform_again,
            "rewind": self._rewind,
            "renormalise": self._renormalise,
            "discard-message": self._discard_message,
            "credential-changed": self._credential_changed,
        }

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        act = self._acts.get(scope["path"].lstrip("/"))
        if act is None or scope["method"] != "POST":
            await answer(send, _reply(404, {"error": f"no such act: {scope['path']}"}))
            return
        try:
            said = json.decode(await _whole(receive))
            if not isinstance(said, dict):
                raise UsageError("an act is told as a JSON object")
            result = await act(said)
        except KeyError as missing:
            await answer(send, _reply(400, {"error": f"the act lacks {missing}"}))
        except CrossdockError as error:
            await answer(send, _reply(409, {"error": error.what, "hint": error.hint}))
        else:
            await answer(send, _reply(200, {"ok": True, **(result or {})}))

    # --- deliveries ---------------------------------------------------------------------------------------------

    def _operator(self, said: dict[str, Any]) -> Operator:
        return Operator(self._hub.context, str(said.get("who", "somebody")))

    async def _retry(self, said: dict[str, Any]) -> None:
        operator = self._operator(said)
        row = await operator.delivery(said["id"])
        await operator.retry(row)
        await self._wake(row.flow, row.partitionkey)

    async def _resend(self, said: dict[str, Any]) -> None:
        operator = self._operator(said)
        row = await operator.delivery(said["id"])
        await operator.resend(row)
        await self._wake(row.flow, row.partitionkey)

    async def _adopt(self, said: dict[str, Any]) -> None:
        operator = self._operator(said)
        row = await operator.delivery(said["id"])
        await operator.adopt(row, str(said["remote_id"]))
        flow = self._hub.context.landscape.flows[row.flow]
        account = await self._hub.context.account(flow.connection)
        self._hub.board.linked((account, flow.action.model, row.key))
        await self._wake(row.flow, row.partitionkey)

    async def _discard(self, said: dict[str, Any]) -> None:
        operator = self._operator(said)
        row = await operator.delivery(said["id"])
        await operator.discard(row)
        await self._wake(row.flow, row.partitionkey)

    async def _perform_again(self, said: dict[str, Any]) -> dict[str, Any]:
        operator = self._operator(said)
        row = await operator.delivery(said["id"])
        again = await operator.perform_again(row)
        await self._wake(row.flow, row.partitionkey)
        return {"id": again.id}

    async def _wake(self, flow: str, partitionkey: str) -> None:
        deliverer = self._hub.deliverers.get(flow)
        if deliverer is not None:
            await deliverer.wake_key(partitionkey)

    async def _rewind(self, said: dict[str, Any]) -> None:
        """To the beginning of the stream, for one flow."""
        flow = str(said["flow"])
        if flow not in self._hub.deliverers:
            raise UsageError(f"the hub runs no flow {flow!r}", hint=f"it runs: {', '.join(self._hub.deliverers)}")
        heads = await self._hub.context.store.heads(STREAM)
        back = await self._operator(said).rewind(flow, dict.fromkeys(range(len(heads)), 0))
        self._hub.leases.set_back(back)
        self._hub.context.signals.ring(f"events/{flow}")

    # --- messages and connections -------------------------------------------------------------------------------

    async def _renormalise(self, said: dict[str, Any]) -> None:
        """Quarantined messages again, with today's maps."""
        messages = await self._hub.context.store.messages([said["id"]])
        if not messages or messages[0].state is not MessageState.QUARANTINED:
            raise UsageError(f"no quarantined message {said['id']}", hint="list them: crossdock quarantine")
        await self._hub.normalisers[messages[0].connection].again(messages)

    async def _discard_message(self, said: dict[str, Any]) -> None:
        messages = await self._hub.context.store.messages([said["id"]])
        if not messages:
            raise UsageError(f"no message {said['id']}", hint="list them: crossdock quarantine")
        await self._operator(said).discard_message(messages[0])

    async def _credential_changed(self, said: dict[str, Any]) -> None:
        await self._hub.credential_changed(str(said["connection"]))


def _reply(status: int, body: dict[str, Any]) -> Reply:
    return Reply(status, json.encode(body), "application/json")


async def _whole(receive: Any) -> bytes:
    body: bytes = b""
    while True:
        message: dict[str, Any] = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_ACT_BYTES:
            raise UsageError("an act is at most 1 MiB")
        if not message.get("more_body"):
            return body
