"""To notice a bit that flipped: every page of a store's file carries a checksum, and so does every frame of its log.

The pages' are written and verified by SQLite's own checksum VFS (sqlite.org/cksumvfs.html), which apsw's wheels carry.
The log's are SQLite's; it takes the first frame that does not agree for the end of the log, as after a power cut that
tore it. Whether it can be that is told here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import apsw
import apsw.sqlite_extra

from crossdock.core.errors import StoreError, StoreLost

VFS = "cksmvfs"
RESERVED_BYTES = 8
"""at the end of a page: its checksum"""
WHAT_TO_DO = (
    "Restore a backup: `crossdock store restore`. Until then nothing is accepted and nothing is sent. Look after the"
    " disk, too: a bit that flipped is seldom alone."
)

_MAGIC = 0x377F0683
_HEADER = struct.Struct(">8I")
"""of the log: magic, format, page size, checkpoints, salt, salt, checksum, checksum; sqlite.org/walformat.html"""
_FRAME = struct.Struct(">6I")
"""of a frame: page, pages of the file after a commit (else 0), salt, salt, checksum, checksum"""


def vfs() -> str:
    """The VFS that a store's file is opened with, on top of the default one. Raises StoreError."""
    if VFS not in apsw.vfs_names():
        default = apsw.vfs_names()[0]
        loader = apsw.Connection(":memory:")
        try:
            apsw.sqlite_extra.load(loader, "cksumvfs")
        except (LookupError, apsw.sqlite_extra.NotAvailable, apsw.Error) as error:
            raise StoreError(
                f"this apsw has no checksums for SQLite's pages: {error}", hint="Install apsw from its wheel."
            ) from error
        finally:
            loader.close()
        apsw.set_default_vfs(default)  # other files of this process are not the store's
    return VFS


def refuse_unchecked(connection: apsw.Connection, path: str) -> None:
    """Raises StoreError when the pages of the file carry no checksums, or do so no more."""
    if not int(connection.pragma("checksum_verification") or 0):
        raise StoreLost(f"{path} is damaged: its pages carry no checksums", hint=WHAT_TO_DO)


def damage(path: str, error: apsw.Error) -> StoreLost | None:
    """What SQLite's error means, when it means that the file is not as it was written."""
    wrong_page = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA
    if wrong_page or isinstance(error, apsw.CorruptError):
        found = "a page of it is not what was written there" if wrong_page else str(error)
        return StoreLost(f"{path} is damaged: {found}", hint=WHAT_TO_DO)
    return None


def refuse_a_hole_in_the_log(connection: apsw.Connection, path: str) -> None:
    """Before anything is built on the log that an earlier life left: raises StoreLost when it goes on behind the place
    where SQLite takes it for ended. A commit is flushed before the next frame is written, so where one stands behind
    it, no power cut tore it."""
    log = Path(f"{path}-wal")
    connection.pragma("schema_version")  # reads the log: a connection that has read nothing knows of none
    good, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    if log.exists() and _goes_on(log, max(good, 0)):
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # closing would cut off what is behind
        raise StoreLost(
            f"{path} is damaged: in its log, {log.name}, frame {max(good, 0) + 1} is not what was written there, and"
            " commits follow it",
            hint=f"{WHAT_TO_DO} `crossdock store backup` copies what is before that frame, without the commits behind.",
        )


def _goes_on(log: Path, good: int) -> bool:
    with log.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or not any(header):
            return False
        magic, _, page_bytes, _, *salts, first, second = _HEADER.unpack(header)
        order = ">" if magic & 1 else "<"
        if not good and (magic | 1 != _MAGIC or _sum(header[:24], order) != (first, second)):
            return os.fstat(file.fileno()).st_size > _HEADER.size  # it was flushed before the first frame was written
        before: tuple[int, int] | None = None
        for head, at in _frames(file.fileno(), page_bytes, good):
            _, pages, *of, first, second = _FRAME.unpack(head)
            if (
                of == salts
                and before
                and _sum(head[:8] + os.pread(file.fileno(), page_bytes, at), order, *before) == (first, second)
            ):
                return True
            before = (first, second) if of == salts and pages else None
    return False


def _frames(descriptor: int, page_bytes: int, first: int) -> Iterator[tuple[bytes, int]]:
    """The head of each frame behind the first so many, and where its page begins."""
    size = _FRAME.size + page_bytes
    for at in range(_HEADER.size + first * size, os.fstat(descriptor).st_size - size + 1, size):
        yield os.pread(descriptor, _FRAME.size, at), at + _FRAME.size


def _sum(data: bytes, order: str, one: int = 0, two: int = 0) -> tuple[int, int]:
    """The log's checksum, going on from that of the frame before."""
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + odd + one) & 0xFFFFFFFF
    return one, two
