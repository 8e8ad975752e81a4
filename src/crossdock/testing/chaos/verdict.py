"""The judge of a simulated run. It knows what was accepted, in which order, and what the destinations hold; of the hub
it reads only what a person can: what is held, dead or in quarantine, and whether its sums agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from crossdock.core.message import message_id
from crossdock.core.states import MessageState
from crossdock.core.store import Store
from crossdock.engine.audit import audit
from crossdock.testing.chaos.far_end import FarEnd
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.traffic import Said

EACH_ONCE = frozenset({"native", "inbox", "none", "steps"})
"""Destinations where every message makes an effect of its own."""
FIRST_ONLY = frozenset({"keyed"})
"""Where an entity makes one record, and is not changed."""
BAD = "!bad"
MOST_REQUESTS = 60
"""For one message at all destinations together, crashes and a person's retries included."""


def judge(
    ledger: Ledger,
    far: FarEnd,
    kept_tokens: Collection[str],
    accepted: Mapping[str, Sequence[Said]],
    flows: Mapping[str, str],
    again: Mapping[tuple[str, str], tuple[int, int]],
) -> None:
    """`kept_tokens`: refresh tokens that the hub ever kept. `accepted`: key → its messages in the order of acceptance.
    `flows`: host → its `collapse`. `again`: (host, value) → how often a person had it performed again, at least and at
    most."""
    made: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    records: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    known = {said.value for line in accepted.values() for said in line}
    for one in far.made:
        key, value = one.key.partition(":")[2], one.value.removesuffix("+")
        if value not in known:
            ledger.find("phantoms", f"{one.host} was told {one.value}, which nobody sent or which was not accepted")
            continue
        if one.value.endswith("+"):
            continue
        made[one.host, key].append(one.value)
        records[one.host, key].add(one.record)
    ledger.effects += len(far.made)
    for host, collapse in flows.items():
        for key, line in accepted.items():
            values = [said.value for said in line if not said.value.endswith(BAD)]
            _judge_key(ledger, host, values, made[host, key], again)
            if host in EACH_ONCE:
                continue
            if len(records[host, key]) > 1:
                ledger.find("doubled", f"{host}: {key} has {len(records[host, key])} records", len(records) - 1)
            _judge_last(ledger, host, line, made[host, key], collapse)
    for asked in far.unwritten:
        ledger.find("unwritten", f"{asked} was sent, and no intent for it was committed")
    for value, times in far.requests.items():
        if times > MOST_REQUESTS:
            ledger.find("storms", f"{value} was asked for {times} times")
    for successor in far.tokens.refused:
        if successor in kept_tokens:
            ledger.find("lockouts", f"a token was used again although {successor} had taken its place")
    for body in far.other_bytes:
        ledger.find("changed", f"one key came with two bodies, the second {body}")


def _judge_key(
    ledger: Ledger,
    host: str,
    values: Sequence[str],
    made: Sequence[str],
    again: Mapping[tuple[str, str], tuple[int, int]],
) -> None:
    places = {value: place for place, value in enumerate(values)}
    order = list(dict.fromkeys(made)) if host in EACH_ONCE else made
    for before, after in pairwise(order):
        if places[after] < places[before]:
            ledger.find("inversions", f"{host}: {after} came after {before}")
    if host not in EACH_ONCE:
        return
    times = Counter(made)
    for value in values:
        least, most = again.get((host, value), (0, 0))
        if times[value] < 1 + least:
            ledger.find("lost", f"{host}: {value} happened {times[value]} times")
        if times[value] > 1 + most:
            ledger.find("doubled", f"{host}: {value} happened {times[value]} times", times[value] - 1 - most)


def _judge_last(ledger: Ledger, host: str, line: Sequence[Said], made: Sequence[str], collapse: str) -> None:
    """What an entity's record says in the end; without `collapse`, all that it ever should have said."""
    good = [said for said in line if not said.value.endswith(BAD)]
    if not good:
        return
    if host in FIRST_ONLY:
        if not made:
            ledger.find("lost", f"{host}: {good[0].key} was never made")
        return
    if collapse == "latest":
        newest = max(line, key=lambda said: (str(said.body["version"]), line.index(said)))
        if newest.value.endswith(BAD):
            return
    else:
        newest = good[-1]
        for said in good:
            if said.value not in made:
                ledger.find("lost", f"{host}: {said.value} was never written")
    if not made or made[-1] != newest.value:
        ledger.find("lost", f"{host}: {newest.key} ends as {made[-1] if made else 'nothing'}, not as {newest.value}")


async def judge_books(ledger: Ledger, store: Store, nonsense: Sequence[str], conflicts: int) -> None:
    """Nothing ends silently: the hub's own sums agree, and what it could not use is where a person finds it."""
    for one in await audit(store):
        if not one.agrees:
            ledger.find("silent", f"{one.scope}: {one.what}: {one.counted} counted, {one.found} found")
    ids = [message_id("in", identity) for identity in nonsense]
    for message in await store.messages(ids) if ids else ():
        if message.state not in {MessageState.QUARANTINED, MessageState.IGNORED}:
            ledger.find("silent", f"nonsense {message.id} is {message.state}")
    quarantined = await store.messages(connection="in", state=MessageState.QUARANTINED)
    told = sum(message.reason.startswith("conflict") for message in quarantined)
    if conflicts and not told:
        ledger.find("silent", f"{conflicts} messages came again with other content, and nothing tells of it")
