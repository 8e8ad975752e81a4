"""The log is folded into the file before it grows long: in the writer's own time, or beside it.

Beside it, a thread copies what is in the log while the writer goes on, in steps, and flushes it. Only what came since
the last step is left to the writer, which then begins the log anew. So nobody waits while a large file's pages, which
lie anywhere in it, go to the disk.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import apsw

from crossdock.core import crash

CHECKPOINT_PAGES = 16_000
PAGE_BYTES = 4096
LOG_PART_OF_DISK = 16
"""One such part of the disk may be the log's."""
STEPS = 4
"""in which the log is folded beside the writer"""
MOST_LOGS = 2
"""So many times its length may the log grow before the writer waits for the thread beside it."""

_LATER = (apsw.BusyError, apsw.LockedError, apsw.FullError, apsw.NoMemError, MemoryError)
"""Somebody reads, or there is no room: with a later commit."""
_flush = getattr(os, "fdatasync", os.fsync)


def most_pages(path: str) -> int:
    """Of the log: no large part of a small disk, on which there must be room for what is folded into the file."""
    with contextlib.suppress(OSError):
        disk = os.statvfs(Path(path).parent)
        return min(CHECKPOINT_PAGES, disk.f_blocks * disk.f_frsize // PAGE_BYTES // LOG_PART_OF_DISK)
    return CHECKPOINT_PAGES


class InPlace:
    """A hook for after each commit: what SQLite's own `wal_autocheckpoint` does."""

    def __init__(self, path: str) -> None:
        self._most = most_pages(path)

    def __call__(self, connection: apsw.Connection, database: str, pages: int) -> int:
        if pages >= self._most:
            _fold(connection, database)
        return apsw.SQLITE_OK


class Beside:
    """The same with a thread beside the writer, until `stop`, which closes `connection`: one more to the same file.

    What fails there fails the writer's next commit: after a flush that failed nothing may be built on the file."""

    def __init__(self, path: str, connection: apsw.Connection) -> None:
        self._most = most_pages(path)
        self._connection = connection
        self._handles = _handles_of(path)
        self._folded = 0
        """pages of the log that are in the file"""
        self._failure: BaseException | None = None
        self._stopping = False
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._run, name=f"log of {Path(path).name}", daemon=True)
        self._thread.start()

    def __call__(self, connection: apsw.Connection, database: str, pages: int) -> int:
        if pages >= self._most * MOST_LOGS:
            self._idle.wait()
        if not self._idle.is_set():
            return apsw.SQLITE_OK
        if self._failure is not None:
            raise apsw.IOError(f"its log could not be folded into the file: {self._failure}") from self._failure
        if pages < self._folded:
            self._folded = 0
        if pages >= self._most:
            _fold(connection, database)
        elif pages - self._folded >= self._most // STEPS:
            self._idle.clear()
            self._wake.set()
        return apsw.SQLITE_OK

    def stop(self) -> None:
        """Returns when nothing is under way."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._stopping:
                break
            try:
                self._folded = self._step()
            except _LATER:
                pass
            except BaseException as error:
                self._failure = error
            self._idle.set()
        self._connection.close()
        self._idle.set()

    def _step(self) -> int:
        """Copies what the log holds and flushes it: SQLite flushes only where the log has not grown meanwhile."""
        crash.at("checkpoint.start")
        _, folded = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        for handle in self._handles:
            _flush(handle)
        return folded


def _fold(connection: apsw.Connection, database: str) -> None:
    crash.at("checkpoint.start")
    with contextlib.suppress(*_LATER):
        connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_PASSIVE)


def _handles_of(path: str) -> list[int]:
    """One of this process's own handles of the file, if the system tells. Another must not be opened: closing it would
    end SQLite's locks."""
    with contextlib.suppress(OSError):
        file = Path(path).stat()
        for handle in Path("/dev/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(int(handle.name)), file):
                    return [int(handle.name)]
    return []
