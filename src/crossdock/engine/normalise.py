"""From messages to canonical events: hydrate, map, check against the model, mark what is stale or our own echo."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from crossdock.core import crash, json
from crossdock.core.errors import CrossdockError, StoreError
from crossdock.core.event import Event, event_id
from crossdock.core.flow import Connection, Inlet, MapFailed
from crossdock.core.ids import digest
from crossdock.core.keys import native_key
from crossdock.core.lanes import Lane, lanes_of
from crossdock.core.message import Message
from crossdock.core.routing import is_stale, verb_of
from crossdock.core.states import MessageState
from crossdock.core.wire import PayloadRef
from crossdock.core.work import Committed, Count, Entity, LaneFence, MessageMove, Payload, Position, Work
from crossdock.core.xref import CrossReference
from crossdock.engine import look_alikes
from crossdock.engine.bounces import WHY as LOOP
from crossdock.engine.bounces import Bounces
from crossdock.engine.bugs import bug_in
from crossdock.engine.context import Context
from crossdock.engine.echo import fingerprint_of, is_echo
from crossdock.engine.exchange import Exchanger
from crossdock.engine.hydrate import Quarantine, Records, must_be_fetched
from crossdock.engine.leases import Leases
from crossdock.engine.merging import Merger
from crossdock.engine.receive import payload_of
from crossdock.engine.whose import MayBeOurs, NotKnownYet, Whose

BATCH = 128
IDLE_S = 5.0
SOON_S = 0.5
CROWD = 24
"""arrivals that wait for their commit"""
PACE_S = 0.05
"""Before each round while a crowd waits. Who waits for an answer may hang up and send again; a message that waits is
safe, and more of them are then normalised together."""
FETCHES = 4
"""under way at once; what comes meanwhile gathers, to be fetched together"""
MAJOR = 1


@dataclass(slots=True)
class Draft:
    """What a batch of messages comes to."""

    moves: list[MessageMove] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Normaliser:
    """One connection's reader of its inbox."""

    def __init__(self, context: Context, exchanger: Exchanger, connection: Connection, leases: Leases) -> None:
        self._context = context
        self._records = Records(context, exchanger, connection)
        self._connection = connection
        self._whose = Whose(context)
        self._signal = f"inbox/{connection.name}"
        self._leases = leases
        self._account = ""
        self._merger = Merger(context, connection.name)
        self._bounces = Bounces()
        self.lanes = lanes_of("normalise", f"inbox/{connection.name}")
        self._look_alikes = look_alikes.LookAlikes(context, connection.name, self.lanes, leases, self.again)
        self._not_before: dict[Lane, float] = {}
        self._fetching: dict[asyncio.Task[None], set[Lane]] = {}
        self._aside: set[Lane] = set()
        """lanes that wait for what is being fetched, or for their turn to fetch"""
        self._turn = asyncio.Lock()
        """held from asking what is known of entities to the commit that changes it: what was fetched, and a person's
        `again`, run beside"""

    async def run(self) -> None:
        try:
            while True:
                await self._round()
        finally:
            for task in self._fetching:
                task.cancel()
            await asyncio.gather(*self._fetching, return_exceptions=True)

    async def _round(self) -> None:
        """What is at hand is normalised at once. What must be fetched first is, beside this, and its lanes wait for it:
        a platform that does not answer holds up no other lane."""
        if not await self._context.is_connected(self._connection.name):
            await self._context.signals.wait(self._signal, 1.0)
            return
        await self._give_way()
        await self._look_alikes.look()
        now = self._context.clock.now()
        held = self._leases.positions(self.lanes)
        free = held.keys() - self._aside
        after = {lane: held[lane] for lane in held if lane in free and self._not_before.get(lane, 0.0) <= now}
        messages = await self._context.store.read(after, BATCH) if after else ()
        at_hand, to_fetch = self._parted([message for message in messages if isinstance(message, Message)])
        if to_fetch:
            self._fetch(to_fetch)
        if at_hand:
            await self.normalise(at_hand)
        elif not to_fetch:
            waits = [at - now for at in self._not_before.values() if at > now]
            await self._context.signals.wait(self._signal, min([IDLE_S, *waits]))

    async def _give_way(self) -> None:
        """To those whose arrival is being made durable: the hub has one interpreter for both."""
        if self._context.taking >= CROWD:
            await self._context.clock.sleep(PACE_S)

    def _parted(self, messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
        """Each lane's messages up to the first whose record must be fetched; and those of the lanes that begin with
        such a one."""
        at_hand: list[Message] = []
        to_fetch: list[Message] = []
        begins_with_fetch: dict[Lane, bool] = {}
        cut_off: set[Lane] = set()
        for message in messages:
            lane, fetched = self.lanes[message.partition], must_be_fetched(message)
            if begins_with_fetch.setdefault(lane, fetched):
                to_fetch.append(message)
            elif fetched or lane in cut_off:
                cut_off.add(lane)
            else:
                at_hand.append(message)
        return at_hand, to_fetch

    def _fetch(self, messages: Sequence[Message]) -> None:
        lanes = {self.lanes[message.partition] for message in messages}
        self._aside |= lanes
        if len(self._fetching) >= FETCHES:
            return  # they are read again when one of those under way has ended
        task = asyncio.create_task(self.normalise(messages))
        self._fetching[task] = lanes
        task.add_done_callback(self._fetched)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        del self._fetching[task]
        self._aside = set().union(*self._fetching.values())
        if not task.cancelled() and (error := task.exception()) is not None:
            self._context.fail(error)
        self._context.signals.ring(self._signal)

    async def normalise(self, messages: Sequence[Message]) -> None:
        """One commit. Messages whose record cannot be had right now stop their lane, for a while, and no other."""
        self._account = await self._context.account(self._connection.name)
        records, stuck = await self._records.of(messages)
        ready: list[Message] = []
        stopped: set[Lane] = set()  # by this batch: the wait itself may be over by now
        for message in messages:
            lane = self.lanes[message.partition]
            if message.id in stuck:
                self._not_before[lane] = stuck[message.id].until
                stopped.add(lane)
            if lane not in stopped:
                ready.append(message)
        if not ready:
            return
        draft = Draft()
        done: list[Message] = []
        for message in ready:
            lane = self.lanes[message.partition]
            if lane in stopped:
                continue
            try:
                if message.state is MessageState.RECEIVED:
                    await self._one(message, records, draft)
            except NotKnownYet:
                now = self._context.clock.now()
                self._not_before[lane] = now + max(now - message.received_at, SOON_S)
                stopped.add(lane)
            else:
                done.append(message)
        if done:
            await self._commit(done, draft)

    # --- one message --------------------------------------------------------------------------------------------

    async def _one(self, message: Message, records: Mapping[str, Any], draft: Draft) -> None:
        record, ref = records[message.id], None
        try:
            if isinstance(record, Quarantine):
                raise record
            ref = self._keep(message, record, draft)
            if message.hydrate and record is None:
                self._end(message, MessageState.IGNORED, "its record is not there any more", draft, ref)
                return
            inlet = self._connection.inlets.get(message.topic) or self._connection.inlets.get("*")
            if inlet is None:
                self._end(message, MessageState.IGNORED, f"no map for topic {message.topic!r}", draft, ref)
                return
            events = await self._events(message, inlet, record)
        except Quarantine as stop:
            self._quarantine(message, str(stop), draft, ref)
        except (StoreError, NotKnownYet):
            raise
        except Exception:
            name = self._connection.name
            try:
                self._context.bugs.tell("a message is in quarantine for a defect", message.topic, connection=name)
                why = bug_in(message.topic, whose="some")
            except MemoryError:
                self._context.at_work.dies_of("message", message.id)
                raise
            self._quarantine(message, why, draft, ref)
        else:
            draft.events.extend(events)
            self._end(message, MessageState.NORMALISED, "", draft, ref)

    def _quarantine(self, message: Message, reason: str, draft: Draft, ref: PayloadRef | None) -> None:
        self._end(message, MessageState.QUARANTINED, reason, draft, ref)
        if message.state is not MessageState.QUARANTINED:
            self._context.metrics.quarantined(self._connection.name, 1)

    def _keep(self, message: Message, record: Any, draft: Draft) -> PayloadRef | None:
        """A fetched record is kept beside its message, so that doing it again uses it."""
        if not message.hydrate or record is None:
            return None
        data = json.encode(record)
        ref, payload = payload_of(digest("record", message.id, data), data)
        draft.payloads.append(payload)
        return ref

    def _end(
        self, message: Message, state: MessageState, reason: str, draft: Draft, ref: PayloadRef | None = None
    ) -> None:
        draft.moves.append(MessageMove(message.id, message.state, state, reason, ref))
        draft.counts[state] += state is not message.state

    async def _events(self, message: Message, inlet: Inlet, record: Any) -> list[Event]:
        """Raises Quarantine."""
        outputs = await self._map(message, inlet, record)
        if not outputs:
            raise Quarantine(f"the map for {inlet.topic!r} made nothing of it; a filter belongs into a flow's `where`")
        return [await self._event(message, said, plain) for said, plain in outputs]

    async def _map(self, message: Message, inlet: Inlet, record: Any) -> Sequence[tuple[Any, Any]]:
        """Runs the map; a second time when it named entities that are linked to another key. Each output comes
        with what it was the first time, where the platform's own ids stand."""
        outputs, asked = self._run_map(message, inlet, record, {})
        known: dict[tuple[str, str], str] = {}
        for model in {model for model, _ in asked}:
            ids = [remote_id for of, remote_id in asked if of == model]
            known.update(
                {(model, ref.remote_id): ref.key for ref in await self._whose.linked(self._account, model, ids)}
            )
        resolved = self._run_map(message, inlet, record, known)[0] if known else outputs
        return [(said, outputs[place] if place < len(outputs) else said) for place, said in enumerate(resolved)]

    def _run_map(
        self, message: Message, inlet: Inlet, record: Any, known: Mapping[tuple[str, str], str]
    ) -> tuple[Sequence[Any], frozenset[tuple[str, str]]]:
        """What it made, and the entities that it asked for. All runs of an inlet share its keys: nothing else may run
        in between."""
        keys = inlet.keys
        keys.asked.clear()
        keys.known.clear()
        keys.known.update(known)
        try:
            with self._context.at_work.on("message", message.id):
                return inlet.map.run(record, now=self._context.clock.now()), frozenset(keys.asked)
        except MapFailed as error:
            raise Quarantine(f"map for {inlet.topic!r}: {error.what}") from None

    async def _event(self, message: Message, said: Any, plain: Any) -> Event:
        """Raises Quarantine, NotKnownYet."""
        try:
            model, verb, remote_id = said["model"], said["verb"], said["id"]
            version, data = str(said.get("version") or ""), said["data"]
        except (KeyError, TypeError, AttributeError):
            raise Quarantine("its map must make objects with model, verb, id, version and data") from None
        if not isinstance(model, str) or not isinstance(verb, str):
            raise Quarantine("its map must name a model and a verb, in words")
        if remote_id is None or isinstance(remote_id, dict | list | bool) or remote_id == "":
            raise Quarantine(f"{model}: the record has no usable id (found {_kind(remote_id)})")
        validator = self._context.landscape.models.get(model)
        if validator is None:
            raise Quarantine(f"its map speaks of a model that the project does not have: {model!r}")
        with self._context.at_work.on("message", message.id):
            if problems := validator.problems(data):
                raise Quarantine(f"not a valid {model}@{MAJOR}: {'; '.join(problems[:5])}")
            data = validator.canonical(data)
        own_words = data if plain is said or not isinstance(plain, dict) else validator.canonical(plain.get("data"))
        link = await self._link(message, (model, str(remote_id)), data, own_words, version)
        key = link.key if link is not None else native_key(self._connection.name, str(remote_id))
        encoded = json.canonical(data)
        echo = link is not None and is_echo(link, fingerprint_of(own_words), version)
        # A record as it was before the hub's last write is no answer to it: it may be the echo of an earlier one.
        answers = link is not None and not echo and not is_stale(version, link.version)
        if link is not None and answers and self._bounces.too_many(link, message.id, self._context.clock.now()):
            raise Quarantine(LOOP)
        return Event(
            id=event_id(self._account, model, key, verb, version, encoded),
            connection=self._connection.name,
            account=self._account,
            model=model,
            major=MAJOR,
            verb=verb,
            key=key,
            partitionkey=await self._partition(said.get("partition"), key),
            version=version,
            occurred_at=message.received_at,
            cause=message.id,
            origin=link.effect_id if link is not None and echo else "",
            trail=f"{link.trail},{self._account}" if link is not None and echo else "",
            data=encoded,
            appended_at=self._context.clock.now(),
        )

    async def _link(
        self, message: Message, record: tuple[str, str], data: Mapping[str, Any], own_words: Any, version: str
    ) -> CrossReference | None:
        """Raises Quarantine, NotKnownYet."""
        try:
            link = await self._whose.changed(
                self._account, *record, data, values=own_words, version=version, came_at=message.received_at
            )
            if maker := self._look_alikes.behind(message, record):
                raise MayBeOurs(maker)
        except MayBeOurs as doubt:
            self._look_alikes.note(message, record, doubt.delivery)
            raise Quarantine(look_alikes.why(doubt.delivery)) from None
        return link

    async def _partition(self, named: Any, key: str) -> str:
        """What is kept in order: the entity that the map named, else the event's own."""
        if not isinstance(named, dict) or not named.get("id"):
            return key
        links = await self._whose.linked(self._account, str(named.get("model", "")), [str(named["id"])])
        return links[0].key if links else native_key(self._connection.name, str(named["id"]))

    # --- the commit ---------------------------------------------------------------------------------------------

    async def again(self, message: Message) -> str:
        """A quarantined message, on a person's word: read anew, with today's maps. Its lane's position stays. Returns
        why it is still not understood, "" when it is. Raises CrossdockError when that cannot be found out now."""
        self._account = await self._context.account(self._connection.name)
        records, stuck = await self._records.of([message])
        if message.id in stuck:
            raise CrossdockError(
                f"its record cannot be read right now: {stuck[message.id].why}", hint="try it again in a while"
            )
        draft = Draft()
        await self._one(message, records, draft)
        (move,) = draft.moves
        if move.after is message.state and move.reason == message.reason:
            return move.reason
        if not await self._commit((), draft):
            raise CrossdockError(f"message {message.id} has changed meanwhile", hint="look again, then decide")
        return move.reason if move.after is MessageState.QUARANTINED else ""

    async def _commit(self, messages: Sequence[Message], draft: Draft) -> bool:
        """False when it did not hold."""
        async with self._turn:
            return await self._commit_in_turn(messages, draft)

    async def _commit_in_turn(self, messages: Sequence[Message], draft: Draft) -> bool:
        events, entities = await self._order(draft.events)
        merged = await self._merger.merge(events)
        ends = {self.lanes[message.partition]: message.number for message in messages}
        scope = f"connection/{self._connection.name}"
        work = Work(
            id=self._context.work_id(),
            guards=(*(LaneFence(lane, self._leases.fence(lane)) for lane in ends), *merged.guards),
            payloads=tuple(draft.payloads),
            message_moves=tuple(draft.moves),
            events=tuple(merged.events),
            entities=tuple(entities.values()),
            positions=tuple(Position(lane, number) for lane, number in ends.items()),
            cells=tuple(merged.cells),
            counts=tuple(Count(scope, state, amount) for state, amount in draft.counts.items() if amount),
        )
        crash.at("map.done")
        result = await self._context.store.apply(work)
        crash.at("events.committed")
        if not isinstance(result, Committed):
            if isinstance(result.guard, LaneFence):
                self._leases.refused(result.guard.lane)
            return False
        self._leases.moved(ends)
        for flow in self._context.landscape.flows:
            self._context.signals.ring(f"events/{flow}")
        return True

    async def _order(self, events: Sequence[Event]) -> tuple[list[Event], dict[tuple[str, str, str], Entity]]:
        """Gives each event its verb and its staleness by what is known of its entity, this batch included."""
        keys = {(event.account, event.model, event.key) for event in events}
        known = dict(await self._context.store.entities(keys)) if keys else {}
        newest: dict[tuple[str, str, str], Entity] = {}
        ordered: list[Event] = []
        for event in events:
            entity = (event.account, event.model, event.key)
            before = known.get(entity)
            stale = before is not None and is_stale(event.version, before.version)
            seen = before is not None and before.event_id != event.id
            verb = verb_of(event.verb, "known" if seen else "")
            if verb != event.verb or stale:
                identity = event_id(event.account, event.model, event.key, verb, event.version, event.data)
                event = replace(event, id=identity, verb=verb, stale=stale)
            if not stale:
                known[entity] = newest[entity] = Entity(*entity, version=event.version, event_id=event.id)
            ordered.append(event)
        return ordered, newest


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "a truth value", type(None): "nothing"}
    return names.get(type(value), "an empty text")
