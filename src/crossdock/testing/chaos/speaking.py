"""The connector for the far end: an action for each effect class, as plain as a connector author would write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.core import json
from crossdock.core.connector import (
    Action,
    Call,
    ConnectionSettings,
    Connector,
    Found,
    ItemId,
    OneStepAction,
    Outbound,
    Page,
    Part,
    Poll,
    Receipt,
    Steps,
)
from crossdock.core.effects import EffectClass
from crossdock.core.judge import judge_http
from crossdock.core.secret import Credential
from crossdock.core.verdict import Done, Items, NotDone, Refused, Verdict
from crossdock.core.wire import Http, Response, Wire
from crossdock.testing.chaos.far_end import KEY_KEPT_S
from crossdock.testing.chaos.tokens import LIFE_S
from crossdock.testing.fake_connector import FakeWebhook

SETTLE_S = 30.0


def _body(item: Outbound) -> dict[str, Any]:
    return {"id": item.id, "key": item.key, "marker": item.marker, **item.input}


class _Plain(OneStepAction):
    model = "thing"
    input = "any"
    path = "make"

    def __init__(self, host: str) -> None:
        self.name = host
        self._base = f"https://{host}.example"

    def post(self, path: str, body: Any, *headers: tuple[str, str]) -> Http:
        return Http("POST", f"{self._base}/{path}", (*headers, ("content-type", "application/json")), json.encode(body))

    def request(self, item: Outbound) -> Http:
        return self.post(self.path, _body(item))

    def receipt(self, item: Outbound, answer: Any) -> Receipt:
        return Receipt(remote_id=str(answer["id"]))


class _Finding(_Plain):
    """Has a look-up by the marker."""

    finds = True
    settle_s = SETTLE_S

    def find(self, item: Outbound) -> Steps[Found | None]:
        done = yield Call("find", Http("GET", f"{self._base}/find/{item.marker}"))
        hits = done.answer["hits"]
        return Found(Receipt(remote_id=hits[0]), certain=len(hits) == 1, others=tuple(hits[1:])) if hits else None


class Native(_Plain):
    effects = (EffectClass.NATIVE_KEY,)
    key_retention_s = KEY_KEPT_S

    def request(self, item: Outbound) -> Http:
        return self.post("make", _body(item), ("idempotency-key", item.provider_key("send")))


class Keyed(_Finding):
    """A native key, and a look-up for when the key is of no more help. One record for each entity."""

    effects = (EffectClass.NATIVE_KEY, EffectClass.LOOKUP)
    key_retention_s = KEY_KEPT_S

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        if item.remote_id:
            return {item.id: Receipt(remote_id=item.remote_id)}
        request = self.post("make", _body(item), ("idempotency-key", item.provider_key("send")))
        done = yield Call("send", request, EffectClass.NATIVE_KEY)
        return {item.id: self.receipt(item, done.answer)}


class Upsert(_Plain):
    effects = (EffectClass.UPSERT,)
    whole_state = True

    def request(self, item: Outbound) -> Http:
        return self.post(f"put/{item.key}", _body(item))


class Lookup(_Finding):
    """Creates a record for an entity, and changes it from then on."""

    effects = (EffectClass.LOOKUP,)

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        if item.remote_id:
            yield Call("change", self.post(f"change/{item.remote_id}", _body(item)), EffectClass.UPSERT)
            return {item.id: Receipt(remote_id=item.remote_id)}
        done = yield Call("make", self.post("make", _body(item)), EffectClass.LOOKUP)
        return {item.id: self.receipt(item, done.answer)}


class Inbox(_Plain):
    effects = (EffectClass.INBOX,)

    def request(self, item: Outbound) -> Http:
        return self.post(f"inbox/{item.provider_key('send')}", _body(item))


class Nothing(_Plain):
    effects = (EffectClass.NONE,)


class Batched(_Plain):
    effects = (EffectClass.UPSERT,)
    batch_size = 5

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        ids = tuple(item.id for item in items)
        answer = yield Call("batch", self.post("batch", [_body(item) for item in items]), EffectClass.UPSERT, ids)
        return {
            name: Receipt(remote_id=said.answer["record"])
            for name, said in answer.by_id.items()
            if isinstance(said, Done)
        }


class Steps2(_Plain):
    """Makes something, then says more about it: two effects, each once."""

    effects = (EffectClass.NATIVE_KEY,)
    key_retention_s = KEY_KEPT_S

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        request = self.post("make", _body(item), ("idempotency-key", item.provider_key("make")))
        made = yield Call("make", request, EffectClass.NATIVE_KEY)
        more = {**_body(item), "value": f"{item.input['value']}+"}
        yield Call("more", self.post(f"put/{made.answer['id']}-more", more), EffectClass.UPSERT)
        return {item.id: self.receipt(item, made.answer)}


HOSTS: dict[str, type[_Plain]] = {
    "native": Native,
    "keyed": Keyed,
    "upsert": Upsert,
    "lookup": Lookup,
    "inbox": Inbox,
    "none": Nothing,
    "batch": Batched,
    "steps": Steps2,
}


class Rows(Poll):
    """The rows of a table by (instant, number); many rows share an instant."""

    name = "rows"
    every_s = 5.0
    overlap_s = 0.0

    def read(self, cursor: Any, now: float) -> Steps[Page]:
        at, number = cursor or (0, -1)
        done = yield Call("rows", Http("GET", f"https://polled.example/rows/{at}|{number}"))
        rows = done.answer["rows"]
        parts = [
            Part(identity=str(row["id"]), topic="thing", order_hint=str(row["about"]), body=json.encode(row))
            for row in rows
        ]
        last = (rows[-1]["at"], rows[-1]["number"]) if rows else (at, number)
        return Page(parts, last, done.answer["more"])


class ChaosConnector(Connector):
    name = "chaos"

    def __init__(self, host: str = "") -> None:
        super().__init__(ConnectionSettings())
        self.actions: dict[str, Action] = {host: HOSTS[host](host)} if host in HOSTS else {}
        self.polls = {"rows": Rows()}
        self.webhook = FakeWebhook()

    def account(self, credential: Credential) -> str:
        return credential.account or ""

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        assert isinstance(request, Http)
        token = credential.get("access_token")
        return request.with_headers(("authorization", f"Bearer {token}")) if token else request

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        body = json.encode({"refresh_token": credential.get("refresh_token")})
        done = yield Call("refresh", Http("POST", "https://tokens.example/token", (), body))
        return credential.with_secrets(
            now + LIFE_S, access_token=done.answer["access_token"], refresh_token=done.answer["refresh_token"]
        )

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        verdict = judge_http(response, now)
        if call.step != "batch" or not isinstance(verdict, Done):
            return verdict
        by_id: dict[str, Done | NotDone | Refused] = {}
        for said in verdict.answer["results"]:
            if "error" in said:
                by_id[said["id"]] = Refused(said["error"])
            else:
                by_id[said["id"]] = NotDone(said["later"]) if "later" in said else Done(said)
        return Items(by_id)
