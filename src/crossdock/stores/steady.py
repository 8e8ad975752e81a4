"""The instants by which stores date what has none of its own."""

from __future__ import annotations

import time
from collections.abc import Callable


def steady_clock() -> Callable[[], float]:
    """Seconds since the epoch: the wall clock's when it is made, and from then on monotonic. What a jump of the wall
    clock dated into the past would be removed before its time."""
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset
