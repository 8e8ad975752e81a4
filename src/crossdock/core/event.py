"""Canonical facts: immutable, keyed, the same however often and by whichever way they were seen."""

from __future__ import annotations

from msgspec import Struct

from crossdock.core.ids import digest, partition_of

STREAM = "events"


class Event(Struct, frozen=True, gc=False):
    """One fact, fixed for ever. The names are those of CloudEvents 1.0 where it has one."""

    id: str
    connection: str
    account: str
    """whose data it is at the platform"""
    model: str
    major: int
    verb: str
    """created | updated | deleted"""
    key: str
    """the entity"""
    partitionkey: str
    """what is kept in order: a refund carries its order's key"""
    version: str
    """the source's own, sortable as text"""
    occurred_at: float
    cause: str
    """the message that said it"""
    origin: str
    """the effect id, when the hub itself made the change; else \"\""""
    trail: str
    """with an origin: the accounts (comma-separated) that the fact has been through; a flow to one of them skips it"""
    data: bytes
    """the model's instance, as JSON"""
    stale: bool = False
    """a newer version of the entity was already known when this one came"""
    number: int = 0
    """place in its partition of `events`, gapless in commit order; given by the store"""
    appended_at: float = 0.0

    @property
    def type(self) -> str:
        return f"{self.model}.{self.verb}"

    @property
    def partition(self) -> int:
        return partition_of(self.partitionkey)

    def about(self) -> dict[str, str]:
        """What maps, filters and key expressions see as $event."""
        return {
            "id": self.id,
            "type": self.type,
            "key": self.key,
            "version": self.version,
            "account": self.account,
        }


def event_id(account: str, model: str, key: str, verb: str, version: str, data: bytes) -> str:
    """The same fact seen by webhook, poll and sweep is one event. `data` is canonical JSON."""
    return digest("event", account, model, key, verb, version, data)
