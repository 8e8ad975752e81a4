"""Several workers of one hub on PostgreSQL, as processes: killed, replaced, split by role."""

import http.client
import itertools
import os
import random
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from crossdock.testing.live import HubProcess, blank_project, command, settled, signed, signup
from crossdock.testing.sink import Sink, sink

PATIENCE_S = 60.0


@pytest.fixture
def there() -> Iterator[Sink]:
    with sink() as served:
        yield served


def project(folder: Path, there: Sink, url: str) -> Path:
    """Every message is delivered: a newer one replaces none."""
    blank_project(folder, there.url, url)
    flow = folder / "flows" / "person-to-contact.yaml"
    flow.write_text(f"{flow.read_text()}collapse: none\n")
    return folder


def workers_of(hub: HubProcess) -> list[int]:
    pid = hub.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_until_settled(folder: Path) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while not settled(folder):
        assert time.monotonic() < ends_at, command(folder, "status")
        time.sleep(0.1)


def send_in_order(hub: HubProcess, persons: range, times: int) -> None:
    """Each person's messages one after another, each until it is accepted."""
    for n, person in itertools.product(range(times), persons):
        body = signup(f"{person}-{n}", person)
        while hub.post(body) != 200:
            time.sleep(0.02)


def numbers_by_person(there: Sink) -> dict[str, list[int]]:
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for body in there.effects:
        person, _, number = body["full_name"].removeprefix("Person ").partition("-")
        seen[person].append(int(number))
    return dict(seen)


def test_workers_killed_amid_their_work_lose_nothing_and_keep_every_key_in_order(
    tmp_path: Path, there: Sink, url: str
) -> None:
    folder, chance, persons, times = project(tmp_path / "p", there, url), random.Random(5), 32, 30
    there.delay_s = 0.02
    with HubProcess(folder, "--workers", "3") as hub, ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send_in_order, hub, range(n, persons + 1, 4), times) for n in range(1, 5)]
        kills = 0
        while kills < 5 and not all(one.done() for one in sending):
            time.sleep(chance.uniform(0.1, 0.4))
            if alive := workers_of(hub):
                os.kill(chance.choice(alive), signal.SIGKILL)
                kills += 1
        for one in sending:
            one.result()
        there.delay_s = 0.0
        wait_until_settled(folder)
        code, audit = command(folder, "audit")
        assert code == 0, audit
    assert kills >= 3
    assert numbers_by_person(there) == {str(person): list(range(times)) for person in range(1, persons + 1)}


def test_workers_are_replaced_one_after_another_and_no_request_fails(tmp_path: Path, there: Sink, url: str) -> None:
    folder, over, sent = project(tmp_path / "p", there, url), threading.Event(), itertools.count()
    statuses: Counter[int] = Counter()

    def send(hub: HubProcess) -> None:
        while not over.wait(0.01):
            statuses[hub.post(signup(next(sent)))] += 1

    def send_on_one_connection(hub: HubProcess) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
        with closing(connection):
            while not over.wait(0.01):
                body = signup(next(sent))
                connection.request("POST", "/hooks/in", body, signed(body))
                response = connection.getresponse()
                response.read()
                statuses[response.status] += 1

    with HubProcess(folder, "--workers", "2") as hub, ThreadPoolExecutor(3) as pool:
        before = workers_of(hub)
        sending = [pool.submit(send, hub), pool.submit(send, hub), pool.submit(send_on_one_connection, hub)]
        hub.process.send_signal(signal.SIGHUP)
        ends_at = time.monotonic() + PATIENCE_S
        while "every worker was replaced" not in hub.log and time.monotonic() < ends_at:
            time.sleep(0.05)
        over.set()
        for one in sending:
            one.result()
        assert not set(before) & set(workers_of(hub))
        wait_until_settled(folder)
        hub.process.terminate()
        assert hub.process.wait(PATIENCE_S) == 0, hub.log
    assert set(statuses) == {200}
    assert Counter(body["full_name"] for body in there.effects) == {
        f"Person {n}": 1 for n in range(sum(statuses.values()))
    }


def test_one_machine_takes_in_and_another_delivers(tmp_path: Path, there: Sink, url: str) -> None:
    folder = project(tmp_path / "p", there, url)
    with HubProcess(folder, "--role", "receive") as receiving:
        assert [receiving.post(signup(n)) for n in range(10)] == [200] * 10
        with HubProcess(folder, "--role", "deliver") as delivering:
            assert delivering.post(signup("x")) == 404
            assert delivering.get("/readyz")[0] == 200
            wait_until_settled(folder)
        assert receiving.post(signup(10)) == 200
    assert len(there.effects) == 10


def test_workers_end_with_their_parent(tmp_path: Path, there: Sink, url: str) -> None:
    folder = project(tmp_path / "p", there, url)
    with HubProcess(folder, "--workers", "2") as hub:
        workers = workers_of(hub)
        hub.process.kill()
        hub.process.wait()
        ends_at = time.monotonic() + PATIENCE_S
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < ends_at
            time.sleep(0.05)


def test_a_hub_on_sqlite_refuses_workers_in_one_line(tmp_path: Path, there: Sink) -> None:
    folder = blank_project(tmp_path / "p", there.url)
    code, said = command(folder, "run", "--port", "0", "--workers", "2")
    assert code == 2
    assert "one process" in said["error"]
    code, said = command(folder, "run", "--port", "0", "--role", "receive")
    assert code == 2


def test_workers_that_cannot_start_say_why_once(tmp_path: Path, there: Sink) -> None:
    folder = blank_project(tmp_path / "p", there.url)
    (folder / "crossdock.yaml").write_text(
        f"name: blank\nenvironments: {{production: {{store: 'postgresql://hub@/none?host={tmp_path}'}}}}\n"
    )
    code, said = command(folder, "run", "--port", "0", "--workers", "3")
    assert code == 1
    assert said["error"].startswith("PostgreSQL cannot be reached")
