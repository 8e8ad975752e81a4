"""A hub whose disk fills while it works, on a small file system of its own."""

import contextlib
import http.client
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crossdock.core import json
from crossdock.testing.live import HubProcess, blank_project, command, settled, signed, signup
from crossdock.testing.sink import sink

PATIENCE_S = 30.0


@pytest.fixture
def small_disk(tmp_path: Path, needs: Callable[[str], None]) -> Iterator[Path]:
    """A file system of 48 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        needs("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def refused(hub: HubProcess, body: bytes) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    with contextlib.closing(connection):
        connection.request("POST", "/hooks/in", body, signed(body))
        response = connection.getresponse()
        return response.status, response.getheader("retry-after", ""), response.read().decode()


def test_g17_a_full_disk_refuses_says_so_drains_and_recovers_by_itself(small_disk: Path) -> None:
    with sink() as there:
        project = blank_project(small_disk / "p", there.url)
        (project / "hub.log").symlink_to(small_disk.parent / "hub.log")
        there.delay_s = 1.0
        with HubProcess(project) as hub:
            assert [hub.post(signup(number)) for number in range(20)] == [200] * 20
            hog = small_disk / "hog"
            with hog.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * 65536)
            numbers = iter(range(100, 1000))
            until(lambda: hub.post(signup(next(numbers))) == 503)
            status, retry_after, why = refused(hub, signup(next(numbers)))
            assert status == 503
            assert int(retry_after) > 0
            assert "disk" in why
            assert str(small_disk) not in why, "a sender is not told where the store is"
            assert hub.get("/readyz")[0] == 503
            assert "disk" in json.decode(hub.get("/readyz")[1])["why"]
            assert "disk" in command(project, "status")[1]["refuses"]
            there.delay_s = 0.0
            until(lambda: settled(project))
            drained = len(there.effects)
            assert drained >= 20
            hog.unlink()
            until(lambda: hub.get("/readyz")[0] == 200)
            assert hub.post(signup(5000)) == 200
            until(lambda: settled(project))
            assert "nothing more is accepted" in hub.log
            assert "what comes in is accepted again" in hub.log
            assert len(there.effects) == drained + 1
