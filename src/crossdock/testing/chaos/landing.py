"""A project with a destination for each effect class that plain HTTP has, and those who send to it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossdock.core import json
from crossdock.testing.chaos.oracle import BAD
from crossdock.testing.live import HubProcess, blank_project

FLOWS = ("native", "upsert", "lookup", "none")
GROWN_BYTES = 15_000_000
"""A string in a map, of those that a message may ask for."""

FLOW = (
    "on: [person.created, person.updated]\nto: {to}\naction: write\nmap: person-to-contact.jq\n"
    "collapse: none\ntimeout: {timeout}\nretry: {{attempts: {attempts}, first_delay: 200ms, max_delay: 1s}}\n"
)
_ATTEMPTS = 8
_ACTIONS = {
    "native": "path: /native\n      idempotency_header: Idempotency-Key",
    "upsert": 'method: PUT\n      path: "/upsert/{reference}"\n      upsert: true',
    "lookup": "path: /lookup\n      marker: mark\n      find: {path: '/lookup?mark={hub.marker}', items: hits,"
    " match: {mark: '{hub.marker}'}, settle: 1}\n      update: {method: PUT, path: '/lookup/{hub.remote_id}'}",
    "none": "path: /none",
}
_BULK = f'.person | if .grows then ([range(.grows) | "x" * {GROWN_BYTES}] | length | tostring) else .bulk end'
"""Of a message that grows in its map, only the length is left."""


def project_of(folder: Path, urls: Mapping[str, str], store: str = "", timeout: str = "30s") -> Path:
    """A connection and a flow for each class. `store`: in place of a SQLite file of its own. `timeout`: a request's."""
    blank_project(folder, urls["native"], store)
    allowed = json.encode([url.removeprefix("http://") for url in urls.values()]).decode()
    place = f"store: {json.encode(store).decode()}" if store else ""
    (folder / "crossdock.yaml").write_text(
        f"name: chaos\negress: {{allow: {allowed}}}\nenvironments: {{production: {{{place}}}}}\n"
    )
    _edit(
        folder / "models" / "person.yaml",
        "  newsletter:",
        "  bulk: {type: string, description: Ballast.}\n  newsletter:",
    )
    _edit(folder / "maps" / "signup.jq", "email: .person.email", f"bulk: ({_BULK}), email: .person.email")
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
        (folder / "flows" / f"{name}.yaml").write_text(FLOW.format(to=name, attempts=_ATTEMPTS, timeout=timeout))
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
        self.statuses: Counter[int] = Counter()
        """what was answered; 0 = nothing"""
        self.refused: set[int] = set()
        """persons whom the destinations will not take"""

    def more(self, amount: int, *, bad: bool = False, size: int = 0, grows: int = 0) -> range:
        """New persons. `grows`: so many strings of GROWN_BYTES are made of each in the map."""
        began = self._next
        for _ in range(amount):
            person = self._next
            self._next += 1
            if bad:
                self.refused.add(person)
            edits = 1 if bad or size or grows else self._chance.choice((1, 1, 2, 3))
            self._waiting.append(
                [(person, _message(person, edit, bad=bad, size=size, grows=grows)) for edit in range(edits)]
            )
        return range(began, self._next)

    def shuffle(self) -> None:
        """Whose turn is first."""
        self._chance.shuffle(self._waiting)

    def send_to(self, hub: HubProcess) -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda line: self._line(hub, line), self._waiting))
        self._waiting = [line for line in self._waiting if line]

    def _line(self, hub: HubProcess, line: list[tuple[int, bytes]]) -> None:
        while line:
            person, body = line[0]
            status = hub.post(body)
            self.statuses[status] += 1
            if status != 200:
                return
            said = self.accepted.setdefault(person, [])
            said.append(f"p{person}.{len(said)}@example.com")
            line.pop(0)
            if self._chance.random() < 0.2:
                hub.post(body)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting))


def _message(person: int, edit: int, *, bad: bool, size: int, grows: int) -> bytes:
    who = {
        "id": person,
        "email": f"p{person}.{edit}@example.com",
        "name": BAD if bad else "Person",
        "bulk": "x" * (size // 5),
        **({"grows": grows} if grows else {}),
    }
    said = {"id": f"evt-{person}.{edit}", "type": "signup", "sent_at": f"2026-11-03T14:12:{edit:02d}Z", "person": who}
    return json.encode({**said, "ballast": "x" * size})
