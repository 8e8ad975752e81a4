"""A server of a test's own leaves nothing behind, whatever ends the test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crossdock.testing import services
from crossdock.testing.services import Missing, Postgres

SAYS = "print(server._folder, flush=True); time.sleep(600)"
MOMENTS = {
    "before its first start": "",
    "while it runs": "server.start();",
    "while it is stopped": "server.start(); server.stop(signal.SIGQUIT);",
    "when it has died": "server.start(); server._process.kill(); server._process.wait();",
}


@pytest.fixture(autouse=True)
def _programs(needs: Callable[[str], None]) -> None:
    try:
        services._programs()
    except Missing as missing:
        needs(str(missing))


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_folder_goes_when_who_made_it_is_killed(moment: str) -> None:
    program = (
        "import signal, time; from crossdock.testing.services import Postgres;"
        f"server = Postgres(); {MOMENTS[moment]} {SAYS}"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert folder.name.startswith("xd-pg-")
        process.kill()
    ends_at = time.monotonic() + 20.0
    while folder.exists() and time.monotonic() < ends_at:
        time.sleep(0.05)
    assert not folder.exists()


@pytest.mark.parametrize("interrupted", [KeyboardInterrupt, RuntimeError])
def test_the_folder_goes_when_its_start_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, interrupted: type[BaseException]
) -> None:
    def interrupt(_: Postgres) -> bool:
        raise interrupted

    monkeypatch.setattr(Postgres, "_answers", interrupt)
    server = Postgres()
    with pytest.raises(interrupted), server:
        pytest.fail("it was ready")
    assert not server._folder.exists()
    assert server._process is None


def test_a_server_that_was_stopped_starts_again_on_what_it_had() -> None:
    with Postgres() as server:
        server.stop(signal.SIGQUIT)
        server.start()
        assert server._answers()
    assert not server._folder.exists()
