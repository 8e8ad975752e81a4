"""A hub in a test ends with the test, whatever ends that."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossdock.core.errors import NotJson
from crossdock.testing.live import HubProcess

NEVER_READY = (sys.executable, "-c", "import time; print('starting', flush=True); time.sleep(600)")
SILENT = (sys.executable, "-c", "import time; time.sleep(600)")


def interrupt_when_it_runs(hub: HubProcess) -> threading.Thread:
    def interrupt() -> None:
        while not hasattr(hub, "process"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Interrupts, also where a shell that started the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_hub_that_is_just_starting_ends_when_the_test_is_interrupted(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, within=SILENT)
    thread = interrupt_when_it_runs(hub)
    with pytest.raises(KeyboardInterrupt), hub:
        pytest.fail("it was ready")
    thread.join()
    assert hub.process.returncode == -signal.SIGKILL


def test_a_hub_that_says_something_else_than_that_it_listens_ends(tmp_path: Path) -> None:
    hub = HubProcess(tmp_path, within=NEVER_READY)
    with pytest.raises(NotJson), hub:
        pytest.fail("it was ready")
    assert hub.process.returncode == -signal.SIGKILL
