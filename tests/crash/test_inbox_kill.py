"""Class inbox under fire: a hub that writes rows, killed between intent and outcome."""

import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from crossdock.testing.live import HubProcess, blank_project, command, settled, signup
from crossdock.testing.sink import Sink, sink

FLOWS = ("person-to-contact", "person-to-row", "person-to-log")
KILLS = ("intent.committed:5", "send.done:4", "outcome.committed:3")
PATIENCE_S = 30.0

CONNECTION = """
connector: sql
settings:
  database: sqlite:warehouse.db
  actions:
    save: {do: upsert, table: people, key: [email], columns: {email: email, name: full_name}, model: person}
    note: {do: insert, table: log, columns: {said: email}}
"""
FLOW = "on: [person.created, person.updated]\nto: warehouse\naction: {action}\nmap: person-to-contact.jq\n"


@pytest.fixture
def there() -> Iterator[Sink]:
    with sink() as served:
        yield served


def test_g08_rows_are_written_once_though_the_hub_is_killed_between_intent_and_outcome(
    tmp_path: Path, there: Sink
) -> None:
    project = blank_project(tmp_path / "p", there.url)
    (project / "connections" / "warehouse.yaml").write_text(CONNECTION)
    for name, action in (("person-to-row", "save"), ("person-to-log", "note")):
        (project / "flows" / f"{name}.yaml").write_text(FLOW.format(action=action))
    warehouse = apsw.Connection(str(project / "warehouse.db"))
    warehouse.execute("CREATE TABLE people (email text PRIMARY KEY, name text); CREATE TABLE log (said text)")
    waiting = list(range(12))
    for kill in KILLS:
        with HubProcess(project, environment={"CROSSDOCK_CRASH": kill}) as hub:
            waiting = [number for number in waiting if hub.post(signup(number)) != 200]
            ends_at = time.monotonic() + PATIENCE_S
            while hub.process.poll() is None and time.monotonic() < ends_at and not settled(project, FLOWS):
                time.sleep(0.05)
    with HubProcess(project) as hub:
        waiting = [number for number in waiting if hub.post(signup(number)) != 200]
        assert not waiting
        ends_at = time.monotonic() + PATIENCE_S
        while not settled(project, FLOWS):
            assert time.monotonic() < ends_at, command(project, "status")
            time.sleep(0.1)
    wanted = sorted(f"p{number}@example.com" for number in range(12))
    assert [email for (email,) in warehouse.execute("SELECT email FROM people ORDER BY email")] == wanted
    assert [said for (said,) in warehouse.execute("SELECT said FROM log ORDER BY said")] == wanted
    assert len(there.effects) == 12
    assert command(project, "audit")[0] == 0
    warehouse.close()
