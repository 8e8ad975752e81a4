"""A connector for the fake platform, with an action of every shape: one request, several steps, a batch, a job."""

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
    Hydrate,
    Inbound,
    ItemId,
    OneStepAction,
    Outbound,
    Part,
    Pause,
    Receipt,
    Rejected,
    Steps,
    Webhook,
)
from crossdock.core.effects import EffectClass
from crossdock.core.judge import judge_http
from crossdock.core.secret import Credential, Secret
from crossdock.core.verdict import Done, Items, NotDone, Refused, Verdict
from crossdock.core.wire import Http, Response
from crossdock.testing.fake_platform import BASE


def _body(item: Outbound) -> dict[str, Any]:
    value = item.input["value"] if isinstance(item.input, dict) else item.input
    return {"id": item.id, "key": item.key, "marker": item.marker, "value": value}


def _post(path: str, body: Any, *headers: tuple[str, str]) -> Http:
    return Http("POST", f"{BASE}/{path}", (("content-type", "application/json"), *headers), json.encode(body))


class _Once(OneStepAction):
    model = "thing"
    input = "any"

    def request(self, item: Outbound) -> Http:
        return _post("create", _body(item))

    def receipt(self, item: Outbound, answer: Any) -> Receipt:
        return Receipt(remote_id=answer["id"], record=answer)


class CreateWithKey(_Once):
    name = "create_with_key"
    effects = (EffectClass.NATIVE_KEY,)

    def request(self, item: Outbound) -> Http:
        return _post("create", _body(item), ("idempotency-key", item.provider_key("send")))


class Put(_Once):
    name = "put"
    effects = (EffectClass.UPSERT,)
    whole_state = True

    def request(self, item: Outbound) -> Http:
        return _post(f"put/{item.key}", _body(item))


class CreateAndLookUp(_Once):
    name = "create_and_look_up"
    effects = (EffectClass.LOOKUP,)
    settle_s = 30.0
    match = ("key",)
    finds = True

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        if item.remote_id:
            return {item.id: Receipt(remote_id=item.remote_id)}
        return (yield from super().perform(items))

    def find(self, item: Outbound) -> Steps[Found | None]:
        for what in (item.marker, item.key):
            done = yield Call(f"find {what}", Http("GET", f"{BASE}/find/{what}"))
            hits = done.answer["hits"]
            if hits:
                return Found(Receipt(remote_id=hits[0]), certain=len(hits) == 1, others=tuple(hits[1:]))
        return None


class CreateOnly(_Once):
    name = "create_only"
    effects = (EffectClass.NONE,)


class TwoSteps(Action):
    """Creates, then labels what was created; both once."""

    name = "two_steps"
    model = "thing"
    input = "any"
    effects = (EffectClass.NATIVE_KEY,)

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        made = yield Call(
            "create",
            _post("create", _body(item), ("idempotency-key", item.provider_key("create"))),
            EffectClass.NATIVE_KEY,
        )
        label = {**_body(item), "value": f"label of {made.answer['id']}"}
        yield Call("label", _post(f"put/label-{made.answer['id']}", label), EffectClass.UPSERT)
        return {item.id: Receipt(remote_id=made.answer["id"])}


class Job(Action):
    """Starts a job at the platform and waits for it without holding a slot."""

    name = "job"
    model = "thing"
    input = "any"
    effects = (EffectClass.NATIVE_KEY,)

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        (item,) = items
        made = yield Call(
            "create",
            _post("create", _body(item), ("idempotency-key", item.provider_key("create"))),
            EffectClass.NATIVE_KEY,
        )
        for turn in range(10):
            state = yield Call(f"look {turn}", Http("GET", f"{BASE}/job/{made.answer['id']}"))
            if state.answer["ready"]:
                break
            yield Pause(f"wait {turn}", 60.0)
        return {item.id: Receipt(remote_id=made.answer["id"])}


class Batch(Action):
    name = "batch"
    model = "thing"
    input = "any"
    effects = (EffectClass.UPSERT,)
    batch_size = 10

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        ids = tuple(item.id for item in items)
        answer = yield Call("batch", _post("batch", [_body(item) for item in items]), EffectClass.UPSERT, ids)
        return {
            name: Receipt(remote_id=said.answer["remote"])
            for name, said in answer.by_id.items()
            if isinstance(said, Done)
        }


class FakeWebhook(Webhook):
    """Body: one item or a list of items {id, topic, about, …}; the header `x-secret` is the secret itself."""

    def verify(self, request: Inbound, secrets: Sequence[Secret], civil: float) -> Rejected | None:
        given = request.headers.get("x-secret", "")
        return None if any(given == secret.reveal() for secret in secrets) else Rejected("signature")

    def split(self, request: Inbound) -> Sequence[Part]:
        said = json.decode(request.body)
        items = said if isinstance(said, list) else [said]
        return [
            Part(
                identity=str(item["id"]),
                topic=item["topic"],
                order_hint=str(item.get("about", item["id"])),
                body=json.encode(item),
                hydrate="thing" if item["topic"] == "thing.id" else "",
                remote_id=str(item.get("about", "")),
            )
            for item in items
        ]


class ReadThing(Hydrate):
    name = "thing"

    def fetch(self, parts: Mapping[str, str]) -> Steps[Mapping[str, Any]]:
        found: dict[str, Any] = {}
        for part, remote_id in parts.items():
            done = yield Call(f"read {part}", Http("GET", f"{BASE}/read/{remote_id}"))
            if done.answer:
                found[part] = done.answer
        return found


class FakeConnector(Connector):
    name = "fake"
    settings_type = ConnectionSettings

    def __init__(self, settings: ConnectionSettings) -> None:
        super().__init__(settings)
        kinds = (CreateWithKey, Put, CreateAndLookUp, CreateOnly, TwoSteps, Job, Batch)
        self.actions = {kind.name: kind() for kind in kinds}
        self.hydrates = {"thing": ReadThing()}
        self.fetches = {"thing": ("thing", "record")}
        self.webhook = FakeWebhook()

    def account(self, credential: Credential) -> str:
        return credential.account or "fake.example"

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        if call.effect is None and response.status == 404:
            return Done(None)
        if response.status == 409:
            return NotDone("stale", stale=True)
        verdict = judge_http(response, now)
        if call.step != "batch" or not isinstance(verdict, Done):
            return verdict
        return Items(
            {
                said["id"]: Refused(said["error"]) if "error" in said else Done(said)
                for said in verdict.answer["results"]
            }
        )
