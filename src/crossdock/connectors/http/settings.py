"""What a person writes about a webhook that comes in and a REST API that is called."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from crossdock.connectors.http.paths import Source, check_path, check_template, fields_of
from crossdock.core.connector import ConnectionSettings
from crossdock.core.signatures import TOLERANCE_S, Scheme, scheme

TOKEN = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"  # noqa: S105 - RFC 9110's name for what a header is called
RESERVED_HEADERS = {"authorization", "content-length", "host", "transfer-encoding", "connection"}


def _source(text: str) -> str:
    Source.parse(text)
    return text


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write the whole URL, as in https://api.example.com/v1")
    if parts.username or parts.password:
        raise ValueError("a URL may hold no password: use `auth` and `crossdock secrets set`")
    if parts.query or parts.fragment:
        raise ValueError("write the URL without ? and #")
    return text.rstrip("/")


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} must start with /; it is added to base_url")
    return check_template(text)


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not name or not all(char.isalnum() or char in "!#$%&'*+.^_`|~-" for char in name) or not name.isascii():
            raise ValueError(f"{name!r} is no header name")
        if name.lower() in RESERVED_HEADERS:
            raise ValueError(f"{name} is not written here: the hub sets it itself, and `auth` holds credentials")
        if any(char in value for char in "\r\n\0"):
            raise ValueError(f"the value of {name} holds a line break")
        check_template(value)
    return headers


DottedPath = Annotated[str, AfterValidator(check_path)]
SourceText = Annotated[str, AfterValidator(_source)]
UrlPath = Annotated[str, AfterValidator(_path)]
Template = Annotated[str, AfterValidator(check_template)]
Headers = Annotated[dict[str, str], AfterValidator(_headers)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Signature(Part):
    """How a sender proves who it is. The secret is set with `crossdock secrets set CONNECTION webhook_secret`."""

    scheme: str = Field(
        description="hmac-sha256-hex or -base64 (also sha1, sha512), standard-webhooks, basic, key-header, none.",
        examples=["hmac-sha256-hex", "standard-webhooks"],
    )
    header: str = Field(default="", description="The header with the signature or the key.", examples=["X-Signature"])
    prefix: str = Field(default="", description="What stands before the signature.", examples=["sha256="])
    signed: str = Field(
        default="{body}",
        description="What is signed: text with {body}, {timestamp}, {id}, {method}, {url}.",
        examples=["{timestamp}.{body}"],
    )
    timestamp_header: str = Field(default="", description="The header with the signed time.")
    timestamp_unit: Literal["s", "ms"] = "s"
    id_header: str = Field(default="", description="The header with the signed id.")
    tolerance: float = Field(default=TOLERANCE_S, gt=0, le=3600, description="Seconds that a signed time may be off.")
    username: str = Field(default="", description="Scheme basic: the user name; the secret is the password.")
    insist: bool = Field(default=False, description="Scheme none: yes, take what anybody sends from `sources`.")
    sources: tuple[str, ...] = Field(default=(), description="Scheme none: networks to take requests from.")

    @property
    def check(self) -> Scheme:
        """Raises ValueError where the settings do not fit together."""
        return scheme(
            self.scheme,
            header=self.header,
            prefix=self.prefix,
            signed=self.signed,
            timestamp_header=self.timestamp_header,
            timestamp_unit=self.timestamp_unit,
            id_header=self.id_header,
            tolerance_s=self.tolerance,
            username=self.username,
            insist=self.insist,
            sources=self.sources,
        )

    @model_validator(mode="after")
    def _fits(self) -> Signature:
        _ = self.check
        return self


class WebhookSettings(Part):
    """A webhook that comes in."""

    signature: Signature = Field(description="How the sender proves who it is.")
    id: SourceText = Field(
        default="header:webhook-id | header:x-request-id | item.id | content",
        description="The sender's id for a message, the same when it sends it again. `content`: equal bodies are one.",
    )
    topic: SourceText = Field(default="text:webhook", description="What happened.", examples=["body.type"])
    order_by: SourceText = Field(
        default="item.id | content",
        description="What must be kept in order, usually the record's id.",
        examples=["item.order.id"],
    )
    items: DottedPath | None = Field(
        default=None,
        description="Path of a list in the body whose members are messages. An empty path: the body is the list.",
        examples=["events", ""],
    )
    keep_headers: tuple[Annotated[str, Field(pattern=TOKEN)], ...] = Field(
        default=(), description="Headers to keep with what came in.", examples=[["X-Shop"]]
    )


class Auth(Part):
    """How calls prove who they are. The secrets are set with `crossdock secrets set CONNECTION`."""

    kind: Literal["none", "bearer", "basic", "header"] = Field(
        default="none",
        description="bearer: secret `token`. basic: secrets `username` and `password`. header: secret `api_key`.",
    )
    header: Annotated[str, Field(pattern=TOKEN)] = Field(
        default="X-Api-Key", description="kind `header`: the header that carries the key."
    )


class Success(Part):
    """What a good answer looks like."""

    statuses: tuple[int | Literal["2xx"], ...] = Field(
        default=("2xx",),
        description="Statuses that mean it is done. Add 409 where it means `is there already`, 404 where gone is fine.",
        examples=[["2xx", 409]],
    )
    equals: dict[DottedPath, str | int | bool | None] = Field(
        default={}, description="What the answer must say, by path.", examples=[{"ok": True}]
    )


class Find(Part):
    """How to look for a record: after an answer that never came, and before a first create."""

    path: UrlPath = Field(description="A GET. May ask with {hub.marker}.", examples=["/orders?reference={hub.marker}"])
    items: DottedPath | None = Field(
        default=None, description="Path of the list of hits; none = the answer is the hit."
    )
    id: DottedPath = Field(default="id", description="Path of the record's id in a hit.")
    match: dict[DottedPath, Template] = Field(
        description="What a hit must say to be the record, by path; the values are templates.",
        examples=[{"reference": "{hub.marker}", "total": "{total.amount}"}],
    )
    settle: float = Field(
        default=0.0, ge=0, le=3600, description="Seconds that the platform's search needs before it shows a new record."
    )

    @model_validator(mode="after")
    def _something_to_match(self) -> Find:
        if not self.match:
            raise ValueError(
                "match: say at least one thing that a hit must agree on; the first hit is never just believed"
            )
        return self


class Update(Part):
    """How a record that is linked already is brought up to date."""

    method: Literal["PUT", "PATCH", "POST"] = "PUT"
    path: UrlPath = Field(description="Usually with {hub.remote_id}.", examples=["/orders/{hub.remote_id}"])


class ActionSettings(Part):
    """One call of a REST API. {fields} are taken from the input; {hub.key}, {hub.marker}, {hub.remote_id} and
    {hub.needs.NAME} from the hub."""

    model: str = Field(default="record", description="The model whose entity is written.", examples=["order"])
    input: str | dict[str, Any] = Field(
        default="any", description="A model's name or a JSON Schema that the input must meet.", examples=["order"]
    )
    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "POST"
    path: UrlPath = Field(description="Added to base_url.", examples=["/orders", "/orders/{number}"])
    headers: Headers = Field(default={}, description="Added to the connection's headers.")
    body: DottedPath | Literal["none"] | None = Field(
        default=None, description="Path of the part of the input to send; left out: all of it; none: no body."
    )
    encoding: Literal["json", "form"] = "json"
    idempotency_header: Annotated[str, Field(pattern=TOKEN)] | None = Field(
        default=None,
        description="Header by which the API knows a repeat and answers it with its first result.",
        examples=["Idempotency-Key"],
    )
    remembers_hours: float = Field(
        default=24.0, gt=0, le=24 * 400, description="How long the API remembers such a key."
    )
    upsert: bool = Field(
        default=False, description="The path or the body holds the record's own id, so a repeat writes the same record."
    )
    marker: DottedPath | None = Field(
        default=None,
        description="Path in the body where the hub writes a short mark, by which `find` knows its record again.",
        examples=["metadata.crossdock"],
    )
    update: Update | None = Field(
        default=None, description="The call for a record that is linked; left out: the same call."
    )
    find: Find | None = Field(default=None, description="How to look for a record.")
    success: Success = Field(default=Success(), description="What a good answer looks like.")
    id: DottedPath = Field(default="id", description="Path of the record's id in the answer.")
    version: DottedPath | None = Field(default=None, description="Path of the record's version in the answer.")
    whole_state: bool = Field(
        default=True, description="The input says all of the record, so a newer one may replace one that still waits."
    )

    @model_validator(mode="after")
    def _consistent(self) -> ActionSettings:
        if self.upsert and self.method == "POST" and not (fields_of(self.path) or self.body is None):
            raise ValueError("upsert: the request must hold the record's own id, in its path or its body")
        if self.marker is not None and (self.body == "none" or self.method in {"GET", "DELETE"}):
            raise ValueError("marker: this call has no body to write it into")
        if self.find is not None and self.marker is None and "{hub.marker}" in self.find.path:
            raise ValueError("find asks for {hub.marker}, but `marker` does not say where the hub writes it")
        if "hub.remote_id" in fields_of(self.path) and self.update is None:
            raise ValueError(
                "path: {hub.remote_id} is not known before the record exists; put this path under `update`"
            )
        return self


class HttpSettings(ConnectionSettings):
    """Any webhook in, any REST call out."""

    base_url: Annotated[str, AfterValidator(_base_url)] | None = Field(
        default=None, description="Where the API is.", examples=["https://api.example.com/v1"]
    )
    auth: Auth = Field(default=Auth(), description="How calls prove who they are.")
    headers: Headers = Field(default={}, description="Sent with every call.", examples=[{"Accept-Language": "en"}])
    webhook: WebhookSettings | None = Field(default=None, description="A webhook that comes in.")
    actions: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ActionSettings] = Field(
        default={}, description="Calls by name. Without any there is `send`: POST the input to base_url."
    )
    per_second: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Calls a second that the API allows. Left out: as many as there are; a 429 is heeded either way.",
        examples=[10],
    )
    concurrency: int = Field(default=16, ge=1, le=1_000, description="Calls at once that the API allows.")

    @model_validator(mode="after")
    def _complete(self) -> HttpSettings:
        if self.base_url is None and self.webhook is None:
            raise ValueError("write `base_url` to call an API, `webhook` to receive, or both")
        if self.base_url is None and self.actions:
            raise ValueError("base_url: actions need to know where the API is, as in https://api.example.com/v1")
        return self
