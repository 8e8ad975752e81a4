"""What a batch must know, looked up in one statement a table."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from crossdock.core.delivery import ExchangeState
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores.batch import Facts, Head, Wanted
from crossdock.stores.sqlite.bulk import Lookup, text_of
from crossdock.stores.sqlite.rows import packed

_ID = text_of("id")
_REFERENCE = (
    f"account, model, key, state, ifnull(remote_id, ''), {text_of('effect')}, version, {text_of('fingerprint')},"
    " moved_to, trail, updated_at"
)

_WORKS = Lookup(_ID, "FROM works WHERE id IN ({rows})")
_MESSAGES = Lookup(f"{_ID}, state, {text_of('content_hash')}, connection", "FROM messages WHERE id IN ({rows})")
_EVENTS = Lookup(_ID, "FROM events WHERE id IN ({rows})")
_DELIVERIES = Lookup(f"{_ID}, state, flow", "FROM deliveries WHERE id IN ({rows})")
_EXCHANGES = Lookup(f"{_ID}, state", "FROM exchanges WHERE id IN ({rows})")
_CELLS = Lookup("name, version", "FROM cells WHERE name IN ({rows})")
# CROSS JOIN: the wanted keys are the outer loop, each found by the table's own key.
_REFERENCES = Lookup(
    _REFERENCE,
    "FROM (SELECT column1, column2, column3 FROM (VALUES {rows}) GROUP BY 1, 2, 3) CROSS JOIN cross_references"
    " ON key = column3 AND account = column1 AND model = column2",
    width=3,
)
_REMOTES = Lookup(
    "account, model, remote_id, key",
    "FROM (VALUES {rows}) CROSS JOIN cross_references ON account = column1 AND model = column2 AND remote_id = column3",
    width=3,
)


def look_up(cursor: apsw.Cursor, want: Wanted, lanes: dict[Lane, tuple[int, int]], heads: dict[Head, int]) -> Facts:
    """`lanes` and `heads` are the writer's own memory of them; the batch moves them on in place."""
    facts = Facts(lanes=lanes, heads=heads)
    facts.works = {row[0] for row in _by_id(_WORKS, cursor, want.works)}
    facts.messages = {
        row[0]: (MessageState(row[1]), row[2], row[3]) for row in _by_id(_MESSAGES, cursor, want.messages)
    }
    facts.events = {row[0] for row in _by_id(_EVENTS, cursor, want.events)}
    facts.deliveries = {row[0]: (DeliveryState(row[1]), row[2]) for row in _by_id(_DELIVERIES, cursor, want.deliveries)}
    facts.exchanges = {row[0]: ExchangeState(row[1]) for row in _by_id(_EXCHANGES, cursor, want.exchanges)}
    if want.cells:
        facts.cells = dict(_CELLS.run(cursor, list(want.cells)))
    if want.references:
        for row in _REFERENCES.run(cursor, list(want.references)):
            row[3] = LinkState(row[3])
            facts.references[row[0], row[1], row[2]] = CrossReference(*row)
    if want.remotes:
        for account, model, remote_id, key in _REMOTES.run(cursor, list(want.remotes)):
            facts.remotes[account, model, remote_id] = key
    return facts


def _by_id(lookup: Lookup, cursor: apsw.Cursor, ids: Iterable[str]) -> list[list[str]]:
    keys = [packed(identity) for identity in ids]
    return lookup.run(cursor, keys) if keys else []
