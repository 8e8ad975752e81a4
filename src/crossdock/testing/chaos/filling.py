"""A small disk that others fill under load, and free, and fill again, below a real hub that nobody helps."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossdock.testing.chaos import mounted
from crossdock.testing.chaos.ending import finish
from crossdock.testing.chaos.landing import FLOWS, Senders, project_of
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.oracle import oracle
from crossdock.testing.chaos.reckoning import judge
from crossdock.testing.live import HubProcess, signup

FILLS = 2
DISK = ("-t", "tmpfs", "-o", "size=48m", "tmpfs")
HOG_BYTES = 1 << 16
PERSONS = 30
"""New ones in each round of sending."""
FULL_S = (0.5, 4.0)
"""How long there is no room."""
CALM_S = (0.3, 1.5)
RESUMES_WITHIN_S = 30.0
LOOK_S = 0.05


@functools.cache
def lacks() -> str:
    """Why this cannot run here; "" = it can."""
    return mounted.lacks((), *DISK)


def fills(seed: int) -> Ledger:
    chance = random.Random(f"fill/{seed}")  # noqa: S311 - the seed is the point
    ledger = Ledger(trials=1)
    senders = Senders(chance)
    with oracle(chance, FLOWS) as there, mounted.mount_point() as at:
        mounted.mount(at, *DISK)
        project = project_of(at / "p", there.urls)
        there.trouble = chance.choice((0.0, 0.1))
        with HubProcess(project) as hub:
            with _sending(senders, hub):
                for _ in range(FILLS):
                    time.sleep(chance.uniform(*CALM_S))
                    _fill(ledger, hub, at / "hog", chance)
            if hub.process.poll() is not None:
                ledger.find("ended", f"the hub ended with {hub.process.returncode}: {hub.log[-500:]}")
            hub.process.terminate()
            hub.process.wait(RESUMES_WITHIN_S)
        there.trouble = 0.0
        finish(ledger, project, senders)
        asyncio.run(judge(ledger, project, senders, there))
    return ledger


@contextlib.contextmanager
def _sending(senders: Senders, hub: HubProcess) -> Iterator[None]:
    """New messages, and again what was refused, until the block ends."""
    over = threading.Event()

    def send() -> None:
        while not over.wait(LOOK_S):
            if senders.waiting < 2 * PERSONS:
                senders.more(PERSONS)
            senders.send_to(hub)

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send)
        try:
            yield
        finally:
            over.set()
        sending.result()


def _fill(ledger: Ledger, hub: HubProcess, hog: Path, chance: random.Random) -> None:
    """Until there is no byte left; for a while; and then there is room again."""
    refused = False
    ends_at = time.monotonic() + chance.uniform(*FULL_S)
    with hog.open("wb", buffering=0) as file:
        while time.monotonic() < ends_at:
            with contextlib.suppress(OSError):  # the hub's ballast, when it is thrown off, is taken as well
                while file.write(bytes(HOG_BYTES)):
                    pass
            refused = refused or _asks(hub, chance) == 503
            time.sleep(LOOK_S)
    hog.unlink()
    freed_at = time.monotonic()
    ledger.harms["full disk"] += refused
    while _asks(hub, chance) != 200:
        if time.monotonic() > freed_at + RESUMES_WITHIN_S or hub.process.poll() is not None:
            ledger.find("stuck", f"nothing is accepted {RESUMES_WITHIN_S:.0f} s after there was room again")
            return
        time.sleep(LOOK_S)
    ledger.resumed_s = max(ledger.resumed_s, time.monotonic() - freed_at)


def _asks(hub: HubProcess, chance: random.Random) -> int:
    """Whether it accepts; a message that no flow wants."""
    return hub.post(signup(f"ask {chance.random()}", type="unheard of"))
