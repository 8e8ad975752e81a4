"""Disks of a test's own making under a store, and its file as SQLite alone sees it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import apsw

from crossdock.stores.sqlite import damage

D = TypeVar("D", bound=apsw.VFS)


@contextlib.contextmanager
def under_the_store(disk: D) -> Iterator[D]:
    """Until the block ends: what writes the checksums of the pages stands on this disk, which is the default VFS."""
    _forget()
    try:
        yield disk
    finally:
        disk.unregister()
        _forget()


def _forget() -> None:
    """It stands on what is the default when it is loaded next."""
    if damage.VFS in apsw.vfs_names():
        apsw.unregister_vfs(damage.VFS)


def sqlite(path: Path) -> apsw.Connection:
    """A connection whose pages carry checksums, as those of a store do, also in a new file."""
    connection = apsw.Connection(str(path), vfs=damage.vfs())
    connection.reserve_bytes("main", damage.RESERVED_BYTES)
    return connection
