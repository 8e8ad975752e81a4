"""The parent of several workers, with processes that are no hubs."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
import structlog

from crossdock.cli import workers
from crossdock.cli.names import Name
from crossdock.cli.workers import Crew

WORKER = """
import json, os, signal, sys, time
handed = json.loads(os.environ["CROSSDOCK_HANDED_OVER"])
with open(sys.argv[1], "a") as lives:
    lives.write(handed["name"].rpartition(":")[2] + "\\n")
def end(*_):
    time.sleep(1.0)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
os.write(handed["tells"], json.dumps({"ready": True}).encode() + b"\\n")
while True:
    signal.pause()
"""


async def test_a_worker_that_ended_is_not_started_again_while_the_crew_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one takes longer to end than the pause after which the first would be followed."""
    monkeypatch.setattr(workers, "SOON_S", 0.2)
    lives = tmp_path / "lives"
    with socket.socket() as face, socket.socket() as door, Name(tmp_path, "test") as name:
        crew = Crew([sys.executable, "-c", WORKER, str(lives)], 2, face, door, 20.0, name)
        await crew.start()
        with structlog.testing.capture_logs() as lines:
            os.kill(crew.pids[0], signal.SIGKILL)
            async with asyncio.timeout(20.0):
                while not lines:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await crew.stop()
    assert lives.read_text().split() == ["1", "2"]
