"""Room on the disk: when nothing more is let in, and the ballast that is thrown off so that outcomes can be recorded.

A full disk is not only no place for what comes in: SQLite's log must grow before even a row can be removed. So intake
stops at a watermark, what is under way goes on below it, and at the very end a file kept for that purpose is given up.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

MOST_LOW_BYTES = 512 << 20
LOW_SHARE = 0.05
MOST_BALLAST_BYTES = 16 << 20
RESUME_PERCENT = 110
"""Intake goes on at this share of the watermark, so that it does not flap."""
LOOK_S = 1.0
_ZEROS = bytes(1 << 20)


@dataclass(frozen=True, slots=True)
class Watermark:
    """Below `low_bytes` nothing is let in."""

    low_bytes: int
    ballast_bytes: int


def watermark_of(total_bytes: int) -> Watermark:
    """512 MiB, or 5 % of a smaller disk."""
    low = min(MOST_LOW_BYTES, int(total_bytes * LOW_SHARE))
    return Watermark(low, min(MOST_BALLAST_BYTES, low // 2))


def lets_in(mark: Watermark, free_bytes: int, reusable_bytes: int, *, refusing: bool) -> bool:
    """`reusable_bytes` are inside the store's file: retention freed them, new rows go there first. They count, but the
    log needs some of the disk itself."""
    low = mark.low_bytes * RESUME_PERCENT // 100 if refusing else mark.low_bytes
    return free_bytes + reusable_bytes >= low and free_bytes >= low / 4


def measure(path: Path) -> tuple[int, int]:
    """(bytes that this user may still write, bytes of the whole disk)."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize


class Room:
    """For one store's file, by one thread. `refusal` says why nothing is let in, "" when it is."""

    def __init__(
        self,
        path: Path,
        *,
        measure: Callable[[Path], tuple[int, int]] = measure,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = path.parent
        self._ballast = path.with_name(path.name + ".ballast")
        self._measure = measure
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self.refusal = ""
        free, total = measure(self._folder)
        self.mark = watermark_of(total)
        if not self._has_ballast and lets_in(self.mark, free - self.mark.ballast_bytes, 0, refusing=False):
            self._load()

    @property
    def _has_ballast(self) -> bool:
        with contextlib.suppress(OSError):
            return self._ballast.stat().st_size >= self.mark.ballast_bytes
        return False

    def look(self, reusable_bytes: Callable[[], int]) -> str:
        """The refusal as it is now; measured once a second at most."""
        now = self._monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            try:
                self._measured(reusable_bytes())
            except (OSError, apsw.Error) as error:
                # A sender reads this: it is not told where the store is.
                self.refusal = f"the disk does not tell how much room it has: {getattr(error, 'strerror', error)}"
        return self.refusal

    def _measured(self, reusable_bytes: int) -> None:
        free, _ = self._measure(self._folder)
        has_ballast = self._has_ballast
        # What was thrown off is to be taken in again first.
        spare = free if has_ballast else free - self.mark.ballast_bytes
        if not lets_in(self.mark, spare, reusable_bytes, refusing=bool(self.refusal)):
            self.refusal = f"{free >> 20:,} MiB are left on the disk, and {self.mark.low_bytes >> 20:,} are wanted"
        elif has_ballast or self._load():
            self.refusal = ""

    def full(self) -> bool:
        """A write found no room. Throws the ballast off; False when there is none to throw."""
        self.refusal = "the disk is full"
        self._looked_at = float("-inf")
        with contextlib.suppress(OSError):
            self._ballast.unlink()
            return True
        return False

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the disk may be gone
            self._ballast.unlink(missing_ok=True)

    def _load(self) -> bool:
        """Real blocks, not a promise of some. False when there is no room for them after all."""
        try:
            with self._ballast.open("wb") as file:
                if hasattr(os, "posix_fallocate") and self.mark.ballast_bytes:
                    os.posix_fallocate(file.fileno(), 0, self.mark.ballast_bytes)
                for start in range(file.seek(0, os.SEEK_END), self.mark.ballast_bytes, len(_ZEROS)):
                    file.write(_ZEROS[: self.mark.ballast_bytes - start])
        except OSError:
            self._ballast.unlink(missing_ok=True)
            return False
        return True
