"""Named crash points: `CROSSDOCK_CRASH=<point>[:n]` kills the process at the n-th passage. For tests of recovery."""

from __future__ import annotations

import os
import signal

_point, _, _count = os.environ.get("CROSSDOCK_CRASH", "").partition(":")
_left = int(_count or 1)


def at(point: str) -> None:
    """SIGKILL to this process when the environment names this point; otherwise nothing."""
    global _left
    if point == _point:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
