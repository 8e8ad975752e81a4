"""Workers on machines of their own, cut off from their database or from the destinations over and over, under load."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from crossdock.testing.chaos import network, workers
from crossdock.testing.chaos.deciding import finish_and_decide
from crossdock.testing.chaos.inbox import ALL, Warehouse
from crossdock.testing.chaos.landing import FLOWS, Senders, project_of
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.network import CUTS, Network
from crossdock.testing.chaos.oracle import Oracle, oracle
from crossdock.testing.chaos.reckoning import judge
from crossdock.testing.chaos.standstill import overtaken
from crossdock.testing.live import HubProcess, signup
from crossdock.testing.services import Postgres

DATABASE, SINK, DOOR = "database", "sink", "door"
"""The switches: behind each is one of what a worker speaks with."""
MACHINES = {"one": (DATABASE,), "two": (SINK,), "three": (DATABASE, SINK)}
"""Each machine, and which of its cables are cut, all at once."""
TIMEOUT = "20s"
"""Of a request: longer than any cut. One that was given up while its worker goes on may land later, when the cable is
back: that is not promised."""
DAWDLE_S = 4.0
"""The destinations take up to so long."""
CUT_S = (1.0, 15.0)
CALM_S = (0.5, 4.0)
FLAPS = 3
"""of each machine, beside one another"""
PERSONS = 8
"""New ones each time that somebody sends."""
PAUSE_S = 0.2
REFUSES_WITHIN_S = 8.0
"""A worker without its database, on a busy machine."""


def lacks() -> str:
    """Why this cannot run here; "" = it can."""
    return network.lacks() or workers.lacks()


def partitions(seed: int, flaps: int = FLAPS, cut_s: tuple[float, float] = CUT_S) -> Ledger:
    ledger = Ledger(trials=1)
    chance = random.Random(f"partition/{seed}")  # noqa: S311 - the seed is the point
    with Network((DATABASE, SINK, DOOR)) as net, tempfile.TemporaryDirectory() as folder:
        reached = [net.address[DATABASE], net.address[SINK]]
        with Postgres(listen=reached) as server, oracle(chance, FLOWS, net.address[SINK]) as there:
            warehouse = Warehouse(server.url)
            there.dawdle_s = DAWDLE_S
            project = _project(Path(folder) / "main", there, net.address)
            warehouse.join(project, net.address[SINK], TIMEOUT)
            senders = Senders(chance)
            hubs = _under_load(ledger, net, project, senders, chance, flaps, cut_s)
            there.trouble = 0.0
            finish_and_decide(ledger, project, senders, there, ALL)
            warehouse.tell(there)
            asyncio.run(judge(ledger, project, senders, there, ALL))
            ledger.fenced += overtaken(hubs)
    return ledger


def _project(folder: Path, there: Oracle, address: Mapping[str, str]) -> Path:
    project_of(folder, there.urls, f"postgresql://hub@{address[DATABASE]}/postgres", TIMEOUT)
    settings = folder / "crossdock.yaml"
    first = urlsplit(there.urls["native"]).netloc
    settings.write_text(settings.read_text().replace(f'["{first}"', f'["{address[SINK]}:5432","{first}"'))
    return folder


def _under_load(
    ledger: Ledger,
    net: Network,
    project: Path,
    senders: Senders,
    chance: random.Random,
    flaps: int,
    cut_s: tuple[float, float],
) -> Sequence[str]:
    """The workers' logs."""
    with contextlib.ExitStack() as stack:
        hubs: dict[str, HubProcess] = {}
        for name in MACHINES:
            own = Path(shutil.copytree(project, project.with_name(name)))
            at = net.machine(name)[DOOR]
            hub = HubProcess(own, "--host", at, "--public", within=net.within(name))
            hubs[name] = stack.enter_context(hub)
        over = threading.Event()
        seeds = {name: random.Random(chance.random()) for name in MACHINES}  # noqa: S311
        with ThreadPoolExecutor(len(MACHINES) + 1) as pool:
            sending = pool.submit(_send, senders, list(hubs.values()), over)
            flapping = [
                pool.submit(_flap, ledger, net, name, hubs[name], seeds[name], flaps, cut_s) for name in MACHINES
            ]
            try:
                for one in flapping:
                    one.result()
            finally:
                over.set()
            sending.result()
        for hub in hubs.values():
            hub.process.terminate()
        for hub in hubs.values():
            if hub.process.wait(60.0) != 0:
                ledger.find("ended", f"a worker ended with {hub.process.returncode}: {hub.log[-500:]}")
        return [hub.log for hub in hubs.values()]


def _send(senders: Senders, hubs: Sequence[HubProcess], over: threading.Event) -> None:
    """To one worker after another: whoever is refused asks the next."""
    turn = 0
    while not over.wait(PAUSE_S):
        senders.more(PERSONS)
        senders.send_to(hubs[turn % len(hubs)])
        turn += 1


def _flap(
    ledger: Ledger,
    net: Network,
    name: str,
    hub: HubProcess,
    chance: random.Random,
    flaps: int,
    cut_s: tuple[float, float],
) -> None:
    cables = MACHINES[name]
    for _ in range(flaps):
        time.sleep(chance.uniform(*CALM_S))
        how = chance.choice(CUTS)
        for cable in cables:
            net.cut(name, cable, how)
        healed_at = time.monotonic() + chance.uniform(*cut_s)
        with ThreadPoolExecutor(1) as pool:
            if DATABASE in cables:
                pool.submit(_ask, ledger, name, hub, f"cut {name} {chance.random()}")
            time.sleep(max(healed_at - time.monotonic(), 0.0))
            for cable in cables:
                net.heal(name, cable)
        ledger.harms["cut cable" if len(cables) == 1 else "cut all cables"] += 1


def _ask(ledger: Ledger, name: str, hub: HubProcess, what: str) -> None:
    """A worker without its database says so, and soon."""
    began_at = time.monotonic()
    status = hub.post(signup(what, type="unheard of"))
    took_s = time.monotonic() - began_at
    if status not in {200, 503} or took_s > REFUSES_WITHIN_S:
        ledger.find("stuck", f"{name} answered {status} after {took_s:.1f} s without its database")
