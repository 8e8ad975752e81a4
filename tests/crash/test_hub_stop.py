"""The hub as a process, told to stop under load: what was accepted is delivered, once. Kills are in tests/chaos."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crossdock.testing.live import HubProcess, blank_project, command, settled, signup
from crossdock.testing.sink import Sink, sink

PATIENCE_S = 20.0


class Sender:
    """Sends each message until it is accepted, through any number of hubs, as platforms do."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.accepted: set[int] = set()
        self._next = 0

    def more(self, amount: int) -> None:
        self.waiting += range(self._next, self._next + amount)
        self._next += amount

    def send_to(self, hub: HubProcess) -> None:
        """Everything that waits, some at a time, once."""
        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(lambda number: hub.post(signup(number)), self.waiting))
        assert set(statuses) <= {0, 200, 503}
        self.accepted |= {number for number, status in zip(self.waiting, statuses, strict=True) if status == 200}
        self.waiting = [number for number, status in zip(self.waiting, statuses, strict=True) if status != 200]


@pytest.fixture
def there() -> Iterator[Sink]:
    with sink() as served:
        yield served


def wait_until_settled(folder: Path) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while not settled(folder):
        assert time.monotonic() < ends_at, command(folder, "status")
        time.sleep(0.1)


def finish(project: Path, sender: Sender, there: Sink) -> None:
    """A last hub that nobody kills: all that waits is accepted, and all that was ever accepted has happened once."""
    with HubProcess(project) as hub:
        sender.send_to(hub)
        assert not sender.waiting
        wait_until_settled(project)
    effects = Counter(body["email"] for body in there.effects)
    assert effects == {f"p{number}@example.com": 1 for number in sender.accepted}
    code, audit = command(project, "audit")
    assert code == 0, audit
    _, status = command(project, "status")
    assert status["flows"][0]["delivered"] == len(sender.accepted)


def test_sigterm_under_load_ends_well_and_loses_nothing(tmp_path: Path, there: Sink) -> None:
    project, sender = blank_project(tmp_path / "p", there.url), Sender()
    there.delay_s = 0.05
    sender.more(300)
    with HubProcess(project, "--grace", "4") as hub, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(sender.send_to, hub)
        while not there.effects:
            time.sleep(0.005)
        hub.process.terminate()
        assert hub.process.wait(PATIENCE_S) == 0, hub.log
        sending.result()
    there.delay_s = 0.0
    assert sender.accepted
    finish(project, sender, there)
