"""The door to a platform. A connector says what to send and what an answer means; it never touches a socket, a clock
or a token store. The engine sends, retries, limits, signs, journals and measures, once for all of them.

A simple action subclasses `OneStepAction` and fills in `request` and `receipt`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeVar

from msgspec import Struct, field
from pydantic import BaseModel, ConfigDict

from crossdock.core.effects import EffectClass, effect_id, provider_key
from crossdock.core.judge import judge_http
from crossdock.core.limits import AuthExpired, Budget, Limit
from crossdock.core.secret import Credential, Secret
from crossdock.core.verdict import Done, Items, Verdict
from crossdock.core.wire import Response, Wire

T = TypeVar("T")
ItemId = str
PartId = str


class ConnectionSettings(BaseModel):
    """What a person writes under `settings:` of a connection. Subclasses describe every field, with an example."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


# --- steps ------------------------------------------------------------------------------------------------------


class Call(Struct, frozen=True, gc=False):
    """One request and what it is."""

    step: str
    """stable name, part of the effect id; unique within one run of the steps"""
    request: Wire
    effect: EffectClass | None = None
    """None: a read"""
    items: tuple[ItemId, ...] = ()
    """which items' effects it carries; () = all of them"""
    cost: Mapping[str, float] = field(default_factory=dict)
    """drawn from the account's budgets, on top of 1 of `requests`"""
    into: Literal["memory", "payload"] = "memory"
    """big answers are streamed to a payload"""


class Pause(Struct, frozen=True, gc=False):
    """Wait for an asynchronous job: persisted, holds no slot. `step` names it, so that it is waited for once."""

    step: str
    wait_s: float


Steps = Generator[Call | Pause, Any, T]
"""Pure. Sent `Done` (or `Items` for a call that carries several) after each Call, None after each Pause. After a crash
it is driven again from the journalled answers and must then ask for the same requests."""


# --- actions ----------------------------------------------------------------------------------------------------


class Outbound(Struct, frozen=True, gc=False):
    """One item for an action, frozen with the first intent."""

    id: ItemId
    input: Any
    """the action's input: a JSON value that its schema accepts"""
    key: str
    """the entity's key in the hub"""
    seed: str
    """what this item's effect ids are made of"""
    marker: str
    """short text (≤ 20 characters) to write into the record, by which `find` can know it again"""
    remote_id: str = ""
    """the record that is linked to the key at the destination, "" when there is none yet"""
    remote_version: str = ""
    """that record's version as last written or read (SyncToken, updatedAt); may be out of date"""
    needs: Mapping[str, str] = field(default_factory=dict)
    """need → the linked remote id"""
    revision: int = 0
    now: float = 0.0
    """civil time of the first intent: the only time a request may hold"""

    def effect_id(self, step: str) -> str:
        return effect_id(self.seed, step)

    def provider_key(self, step: str) -> str:
        """The platform's idempotency key for this step: 32 hex digits, new with each revision."""
        return provider_key(self.effect_id(step), self.revision)


class Receipt(Struct, frozen=True, gc=False):
    """What became of one item."""

    remote_id: str = ""
    version: str = ""
    """the platform's version of the record"""
    record: Any = None
    """the record as the platform answered it: source of the echo's fingerprint"""
    url: str = ""
    """where a person can look at it"""
    note: str = ""
    """what a person should know, e.g. "cut to 500 characters" """


class Found(Struct, frozen=True, gc=False):
    """A record that `find` came upon. `certain`: marker and content both agree, or a unique match key does; what is not
    certain is held for a person. Two hits are reported in `others`, never guessed between."""

    receipt: Receipt
    certain: bool = True
    others: tuple[str, ...] = ()
    why: str = ""


class Action:
    """What a connector can do. Class attributes are its spec; the guarantee of a flow follows from them."""

    name: str
    model: str
    """the canonical model whose entity the action writes; its cross-references are of this model"""
    input: str | Mapping[str, Any]
    """a canonical model's name, or a JSON Schema; "any" accepts every JSON value"""
    effects: tuple[EffectClass, ...]
    key_retention_s: float = 86_400.0
    """native_key: how long the platform is known to remember a key"""
    settle_s: float = 0.0
    """lookup: how long after an unknown outcome the platform's index needs before `find` can be believed"""
    match: tuple[str, ...] = ()
    """match keys by which `find` looks for a record that exists before the hub's first write, in words for a person"""
    batch_size: int = 1
    whole_state: bool = False
    """the input says all of the entity: a newer event may replace an older one that waits (`collapse: latest`)"""
    finds: bool = False
    """has a `find`"""
    echo: str = ""
    """topic whose inbound map reads the receipt's `record`: how the hub knows its own writes when they come back"""
    links: bool = True
    """records a cross-reference for (destination account, model, key)"""

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        """Sends what is needed and returns a receipt for each item that an answer said is done.

        An item with a `remote_id` exists already (linked, or adopted by `find`): it is brought up to date, or, where
        the record never changes, gets its receipt without a call. Raises ForAPerson when what it was given cannot
        be sent."""
        raise NotImplementedError

    def find(self, item: Outbound) -> Steps[Found | None]:
        """Looks for the item's record: resolves unknowns, and adopts records that exist before a first create."""
        raise NotImplementedError
        yield  # a generator, like every Steps


class OneStepAction(Action):
    """An action of one request an item."""

    step: ClassVar[str] = "send"

    def request(self, item: Outbound) -> Wire:
        raise NotImplementedError

    def receipt(self, item: Outbound, answer: Any) -> Receipt:
        """`answer` is what the verdict `Done` held."""
        raise NotImplementedError

    def cost(self, item: Outbound) -> Mapping[str, float]:
        return {}

    def perform(self, items: Sequence[Outbound]) -> Steps[Mapping[ItemId, Receipt]]:
        receipts: dict[ItemId, Receipt] = {}
        for item in items:
            step = self.step if len(items) == 1 else f"{self.step}:{item.id}"
            done = yield Call(step, self.request(item), self.effects[0], (item.id,), self.cost(item))
            receipts[item.id] = self.receipt(item, done.answer)
        return receipts


# --- what comes in ----------------------------------------------------------------------------------------------


class Inbound(Struct, frozen=True, gc=False):
    """A webhook request as it came, before anything is believed. Header names are lower case."""

    method: str
    url: str
    """the public URL, as the sender signed it"""
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    remote: str = ""


class Reply(Struct, frozen=True, gc=False):
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Rejected(Struct, frozen=True, gc=False):
    """Not authenticated. `reason`, which is counted, is one of: missing, signature, clock, scheme, unsupported.
    `detail` is a sentence for whoever sent it, so it says what was checked and nothing that is secret."""

    reason: str
    detail: str = ""


class Part(Struct, frozen=True, gc=False):
    """One item of an arrival, a poll page or a hydrate."""

    identity: str
    """the platform's id for the item: the same when it is sent again"""
    topic: str
    order_hint: str
    """what must be kept in order, usually the entity's remote id"""
    body: bytes
    content: bytes = b""
    """the body without delivery counters; \"\" = the body"""
    hydrate: str = ""
    """name of the Hydrate that fetches the record; \"\" = the body is the record"""
    remote_id: str = ""
    """the record's id, for a hydrate"""


class Webhook:
    """How a platform pushes. Pure: works on bytes and headers only."""

    keep_headers: tuple[str, ...] = ()
    """headers kept with the arrival, lower case"""
    secret: str = "webhook_secret"  # noqa: S105 - its name, not itself
    """name of the credential's secret that signs; while it is being rotated, `<name>_previous` is let in too"""

    def challenge(self, request: Inbound, credential: Credential) -> Reply | None:
        """A handshake's answer, or None when the request is none."""
        return None

    def verify(self, request: Inbound, secrets: Sequence[Secret], civil: float) -> Rejected | None:
        """None when the raw bytes are authentic. `secrets` may hold two (rotation); any that fits will do; an empty
        list rejects."""
        raise NotImplementedError

    def split(self, request: Inbound) -> Sequence[Part]:
        """The items. Raises ValueError when the authenticated body cannot be understood: then it is one quarantined
        message."""
        raise NotImplementedError

    def answer(self) -> Reply:
        """What a committed arrival is answered with."""
        return Reply(200)


class Page(Struct, frozen=True, gc=False):
    parts: Sequence[Part]
    cursor: Any
    """JSON; where the next read goes on"""
    more: bool = False
    """another page waits: read again at once"""


class Poll:
    """How a platform is asked. The engine keeps the cursor (committed with the page's rows) and owns the overlap."""

    name: str
    every_s: float = 60.0
    overlap_s: float = 120.0
    """how far back a fresh round starts behind the cursor's instant"""

    def read(self, cursor: Any, now: float) -> Steps[Page]:
        """`cursor` None = the first time."""
        raise NotImplementedError


class Hydrate:
    """Platforms that send only ids: fetches the records."""

    name: str
    batch_size: int = 1

    def fetch(self, parts: Mapping[PartId, str]) -> Steps[Mapping[PartId, Any]]:
        """part id → remote id in; part id → record out; a record that does not exist (any more) is left out."""
        raise NotImplementedError


# --- the connector ----------------------------------------------------------------------------------------------


class OAuth:
    """Authorization code with PKCE, and how the platform's tokens are renewed."""

    scopes: ClassVar[tuple[str, ...]] = ()

    def authorize_url(self, credential: Credential, redirect_uri: str, state: str, challenge: str) -> str:
        raise NotImplementedError

    def redeem(
        self,
        credential: Credential,
        redirect_uri: str,
        verifier: str,
        callback: Mapping[str, str],
        now: float,
    ) -> Steps[Credential]:
        """From the callback's query to tokens. `now` is civil time."""
        raise NotImplementedError


class Connector:
    """One platform, configured. Everything it offers is named in class attributes or built in `__init__`."""

    name: ClassVar[str]
    title: ClassVar[str] = ""
    settings_type: ClassVar[type[ConnectionSettings]] = ConnectionSettings
    secrets: tuple[str, ...] = ()
    """secrets a connection needs before it can start; those that `connect` obtains are not listed"""
    limits: Sequence[Limit] = ()

    def __init__(self, settings: ConnectionSettings) -> None:
        self.settings = settings
        self.actions: Mapping[str, Action] = {}
        self.polls: Mapping[str, Poll] = {}
        self.hydrates: Mapping[str, Hydrate] = {}
        self.fetches: Mapping[str, tuple[str, str]] = {}
        """canonical model → (hydrate, topic) by which one of its records is fetched when a flow needs it"""
        self.webhook: Webhook | None = None
        self.oauth: OAuth | None = None
        self.maps: Mapping[str, str] = {}
        """topic → jq source, from the platform's record to events: each output is
        {model, verb, id (remote id), version, data, partition?: {model, id}}. A topic without a map is ignored, and
        counted. The topic `*` catches the rest."""

    def account(self, credential: Credential) -> str:
        """Whose data it is at the platform: shop domain, realmId, portalId, or the host for a plain API."""
        raise NotImplementedError

    def sign(self, request: Wire, credential: Credential, civil: float, nonce: str) -> Wire:
        """At every attempt, after freezing: no token is ever journalled."""
        return request

    def judge(self, call: Call, response: Response, now: float) -> Verdict:
        return judge_http(response, now)

    def learn(self, call: Call, response: Response) -> Sequence[Budget | AuthExpired]:
        """What an answer says about budgets and tokens. By default a 401 means a token to refresh."""
        return [AuthExpired(f"HTTP {response.status}")] if response.status == 401 else []

    def refresh(self, credential: Credential, now: float) -> Steps[Credential]:
        """Renews tokens; run under the token's lease. Raises CredentialError (through the steps) when a person must
        reconnect. `now` is civil time."""
        raise NotImplementedError
        yield

    @property
    def refreshes(self) -> bool:
        """Whether `refresh` is there."""
        return type(self).refresh is not Connector.refresh


__all__ = [
    "Action", "AuthExpired", "Budget", "Call", "ConnectionSettings", "Connector", "Done", "Found", "Hydrate",
    "Inbound", "ItemId", "Items", "Limit", "OAuth", "OneStepAction", "Outbound", "Page", "Part", "Pause", "Poll",
    "Receipt", "Rejected", "Reply", "Steps", "Webhook",
]  # fmt: skip
