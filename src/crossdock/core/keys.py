"""How an entity of a platform is named inside the hub."""

from __future__ import annotations

from dataclasses import dataclass, field


def native_key(connection: str, remote_id: str) -> str:
    """The key of an entity that no cross-reference names yet."""
    return f"{connection}:{remote_id}"


@dataclass(slots=True)
class EntityKeys:
    """The function `entity_key(model; id)` of an inbound map. It notes what a run asked for; the normaliser looks those
    up among the cross-references, puts what it found into `known`, and runs the map again if that changes an answer."""

    connection: str
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    """(model, remote id) → the key it is linked to"""
    asked: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, model: object, remote_id: object) -> str:
        entity = (str(model), str(remote_id))
        self.asked.add(entity)
        return self.known.get(entity) or native_key(self.connection, entity[1])
