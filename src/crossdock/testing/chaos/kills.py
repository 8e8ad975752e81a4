"""Real hubs, killed with SIGKILL: at every named point that a process with a socket and a file passes, and at moments.
One trial is one project that lives through several hubs."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossdock.core import json
from crossdock.core.states import DeliveryState
from crossdock.engine.audit import audit
from crossdock.stores.sqlite import SqliteStore
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import BAD, Oracle, oracle
from crossdock.testing.live import HubProcess, blank_project, signup

KILLS = 5
PATIENCE_S = 30.0
POINT_WITHIN_S = 10.0
"""A hub that has not come to its point by then is killed where it is."""
FLOWS = ("native", "upsert", "lookup", "none")
BIG_BYTES = 1_300_000
"""A body of more than one chunk of a payload, and more than a socket takes at once."""
LOG_BYTES = 9_000_000
LOGFULS = 8
"""Bodies that fill the store's log until it is copied into its file."""

POINTS = (
    *("ingest.read", "ingest.inserted", "ingest.committed", "ingest.acked", "dedupe.hit", "blob.written"),
    *("claim.leased", "map.done", "events.committed", "plan.committed", "intent.committed", "send.mid_body"),
    *("response.read", "send.done", "outcome.committed", "xref.written", "retry.scheduled", "dlq.moved"),
    *("shutdown.drain", "checkpoint.start", "migrate.step"),
)
"""The rest needs a connector with polls, batches or tokens, or a person: the simulation has those."""
SEEDS = -(-len(POINTS) // KILLS)

_ACTIONS = {
    "native": "path: /native\n      idempotency_header: Idempotency-Key",
    "upsert": 'method: PUT\n      path: "/upsert/{reference}"\n      upsert: true',
    "lookup": "path: /lookup\n      marker: mark\n      find: {path: '/lookup?mark={hub.marker}', items: hits,"
    " match: {mark: '{hub.marker}'}, settle: 1}\n      update: {method: PUT, path: '/lookup/{hub.remote_id}'}",
    "none": "path: /none",
}


def project_of(folder: Path, urls: Mapping[str, str]) -> Path:
    """A connection and a flow for each class."""
    blank_project(folder, urls["native"])
    allowed = json.encode([url.removeprefix("http://") for url in urls.values()]).decode()
    (folder / "crossdock.yaml").write_text(
        f"name: chaos\negress: {{allow: {allowed}}}\nenvironments: {{production: {{}}}}\n"
    )
    _edit(
        folder / "models" / "person.yaml",
        "  newsletter:",
        "  bulk: {type: string, description: Ballast.}\n  newsletter:",
    )
    _edit(folder / "maps" / "signup.jq", "email: .person.email", "bulk: .person.bulk, email: .person.email")
    _edit(folder / "maps" / "person-to-contact.jq", "email: .email", "bulk: .bulk, email: .email")
    (folder / "connections" / "out.yaml").unlink()
    (folder / "flows" / "person-to-contact.yaml").unlink()
    for case in (folder / "cases").glob("*.yaml"):
        case.unlink()
    for name in FLOWS:
        (folder / "connections" / f"{name}.yaml").write_text(
            f"connector: http\nsettings:\n  base_url: {urls[name]}\n  auth: {{kind: none}}\n  actions:\n    write:\n"
            f"      model: person\n      id: id\n      {_ACTIONS[name]}\n"
        )
        (folder / "flows" / f"{name}.yaml").write_text(
            f"on: [person.created, person.updated]\nto: {name}\naction: write\nmap: person-to-contact.jq\n"
            "collapse: none\nretry: {attempts: 8, first_delay: 200ms, max_delay: 1s}\n"
        )
    return folder


def _edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text, file
    file.write_text(text.replace(before, after, 1))


class Senders:
    """Send each message until it is accepted; the second of a person not before the first."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._waiting: list[list[tuple[int, bytes]]] = []
        self._next = 0
        self.accepted: dict[int, list[str]] = {}
        """person → addresses, in the order of acceptance"""
        self.refused: set[int] = set()
        """persons whom the destinations will not take"""

    def more(self, amount: int, *, bad: bool = False, size: int = 0) -> None:
        for _ in range(amount):
            person = self._next
            self._next += 1
            if bad:
                self.refused.add(person)
            edits = 1 if bad or size else self._chance.choice((1, 1, 2, 3))
            self._waiting.append([(person, _message(person, edit, bad=bad, size=size)) for edit in range(edits)])

    def send_to(self, hub: HubProcess) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda line: self._line(hub, line), self._waiting))
        self._waiting = [line for line in self._waiting if line]

    def _line(self, hub: HubProcess, line: list[tuple[int, bytes]]) -> None:
        while line:
            person, body = line[0]
            if hub.post(body) != 200:
                return
            said = self.accepted.setdefault(person, [])
            said.append(f"p{person}.{len(said)}@example.com")
            line.pop(0)
            if self._chance.random() < 0.2:
                hub.post(body)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting))


def _message(person: int, edit: int, *, bad: bool, size: int) -> bytes:
    who = {
        "id": person,
        "email": f"p{person}.{edit}@example.com",
        "name": BAD if bad else "Person",
        "bulk": "x" * (size // 5),
    }
    said = {"id": f"evt-{person}.{edit}", "type": "signup", "sent_at": f"2026-11-03T14:12:{edit:02d}Z", "person": who}
    return json.encode({**said, "ballast": "x" * size})


# --- one project --------------------------------------------------------------------------------------------------


def kills(seed: int) -> Ledger:
    """Several points of `POINTS`; SEEDS seeds in a row come to all of them."""
    chance = random.Random(f"kill/{seed}")  # noqa: S311 - the seed is the point
    points = [POINTS[(seed * KILLS + number) % len(POINTS)] for number in range(KILLS)]
    points.sort(key=lambda point: point != "migrate.step")  # a store is only migrated once
    return _trial(chance, points)


def moments(seed: int) -> Ledger:
    """At no point in particular, under load."""
    chance = random.Random(f"moment/{seed}")  # noqa: S311 - the seed is the point
    return _trial(chance, [""] * KILLS)


def _trial(chance: random.Random, points: Sequence[str]) -> Ledger:
    ledger = Ledger(trials=1)
    senders = Senders(chance)
    with oracle(chance, FLOWS) as there, tempfile.TemporaryDirectory() as folder:
        project = project_of(Path(folder) / "p", there.urls)
        for point in points:
            there.trouble = 0.5 if point == "retry.scheduled" else chance.choice((0.0, 0.1, 0.3))
            if _life(project, senders, there, point, chance):
                ledger.kills[point or "moment"] += 1
        there.trouble = 0.0
        _finish(ledger, project, senders)
        asyncio.run(_judge(ledger, project, senders, there))
    return ledger


def _life(project: Path, senders: Senders, there: Oracle, point: str, chance: random.Random) -> bool:
    """One hub; whether it died of its point."""
    passage = 1 if point in _ONCE else chance.randint(1, 4)
    by_itself = point and point != "send.mid_body"
    environment = {"CROSSDOCK_CRASH": f"{point}:{passage}"} if by_itself else {}
    if point == "migrate.step":
        for file in (project / ".crossdock").glob("production.db*"):
            file.rename(file.with_name(f"kept-{file.name}"))
    with HubProcess(project, environment=environment) as hub:
        if hub.ready:
            there.kills = hub.process.pid if point == "send.mid_body" else 0
            _feed(senders, hub, point, chance)
            if point == "shutdown.drain":
                hub.process.terminate()
            if not point:
                time.sleep(chance.random() * 0.5)
                hub.process.kill()
        died = _wait(hub.process, POINT_WITHIN_S) == -signal.SIGKILL
    there.kills = 0
    if point == "migrate.step":
        for file in (project / ".crossdock").glob("production.db*"):
            file.unlink()
        for file in (project / ".crossdock").glob("kept-*"):
            file.rename(file.with_name(file.name.removeprefix("kept-")))
    return died


_ONCE = frozenset({"shutdown.drain", "checkpoint.start", "migrate.step", "claim.leased", "dlq.moved", "blob.written"})


def _feed(senders: Senders, hub: HubProcess, point: str, chance: random.Random) -> None:
    """Something of what the point needs, among other things."""
    if point in {"blob.written", "send.mid_body"}:
        senders.more(1, size=BIG_BYTES)
    if point == "dlq.moved":
        senders.more(1, bad=True)
    senders.more(chance.randint(4, 10))
    senders.send_to(hub)
    if point == "checkpoint.start":
        for number in range(LOGFULS):
            hub.post(signup(f"log {number} {chance.random()}", type="unheard of", ballast="x" * LOG_BYTES))


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _finish(ledger: Ledger, project: Path, senders: Senders) -> None:
    """A last hub that nobody kills."""
    began_at = time.monotonic()
    with HubProcess(project) as hub:
        while senders.waiting and time.monotonic() < began_at + PATIENCE_S:
            senders.send_to(hub)
        if senders.waiting:
            ledger.find("stuck", f"{senders.waiting} messages are still not accepted")
        while not asyncio.run(_at_rest(project)):
            if time.monotonic() > began_at + 2 * PATIENCE_S:
                ledger.find("stuck", f"not at rest after {2 * PATIENCE_S:.0f} s")
                return
            time.sleep(0.2)


async def _at_rest(project: Path) -> bool:
    store = SqliteStore.open_readonly(project / ".crossdock" / "production.db")
    try:
        if (await store.tallies()).get(("message", "in", "received")):
            return False
        heads = list(await store.heads("events"))
        for flow in FLOWS:
            if list(await store.positions(f"flow/{flow}", "events")) != heads:
                return False
            parked: set[str] = set()
            for row in sorted(await store.deliveries(flow=flow, limit=100_000), key=lambda row: row.number):
                if row.state in {DeliveryState.HELD, DeliveryState.DEAD}:
                    parked.add(row.partitionkey)
                elif row.state in _MOVING and row.partitionkey not in parked:
                    return False
        return True
    finally:
        await store.close()


_MOVING = frozenset({DeliveryState.WAITING, DeliveryState.SENDING, DeliveryState.RETRYING, DeliveryState.RESOLVING})


# --- the judge ----------------------------------------------------------------------------------------------------


async def _judge(ledger: Ledger, project: Path, senders: Senders, there: Oracle) -> None:
    store = SqliteStore.open_readonly(project / ".crossdock" / "production.db")
    try:
        held = {row.key: row for row in await store.deliveries(flow="none", states=[DeliveryState.HELD], limit=100_000)}
        for one in await audit(store):
            if not one.agrees:
                ledger.find("silent", f"{one.scope}: {one.what}: {one.counted} counted, {one.found} found")
    finally:
        await store.close()
    ledger.held += len(held)
    for person, said in senders.accepted.items():
        ledger.accepted += len(said)
        key = f"in:{person}"
        wanted = [] if person in senders.refused else said
        for flow in FLOWS:
            made = there.made[flow][key]
            ledger.effects += len(made)
            _judge_entity(ledger, flow, key, wanted, made, is_held=flow == "none" and key in held)
        for flow in ("upsert", "lookup"):
            records = [name for name, record in there.records[flow].items() if record["entity"] == key]
            if len(records) > 1:
                ledger.find("doubled", f"{flow}: {key} has {len(records)} records", len(records) - 1)


def _judge_entity(
    ledger: Ledger, flow: str, key: str, wanted: Sequence[str], made: Sequence[str], *, is_held: bool
) -> None:
    places: Mapping[str, int] = {value: place for place, value in enumerate(wanted)}
    for value in made:
        if value not in places:
            ledger.find("phantoms", f"{flow}: {key} was told {value}")
            return
    order = [places[value] for value in made]
    if order != sorted(order):
        ledger.find("inversions", f"{flow}: {key} was told {', '.join(made)}")
    if flow in {"native", "none"} and len(set(made)) != len(made):
        ledger.find("doubled", f"{flow}: {key} was told {', '.join(made)}")
    missing = [value for value in wanted if value not in made]
    if missing and not is_held:
        ledger.find("lost", f"{flow}: {key} was never told {', '.join(missing)}", len(missing))
