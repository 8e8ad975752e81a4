"""Ends this process at a named crash point, on the word of the environment. For tests of recovery."""

from __future__ import annotations

import errno
import os
import signal
import threading
from typing import Never

from crossdock.core.crash import POINTS, watch
from crossdock.core.errors import UsageError

VARIABLE = "CROSSDOCK_CRASH"
"""`<point>[:n[:how]]`: at the n-th passage (1 = the first), `how` is one of `HOW`; without it, `kill`."""


def _kill() -> Never:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still here")


def _hang() -> Never:
    threading.Event().wait()
    raise AssertionError("still here")


def _raise() -> Never:
    raise RuntimeError("a crash point was asked to fail")


def _no_space() -> Never:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


HOW = {"kill": _kill, "hang": _hang, "exc": _raise, "enospc": _no_space}


def arm(said: str) -> None:
    """By the variable's value; "" arms nothing. Raises UsageError."""
    if not said:
        return
    point, _, rest = said.partition(":")
    count, _, how = rest.partition(":")
    if point not in POINTS or (count and not count.isdigit()) or (how or "kill") not in HOW:
        raise UsageError(f"{VARIABLE}={said} names no crash point", hint=f"the points: {', '.join(POINTS)}")
    left = int(count or 1)

    def passed(here: str) -> None:
        nonlocal left
        if here == point:
            left -= 1
            if left == 0:
                HOW[how or "kill"]()

    watch(passed)
