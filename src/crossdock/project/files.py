"""What a person writes in a project: crossdock.yaml, connections/*.yaml and flows/*.yaml, key by key."""

from __future__ import annotations

import datetime
import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from crossdock.project.duration import Duration

NAME = r"[a-z][a-z0-9_-]{0,62}"
EVENT = re.compile(r"[a-z][a-z0-9_]*\.(created|updated|deleted)", re.ASCII)


class Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=False)


def _allowed(entry: str) -> str:
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        host, colon, port = entry.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("should be host:port, or a network such as 10.20.0.0/16") from None
    return entry


def _https(url: str) -> str:
    if not url.startswith(("https://", "http://")) or "?" in url or "#" in url or "@" in url:
        raise ValueError("should be the whole address without ? and #, as in https://hub.example.com")
    return url.rstrip("/")


def _store(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    if scheme == "sqlite" and colon and rest and "\0" not in rest:
        return url
    if scheme not in ("postgres", "postgresql"):
        raise ValueError("should be sqlite:FILE or postgresql://USER@HOST/DATABASE")
    if ":" in rest.rpartition("@")[0].removeprefix("//"):
        raise ValueError("may hold no password: put it into PGPASSWORD or ~/.pgpass")
    return url


def _event_type(text: str) -> str:
    if not EVENT.fullmatch(text):
        raise ValueError("should be a model and what happened (created, updated or deleted), as in order.created")
    return text


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError("should be small letters, digits, - and _, beginning with a letter")
    return text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _beginning(value: Any) -> Any:
    if value in ("now", "beginning"):
        return value
    try:
        at = datetime.datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueError("should be `now`, `beginning`, or a date or time as in 2026-11-01") from None
    return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).timestamp()


def _every(value: Any) -> Any:
    return "off" if value is False else value


Url = Annotated[str, AfterValidator(_https)]
InsidePlace = Annotated[str, AfterValidator(_allowed)]
Word = Annotated[str, Field(min_length=1, max_length=4096)]
EventType = Annotated[str, AfterValidator(_event_type)]
HubName = Annotated[str, AfterValidator(_name)]


# --- crossdock.yaml ---------------------------------------------------------------------------------------------


class Listen(Written):
    """Where the hub's own HTTP face is: webhooks, the events API, health, metrics."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on. 0.0.0.0 lets every machine on the network in.",
        examples=["0.0.0.0"],  # noqa: S104
    )
    port: int = Field(default=8420, ge=1, le=65535, description="Port to listen on.", examples=[8420])


class Retention(Written):
    """How long the hub remembers. Cross-references are kept for ever; each of these at least as long as the next."""

    effects: Duration = Field(
        default=90 * 86_400.0,
        description="What was done at the destinations, once it is settled: what keeps a replay from doing it again.",
        examples=["365d"],
    )
    events: Duration = Field(
        default=90 * 86_400.0, description="Canonical events: how far back a new flow can begin.", examples=["90d"]
    )
    messages: Duration = Field(
        default=90 * 86_400.0, description="That something came in, and what became of it.", examples=["90d"]
    )
    payloads: Duration = Field(
        default=90 * 86_400.0, description="The bytes that came in and went out.", examples=["30d"]
    )


class Egress(Written):
    """Outgoing calls go by https to public addresses, unless a place is named here."""

    allow: tuple[InsidePlace, ...] = Field(
        default=(),
        description="Inside hosts and plain http that may be called: host:port, or a network.",
        examples=[["erp.internal:8080", "10.20.0.0/16"]],
    )


class Override(Written):
    """What is different about one connection in one environment."""

    settings: dict[str, Any] = Field(
        default={},
        description="Merged over the connection's settings, key by key.",
        examples=[{"base_url": "https://api.test.example.com"}],
    )
    account: Word | None = Field(
        default=None, description="Whose data it is at the platform.", examples=["joannas-test.myshopify.com"]
    )
    public_url: Url | None = Field(
        default=None,
        description="Address at which this connection's webhooks reach the hub.",
        examples=["https://hooks.example.com/hooks/shopify"],
    )


class Environment(Written):
    """A parallel landscape of the same project, with a store of its own."""

    store: Annotated[str, AfterValidator(_store)] | None = Field(
        default=None,
        description="Where the hub keeps everything. `sqlite:` and a file, from the project's folder on; the default "
        "is sqlite:.crossdock/ENVIRONMENT.db. Or postgresql://USER@HOST/DATABASE.",
        examples=["sqlite:/var/lib/crossdock/shop.db"],
    )
    public_url: Url | None = Field(
        default=None,
        description="Address of the hub as senders of webhooks see it; /hooks/CONNECTION is added.",
        examples=["https://hub.example.com"],
    )
    listen: Listen | None = Field(
        default=None, description="In place of the project's `listen`.", examples=[{"port": 9420}]
    )
    egress: Egress = Field(
        default=Egress(), description="Added to what the connections allow.", examples=[{"allow": ["localhost:9001"]}]
    )
    connections: dict[str, Override] = Field(
        default={},
        description="What is different about connections here.",
        examples=[{"quickbooks": {"account": "4620816365"}}],
    )


class Environments(Written):
    """The environments there are, each with what is different about it."""

    sandbox: Environment = Field(
        default=Environment(), description="For trying things out.", examples=[{"listen": {"port": 9420}}]
    )
    staging: Environment = Field(
        default=Environment(), description="As production, with other accounts.", examples=[{"store": "sqlite:s.db"}]
    )
    production: Environment = Field(
        default=Environment(), description="The real thing.", examples=[{"public_url": "https://hub.example.com"}]
    )


class HubFile(Written):
    """crossdock.yaml, at the top of a project."""

    name: HubName = Field(description="What the hub is called.", examples=["joannas-shop"])
    description: str = Field(default="", description="What it is for.", examples=["Orders into the books."])
    listen: Listen = Field(default=Listen(), description="Where the hub listens.", examples=[{"port": 8420}])
    retention: Retention = Field(
        default=Retention(), description="How long the hub remembers.", examples=[{"effects": "365d"}]
    )
    egress: Egress = Field(
        default=Egress(),
        description="Inside places that may be called, in every environment.",
        examples=[{"allow": ["10.20.0.0/16"]}],
    )
    environments: Environments = Field(
        default=Environments(),
        description="What is different in `sandbox`, `staging` and `production`.",
        examples=[{"production": {"public_url": "https://hub.example.com"}}],
    )


# --- connections/*.yaml -----------------------------------------------------------------------------------------


class ConnectionFile(Written):
    """connections/NAME.yaml: a connector, configured."""

    connector: str = Field(description="The code that knows the platform.", examples=["http", "shopify"])
    description: str = Field(default="", description="What it is.", examples=["The shop."])
    settings: dict[str, Any] = Field(
        default={},
        description="What the connector wants to know; its README lists it. Never a secret.",
        examples=[{"base_url": "https://api.example.com"}],
    )
    account: Word | None = Field(
        default=None,
        description="Whose data it is at the platform. A hub whose credentials lead to another account stops.",
        examples=["joannas-mugs.myshopify.com"],
    )
    public_url: Url | None = Field(
        default=None,
        description="Address at which its webhooks reach the hub, where it does not follow from the environment's.",
        examples=["https://hooks.example.com/hooks/shopify"],
    )
    webhook: bool = Field(
        default=True,
        description="false: its webhooks are not taken; for a hub behind NAT, which polls.",
        examples=[False],
    )
    polls: dict[str, Annotated[Duration | Literal["off"], BeforeValidator(_every)]] = Field(
        default={},
        description="How often the platform is asked, by the poll's name, or `off`. What is not named keeps the "
        "connector's own pace.",
        examples=[{"orders": "60s"}],
    )
    maps: dict[str, str] = Field(
        default={},
        description="Topic → file in maps/ that turns what comes in into events. Adds to the connector's own or "
        "replaces one; `*` catches topics without a map.",
        examples=[{"order.paid": "inbound-order.jq"}],
    )
    timeout: Duration = Field(
        default=30.0,
        ge=0.1,
        le=600,
        description="For one answer, when the hub reads what came as an id alone, or polls. A flow has its own.",
        examples=["30s"],
    )
    egress: Egress = Field(
        default=Egress(), description="Inside places that may be called.", examples=[{"allow": ["erp.internal:8080"]}]
    )


# --- flows/*.yaml -----------------------------------------------------------------------------------------------


class NeedPart(Written):
    """An entity that must be linked at the destination first."""

    key: Word = Field(
        description="jq: from the event's data to the entity's key. Null = nothing is needed.",
        examples=[".customer.key"],
    )
    model: Word | None = Field(
        default=None, description="The entity's model; left out: the need's own name.", examples=["customer"]
    )
    within: Duration = Field(default=900.0, description="How long the delivery waits for it.", examples=["15m"])
    then: Literal["hold", "fetch"] = Field(
        default="hold",
        description="What happens then. `hold`: a person decides. `fetch`: the hub reads the entity where it comes "
        "from, and waits as long once more.",
        examples=["fetch"],
    )


class RetryPart(Written):
    """When a delivery that was not done is tried again: the wait doubles each time."""

    attempts: int = Field(default=12, ge=1, le=1000, description="Tries in all.", examples=[12])
    first_delay: Duration = Field(default=2.0, description="Wait after the first one.", examples=["2s"])
    max_delay: Duration = Field(default=300.0, description="The longest wait.", examples=["5m"])


class FlowFile(Written):
    """flows/NAME.yaml: when this event, do this action on that connection."""

    description: str = Field(default="", description="What it is for.", examples=["A paid order becomes an invoice."])
    on: Annotated[tuple[EventType, ...], BeforeValidator(_listed), Field(min_length=1)] = Field(
        description="Types of events, model.verb; a verb is created, updated or deleted.",
        examples=[["order.created", "order.updated"]],
    )
    where: Word | None = Field(
        default=None,
        description="jq: the flow takes the event when the first output is neither false nor null.",
        examples=['.financial_status == "paid"'],
    )
    on_leave: Literal["keep"] | None = Field(
        default=None,
        description="`keep`: an entity that leaves the filter later keeps what was written of it. It does in any case; "
        "said, `check` does not warn of it.",
        examples=["keep"],
    )
    to: str = Field(description="The connection to write to.", examples=["quickbooks"])
    action: str = Field(description="What to do there; one of the connector's actions.", examples=["upsert_invoice"])
    needs: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], NeedPart] = Field(
        default={},
        description="Entities that must be linked at the destination first, by a name of your own. The map finds their "
        "ids there in $needs.",
        examples=[{"customer": {"key": ".customer.key"}}],
    )
    map: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="A file in maps/, or the jq program itself. Left out where the action takes the event's model.",
        examples=["order-to-invoice.jq"],
    )
    each: bool = Field(
        default=False,
        description="The map makes many outputs, each {item: its own stable key, input: the action's input}.",
        examples=[True],
    )
    retry: RetryPart = Field(
        default=RetryPart(), description="When to try again.", examples=[{"attempts": 20, "max_delay": "10m"}]
    )
    on_dead: Literal["block", "skip"] = Field(
        default="block",
        description="After a dead letter, later events of its key wait (`block`) or go on (`skip`).",
        examples=["skip"],
    )
    on_unknown: Literal["hold", "resend"] = Field(
        default="hold",
        description="Only for actions that cannot be made to happen once: an unknown outcome is held for a person, or "
        "sent again, which may do it twice.",
        examples=["resend"],
    )
    collapse: Literal["latest", "none"] | None = Field(
        default=None,
        description="`latest`: a newer event replaces older ones of its key that still wait. The default where the "
        "action writes the whole state.",
        examples=["none"],
    )
    begin: Annotated[Literal["now", "beginning"] | float, BeforeValidator(_beginning)] = Field(
        default="now",
        alias="from",
        description="Where a new flow starts: `now`, `beginning` (the oldest event that is kept), or a date.",
        examples=["2026-11-01"],
    )
    in_flight: int = Field(default=64, ge=1, le=10_000, description="Deliveries at work at once.", examples=[64])
    timeout: Duration = Field(default=30.0, ge=0.1, le=600, description="For one attempt in all.", examples=["30s"])
