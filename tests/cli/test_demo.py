"""The demo, small: the whole landscape over sockets, with a crash in the middle."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from crossdock.cli.demo.desk import Desk
from crossdock.cli.demo.trader import Trader
from crossdock.testing.virtual_clock import run_virtually

PROGRAM = [sys.executable, "-c", "from crossdock.cli.main import run; run()"]
KEYS = [
    "orders", "invoices", "payments", "refunds", "contacts", "deals", "duplicates_sent", "faults", "crashes",
    "lost", "doubled", "cents_off", "unsettled", "seconds",
]  # fmt: skip


def test_ten_orders_agree_to_the_cent(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    done = subprocess.run(
        [*PROGRAM, "demo", "--orders", "10", "--seed", "3", "--exit", "--json", "--keep", folder],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert list(said) == KEYS, done.stderr
    assert [said[wrong] for wrong in ("lost", "doubled", "cents_off", "unsettled")] == [0, 0, 0, 0], done.stderr
    assert done.returncode == 0
    assert said["orders"] == said["invoices"] == said["deals"] == 10
    assert said["crashes"] == 1
    assert said["faults"] > 0
    assert (folder / "crossdock.yaml").exists()


def test_the_shop_takes_no_orders_while_the_hub_does_not_keep_up() -> None:
    class Shop(Desk):
        def __init__(self) -> None:
            self.name = "shopify"

        async def happen(self, changes: Sequence[Mapping[str, Any]]) -> None:
            happened_at.append(asyncio.get_running_loop().time())

        async def stats(self) -> Mapping[str, Any]:
            return {"faults": {}}

        async def go_wrong(self, script: Mapping[str, Any]) -> None: ...

    happened_at: list[float] = []

    async def play() -> None:
        clock = asyncio.get_running_loop().time

        async def look(done: int, total: int) -> bool:
            return not 3.0 <= clock() < 63.0

        async def halfway() -> None: ...

        await Trader(Shop(), [Shop()], orders=30, seed=1, span_s=6.0).play(look, halfway)

    run_virtually(play())
    assert min(happened_at) < 3.0
    assert max(happened_at) > 63.0
    assert not [at for at in happened_at if 3.1 < at < 63.0]


def test_ctrl_c_ends_everything_that_it_started() -> None:
    demo = subprocess.Popen([*PROGRAM, "demo", "--orders", "50"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        children = _children(demo.pid, 2)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(40) == 130
        gone, alive = psutil.wait_procs(children, timeout=5)
        assert not alive
        assert len(gone) == 2
    finally:
        demo.terminate()
        demo.communicate()


def test_what_it_started_ends_with_a_demo_that_is_killed() -> None:
    demo = subprocess.Popen([*PROGRAM, "demo", "--orders", "50"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        children = _children(demo.pid, 2)
    finally:
        demo.kill()
        demo.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    for child in alive:
        child.kill()
    assert not alive


@pytest.mark.parametrize("command", ["run", "sandbox"])
def test_a_process_that_ends_by_itself_is_told_at_once_and_ends_the_demo(command: str) -> None:
    demo = subprocess.Popen(
        [*PROGRAM, "demo", "--orders", "500", "--exit"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "a hub runs at" in line:
                break
        (ill,) = (child for child in psutil.Process(demo.pid).children() if child.cmdline()[len(PROGRAM)] == command)
        ill.kill()
        _, said = demo.communicate(timeout=40)
        assert demo.returncode == 1
        assert f"`crossdock {command}` ended" in said
        assert "should not have happened" not in said
        assert not psutil.pid_exists(ill.pid)
    finally:
        demo.terminate()
        demo.communicate()


def _children(pid: int, count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = psutil.Process(pid).children()
        if len(children) >= count:
            return children
        time.sleep(0.1)
    raise AssertionError("the demo did not start its processes")


@pytest.mark.parametrize(
    "arguments", [["--orders", "0"], ["--orders", "x"], ["--keep", os.fspath(Path(__file__).parent)]]
)
def test_wrong_usage_is_told_before_anything_starts(arguments: list[str]) -> None:
    done = subprocess.run(
        [*PROGRAM, "demo", "--exit", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
