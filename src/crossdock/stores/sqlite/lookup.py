"""What a batch must know, looked up in one statement."""

from __future__ import annotations

from typing import Any

import apsw

from crossdock.core.delivery import ExchangeState
from crossdock.core.lanes import Lane
from crossdock.core.states import DeliveryState, MessageState
from crossdock.core.xref import CrossReference, LinkState
from crossdock.stores.facts import Facts, Head, Wanted
from crossdock.stores.sqlite.bulk import Lookup, answer, text_of
from crossdock.stores.sqlite.rows import packed

# Faster than calling the enumerations, and this is done for every row that moves.
_MESSAGE_STATES = {state.value: state for state in MessageState}
_DELIVERY_STATES = {state.value: state for state in DeliveryState}
_EXCHANGE_STATES = {state.value: state for state in ExchangeState}

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
    works, messages, events, deliveries, exchanges, cells, references, remotes = answer(
        cursor,
        (
            (_WORKS, [packed(identity) for identity in want.works]),
            (_MESSAGES, [packed(identity) for identity in want.messages]),
            (_EVENTS, [packed(identity) for identity in want.events]),
            (_DELIVERIES, [packed(identity) for identity in want.deliveries]),
            (_EXCHANGES, [packed(identity) for identity in want.exchanges]),
            (_CELLS, list(want.cells)),
            (_REFERENCES, list(want.references)),
            (_REMOTES, list(want.remotes)),
        ),
    )
    return Facts(
        works={identity for (identity,) in works},
        messages={row[0]: (_MESSAGE_STATES[row[1]], row[2], row[3]) for row in messages},
        events={identity for (identity,) in events},
        deliveries={identity: (_DELIVERY_STATES[state], flow) for identity, state, flow in deliveries},
        exchanges={identity: _EXCHANGE_STATES[state] for identity, state in exchanges},
        cells=dict(cells),
        references={(row[0], row[1], row[2]): _reference(row) for row in references},
        remotes={(account, model, remote_id): key for account, model, remote_id, key in remotes},
        lanes=lanes,
        heads=heads,
    )


def _reference(row: list[Any]) -> CrossReference:
    row[3] = LinkState(row[3])
    return CrossReference(*row)
