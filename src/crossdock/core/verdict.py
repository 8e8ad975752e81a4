"""What happened to an effect. Values, because all five are normal; the verdict alone decides the next state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Done(Struct, frozen=True, gc=False):
    """It happened. `answer` is what the action's steps read: usually the decoded body."""

    answer: Any = None


class NotDone(Struct, frozen=True, gc=False):
    """It definitely did not happen: trying again is safe."""

    why: str
    wait_s: float | None = None
    """No sooner than this, because the platform says so; None = the retry policy decides."""
    stale: bool = False
    """The request was built on an old read: build it anew (a new revision), not the same bytes."""
    counts: bool = True
    """Whether this uses up an attempt. Waiting for a rate limit or a fresh token does not."""


class Refused(Struct, frozen=True, gc=False):
    """The platform understood and will not: the same bytes will be refused again. A person must mend something."""

    why: str


class Unknown(Struct, frozen=True, gc=False):
    """It may have happened. Resolved by effect class, never blindly retried."""

    why: str


ItemVerdict = Done | NotDone | Refused | Unknown


class Items(Struct, frozen=True, gc=False):
    """A batch's answer, item by item, matched by id and never by position. Ids left out are Unknown."""

    by_id: Mapping[str, ItemVerdict]


Verdict = Done | Items | NotDone | Refused | Unknown
