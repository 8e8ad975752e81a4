"""Names what is being computed at this instant, where a later life of the hub reads it though this one was killed.

A message that kills its reader (no memory left, a crash in a parser's C code) leaves no word behind in the store: it
was not even begun there. So its name stands in a shared page of memory while code runs over what came from outside, and
never while the hub waits. The page is a file's: it outlives the process, and needs to outlive no more.

A MemoryError ends the hub as well, though not at once: what met it stays named, whatever else runs until then.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

SIZE = 16_384
_SUFFIX = ".at-work"


class Named(NamedTuple):
    """What was at work when a hub died."""

    kind: str
    """message | delivery"""
    ids: tuple[str, ...]


class AtWork:
    """`with at_work.on("message", id):` around code that does not wait. Without a folder it notes nothing."""

    def __init__(self, folder: Path | None = None, environment: str = "", worker: str = "") -> None:
        self._folder = folder
        self._prefix = f"{environment}."
        self._own = f"{environment}.{worker.replace('/', '_')}{_SUFFIX}"
        self._file: IO[bytes] | None = None
        self._page: mmap.mmap | None = None
        self._told = b""

    def on(self, kind: str, *ids: str) -> AtWork:
        if self._page is not None:
            self._told = f"{kind} {' '.join(ids)}".encode()[: SIZE - 4]
        return self

    def __enter__(self) -> None:
        page = self._page
        if page is not None:
            page[4 : 4 + len(self._told)] = self._told
            page[:4] = len(self._told).to_bytes(4, "big")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, MemoryError):
            self._page = None
        if self._page is not None:
            self._page[:4] = b"\0\0\0\0"

    def dies_of(self, kind: str, *ids: str) -> None:
        """The hub ends for want of memory, which these met, if nothing is named yet."""
        self.on(kind, *ids).__enter__()
        self._page = None

    def take_over(self) -> Sequence[Named]:
        """What earlier lives were at work on when they died; from here on this life notes its own."""
        if self._folder is None or self._page is not None:
            return ()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _turn(self._folder):
            files = sorted(self._folder.glob(f"{self._prefix}*{_SUFFIX}"))
            found = [named for file in files if (named := _left_by(file))]
            file = (self._folder / self._own).open("w+b")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(SIZE)
        self._file, self._page = file, mmap.mmap(file.fileno(), SIZE)
        return found

    def close(self) -> None:
        """After a life that ended as it should."""
        if self._page is not None and self._file is not None and self._folder is not None:
            self._page.close()
            with _turn(self._folder):
                (self._folder / self._own).unlink(missing_ok=True)
                self._file.close()
            self._page = self._file = None


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Workers that start and end at once look at each other's files, and remove them, one after another."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _left_by(path: Path) -> Named | None:
    """None where nothing was at work, or where it still is. The file of a life that is over goes."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        data = file.read(SIZE)
        path.unlink(missing_ok=True)
    told = data[4 : 4 + int.from_bytes(data[:4], "big")].decode("utf-8", "replace")
    kind, _, ids = told.partition(" ")
    return Named(kind, tuple(ids.split())) if ids else None
