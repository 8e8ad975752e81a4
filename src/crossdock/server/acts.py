"""The hub's local door, a socket file of this user's: the command line tells a running hub what a person decided.

With no hub running the command line performs the same acts on a hub of its own that it never starts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from secrets import token_hex
from typing import Any

import structlog

from crossdock.core import json
from crossdock.core.connector import Reply
from crossdock.core.delivery import Delivery
from crossdock.core.errors import CrossdockError, NotJson, StoreError, Unexpected, UsageError
from crossdock.core.states import MessageState
from crossdock.engine.link import Linker
from crossdock.engine.operate import Operator
from crossdock.engine.supervise import Hub
from crossdock.security.redaction import Redactor
from crossdock.server.custody import Custody
from crossdock.server.hooks import answer
from crossdock.server.said import Said

Act = Callable[[Said], Awaitable[Mapping[str, Any]]]
MAX_ACT_BYTES = 1024 * 1024

log = structlog.get_logger("crossdock.hub")


class Acts:
    """An ASGI app: POST /<act> with a JSON object; the answer is `{"ok": true, …}` or `{"error": …, "hint": …}`."""

    def __init__(self, hub: Hub, custody: Custody, redactor: Redactor) -> None:
        self._hub = hub
        self._redactor = redactor
        self._acts: dict[str, Act] = {
            "state": self._state,
            "retry": self._for_each(self._retry),
            "resend": self._for_each(self._resend),
            "discard": self._for_each(self._discard),
            "retry-message": self._for_each(self._retry_message),
            "discard-message": self._for_each(self._discard_message),
            "adopt": self._adopt,
            "perform-again": self._perform_again,
            "rewind": self._rewind,
            "unlinked": self._unlinked,
            "link": self._link,
            "set-secret": custody.set_secret,
            "delete-secret": custody.delete_secret,
            "authorize": custody.authorize,
            "redeem": custody.redeem,
            "rotate-key": custody.rotate_key,
        }

    async def perform(self, act: str, said: object) -> Mapping[str, Any]:
        """Raises CrossdockError."""
        perform = self._acts.get(act)
        if perform is None:
            raise UsageError(f"no such act: {act}")
        try:
            return await perform(Said(act, said))
        except CrossdockError:
            raise
        except Exception:
            reference = token_hex(4)
            log.exception("an act failed in the hub's own code", act=act, reference=reference)
            raise Unexpected(
                f"the hub's own code failed at {act}: nothing more of it was done",
                hint=f"its log tells more, under the reference {reference}",
            ) from None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        act = scope["path"].lstrip("/")
        if act not in self._acts or scope["method"] != "POST":
            await answer(send, _reply(404, {"error": f"no such act: {act}"}))
            return
        try:
            result = await self.perform(act, json.decode(await _whole(receive)))
        except (UsageError, NotJson) as error:
            await answer(send, _reply(400, self._told(error)))
        except CrossdockError as error:
            status = 500 if isinstance(error, Unexpected) else 409
            await answer(send, _reply(status, self._told(error)))
        else:
            await answer(send, _reply(200, {"ok": True, **result}))

    def _told(self, error: CrossdockError) -> Mapping[str, str]:
        return {"error": self._redactor.text(error.what), "hint": self._redactor.text(error.hint)}

    async def _state(self, said: Said) -> Mapping[str, Any]:
        """What only the running hub knows."""
        context = self._hub.context
        trouble = {name: self._hub.exchanger.trouble(account) for name, account in context.accounts.items()}
        held_off = {name: self._hub.exchanger.held_off_s(account) for name, account in context.accounts.items()}
        reason = self._redactor.reason
        return {
            "paused": {name: reason(why) for name, why in context.paused.items()},
            "in_trouble": {name: why for name, why in sorted(trouble.items()) if why},
            "held_off_s": {name: round(wait_s, 1) for name, wait_s in sorted(held_off.items()) if wait_s},
            "ready": self._hub.ready,
            "refuses": context.refuses,
            "failing_polls": {name: reason(why) for name, why in self._hub.failing_polls().items()},
        }

    # --- deliveries ---------------------------------------------------------------------------------------------

    def _for_each(self, act: Callable[[Operator, str], Awaitable[None]]) -> Act:
        """The same for every id in `ids`; one that cannot be done stops no other."""

        async def perform(said: Said) -> Mapping[str, Any]:
            operator = self._operator(said)
            done: list[str] = []
            failed: list[Mapping[str, str]] = []
            for identity in said.texts("ids"):
                try:
                    await act(operator, identity)
                except StoreError:
                    raise
                except CrossdockError as error:
                    failed.append({"id": identity, **self._told(error)})
                else:
                    done.append(identity)
            return {"done": done, "failed": failed}

        return perform

    def _operator(self, said: Said) -> Operator:
        return Operator(self._hub.context, said.text("who", "somebody"))

    async def _retry(self, operator: Operator, identity: str) -> None:
        row = await operator.delivery(identity)
        await operator.retry(row)
        await self._wake(row)

    async def _resend(self, operator: Operator, identity: str) -> None:
        row = await operator.delivery(identity)
        await operator.resend(row)
        await self._wake(row)

    async def _discard(self, operator: Operator, identity: str) -> None:
        row = await operator.delivery(identity)
        await operator.discard(row)
        await self._wake(row)

    async def _adopt(self, said: Said) -> Mapping[str, Any]:
        operator = self._operator(said)
        row = await operator.delivery(said.text("id"))
        item, shared = said.text("item", ""), said.flag("shared")
        linked = await operator.adopt(row, said.text("remote_id"), item=item, shared=shared)
        if linked is not None:
            self._hub.board.linked(linked)
        await self._wake(row)
        return {"id": row.id, "state": (await operator.delivery(row.id)).state}

    async def _perform_again(self, said: Said) -> Mapping[str, Any]:
        operator = self._operator(said)
        row = await operator.delivery(said.text("id"))
        again = await operator.perform_again(row)
        await self._wake(row)
        return {"id": again.id}

    async def _wake(self, row: Delivery) -> None:
        await self._hub.moved(row.flow, row.partitionkey)

    async def _rewind(self, said: Said) -> Mapping[str, Any]:
        await self._hub.rewind(said.text("flow"), said.text("who", "somebody"))
        return {"flow": said.text("flow")}

    # --- messages and connections -------------------------------------------------------------------------------

    async def _retry_message(self, operator: Operator, identity: str) -> None:
        """A quarantined message again, with today's maps."""
        messages = await self._hub.context.store.messages([identity])
        if not messages or messages[0].state is not MessageState.QUARANTINED:
            raise UsageError(f"no quarantined message {identity}", hint="list them: crossdock quarantine list")
        normaliser = self._hub.normalisers.get(messages[0].connection)
        if normaliser is None:
            raise UsageError(f"the project has no connection {messages[0].connection!r} any more")
        if reason := await normaliser.again(messages[0]):
            raise UsageError(f"still not understood: {reason}", hint="mend the map, or discard the message")

    async def _discard_message(self, operator: Operator, identity: str) -> None:
        messages = await self._hub.context.store.messages([identity])
        if not messages:
            raise UsageError(f"no message {identity}", hint="list them: crossdock quarantine list")
        await operator.discard_message(messages[0])

    async def _unlinked(self, said: Said) -> Mapping[str, Any]:
        linker = self._linker(said)
        return {"ids": await linker.unlinked(), "match": list(linker.match)}

    async def _link(self, said: Said) -> Mapping[str, Any]:
        """For the events that `unlinked` named, some at a time."""
        dry_run, by = said.flag("dry_run"), said.text("by", "")
        looked = await self._linker(said).look(said.texts("ids"), by=by, dry_run=dry_run)
        return {"looked": [{**one.as_dict(), "why": self._redactor.reason(one.why)} for one in looked]}

    def _linker(self, said: Said) -> Linker:
        hub = self._hub
        return Linker(hub.context, hub.exchanger, hub.board, said.text("connection"), said.text("model"))


def _reply(status: int, body: Mapping[str, Any]) -> Reply:
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
