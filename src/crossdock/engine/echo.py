"""How the hub knows its own writes when they come back."""

from __future__ import annotations

from typing import Any

from crossdock.core import json
from crossdock.core.event import Event
from crossdock.core.flow import Canon, Connection, MapFailed
from crossdock.core.ids import digest
from crossdock.core.xref import CrossReference


def fingerprint_of(data: Any) -> str:
    """Over a canonical instance: equal values, equal fingerprint."""
    return digest("fingerprint", json.canonical(data))


def fingerprint_of_record(
    connection: Connection, topic: str, canon: Canon | None, model: str, record: Any, now: float
) -> str:
    """Of what a platform answered to a write, read as if it had come in; "" when it cannot be read that way. Entities
    that it names are left as the platform names them: what they are linked to may change in between."""
    inlet = connection.inlets.get(topic)
    if inlet is None or canon is None or record is None:
        return ""
    inlet.keys.known.clear()
    try:
        said = next((said for said in inlet.map.run(record, now=now) if said["model"] == model), None)
        return fingerprint_of(canon.canonical(said["data"])) if said is not None else ""
    except (MapFailed, KeyError, TypeError):
        return ""


def is_echo(reference: CrossReference, fingerprint: str, version: str) -> bool:
    """An inbound record equals what the hub last wrote there: by its values, or by the platform's own version."""
    by_values = bool(reference.fingerprint) and reference.fingerprint == fingerprint
    by_version = bool(reference.version) and reference.version == version
    return by_values or by_version


def trail_of(event: Event) -> str:
    """The accounts that a fact has been through, for the record that it is written to."""
    known = [account for account in event.trail.split(",") if account]
    return ",".join(dict.fromkeys([*known, event.account]))
