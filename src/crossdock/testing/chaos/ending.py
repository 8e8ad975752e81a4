"""When all is calm: a last hub, that nobody harms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from crossdock.testing.chaos.landing import FLOWS, Senders
from crossdock.testing.chaos.ledger import Ledger
from crossdock.testing.chaos.reckoning import at_rest
from crossdock.testing.live import HubProcess

PATIENCE_S = 30.0
REST_S = 150.0
"""What a lost worker began is waited for, a request's time and half a minute."""
OTHERS_S = 3.0
"""So seldom somebody goes on sending: where nothing else is asked of a destination, what fails there for good makes its
breaker wait ever longer."""


def finish(ledger: Ledger, project: Path, senders: Senders, flows: Sequence[str] = FLOWS) -> None:
    """All is accepted, and at rest but for what a person must decide."""
    with HubProcess(project) as hub:
        began_at = time.monotonic()
        while senders.waiting and time.monotonic() < began_at + PATIENCE_S:
            senders.send_to(hub)
        if senders.waiting:
            ledger.find("stuck", f"{senders.waiting} messages are still not accepted")
        others_at = began_at
        while not asyncio.run(at_rest(project, flows)):
            if time.monotonic() > began_at + REST_S:
                ledger.find("stuck", f"not at rest after {REST_S:.0f} s")
                return
            if time.monotonic() > others_at + OTHERS_S:
                others_at = time.monotonic()
                senders.more(1)
                senders.send_to(hub)
            time.sleep(0.2)
