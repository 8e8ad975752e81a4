"""What came in: an arrival, once, and the messages it holds."""

from __future__ import annotations

from msgspec import Struct

from crossdock.core.ids import digest, partition_of
from crossdock.core.states import MessageState
from crossdock.core.wire import PayloadRef


class Arrival(Struct, frozen=True, gc=False):
    """One webhook request, poll page or broker frame, as it came."""

    id: str
    connection: str
    received_at: float
    headers: bytes
    """JSON object of the headers worth keeping; never credentials or signatures"""
    payload: PayloadRef


class Message(Struct, frozen=True, gc=False):
    """One item of an arrival, as the platform worded it."""

    id: str
    arrival_id: str
    connection: str
    topic: str
    """the platform's word for what happened: `orders/create`, `qbo.invoice.updated.v1`"""
    order_hint: str
    """messages that share it are normalised in the order in which they came"""
    content_hash: str
    """over the body without delivery counters: the same id with other content is a conflict"""
    body: PayloadRef
    received_at: float
    hydrate: str = ""
    """the connector's Hydrate that fetches the record; "" = the body is the record"""
    remote_id: str = ""
    """the record's id at the platform, for a hydrate"""
    state: MessageState = MessageState.RECEIVED
    reason: str = ""
    number: int = 0
    """place in its partition of `inbox/<connection>`, gapless in commit order; given by the store"""

    @property
    def stream(self) -> str:
        return f"inbox/{self.connection}"

    @property
    def partition(self) -> int:
        return partition_of(self.order_hint)


def message_id(connection: str, identity: str) -> str:
    """(connection, the platform's id for the item)."""
    return digest("message", connection, identity)
