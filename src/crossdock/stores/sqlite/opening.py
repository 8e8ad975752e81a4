"""Opening the file: who may, in which schema, under which pragmas."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, TextIO

import apsw

from crossdock.core import crash
from crossdock.core.errors import StoreError
from crossdock.stores.sqlite.damage import RESERVED_BYTES, damage, refuse_a_hole_in_the_log, refuse_unchecked, vfs

APPLICATION_ID = 0x58444F4B
"""Marks a SQLite file as a hub's store ("XDOK")."""

BUSY_MS = 10_000
WRITER_CACHE_KIB = 65_536
READER_CACHE_KIB = 8_192
CHECKPOINT_PAGES = 3_000
"""Of the log, above which it is folded into the file, and everybody waits: the more pages, the longer that takes and
the seldomer (docs/decisions/0003)."""
PAGE_BYTES = 4096
LOG_PART_OF_DISK = 16
"""One such part of the disk may be the log's."""
WAL_KEPT_BYTES = 128 << 20

MEMORY = ":memory:"


def migrations() -> list[str]:
    """The SQL of each schema version, in order: item 0 makes version 1."""
    folder = resources.files("crossdock.stores.sqlite") / "migrations"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [entry.read_text(encoding="utf-8") for entry in files]


class Holder:
    """The hub that holds a store's file, by an advisory lock on `<file>.lock` that ends with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: TextIO | None = None

    def take(self) -> None:
        """Raises StoreError naming the holder."""
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            told = file.read()
            file.close()
            raise StoreError(
                f"{self._path.with_suffix('')} is held by another hub{_told(told)}",
                hint="Stop that hub first. A hub has one store, and a store one hub.",
            ) from None
        file.seek(0)
        file.truncate()
        # Wall time: for a person who reads the message above, never compared.
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "started": started}, file)
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # the disk may be gone: the lock ends with the file all the same
                self._file.truncate(0)
            self._file.close()
            self._file = None


def _told(text: str) -> str:
    try:
        holder: dict[str, Any] = json.loads(text)
        return f": process {holder['pid']} on {holder['host']}, since {holder['started']}"
    except (ValueError, KeyError, TypeError):
        return ""


def connect_writer(path: str) -> apsw.Connection:
    """The one connection that writes, durable at every commit. Raises StoreError."""
    if path != MEMORY:
        make_private(Path(path))
    connection = _connect(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
    try:
        connection.reserve_bytes("main", RESERVED_BYTES)  # of a file that is still empty
        if path != MEMORY and connection.pragma("journal_mode", "wal") != "wal":
            raise StoreError(f"{path}: this file system has no shared memory, which SQLite's log needs")
        connection.pragma("synchronous", "FULL")
        # macOS: fsync alone leaves the drive's cache; harmless elsewhere.
        connection.pragma("fullfsync", "ON")
        connection.pragma("checkpoint_fullfsync", "ON")
        connection.set_wal_hook(partial(_checkpoint, _most_pages(path)))
        connection.pragma("journal_size_limit", WAL_KEPT_BYTES)
        connection.pragma("cache_size", -WRITER_CACHE_KIB)
        connection.pragma("temp_store", "MEMORY")
        _version(connection, path)
        refuse_a_hole_in_the_log(connection, path)
        _fold_log(connection)
        migrate(connection, path)
    except apsw.Error as error:
        connection.close()
        raise unusable(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def make_private(path: Path) -> None:
    """An empty file for its owner alone, where there is none yet: SQLite fills it, and gives its log the same rights.
    What cannot be made is told when it is opened."""
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _fold_log(connection: apsw.Connection) -> None:
    """Writes into the file, and flushes, what an earlier life left in the log, before anything is built on it. After a
    flush that failed the system takes pages of the log for written that are on no disk: they are read well until the
    power goes."""
    connection.set_busy_timeout(BUSY_MS // 10)
    with contextlib.suppress(apsw.BusyError, apsw.FullError):  # somebody reads, or there is no room right now
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.set_busy_timeout(BUSY_MS)


def _most_pages(path: str) -> int:
    """Of the log: no large part of a small disk, on which there must be room for what is folded into the file."""
    with contextlib.suppress(OSError):
        disk = os.statvfs(Path(path).parent)
        return min(CHECKPOINT_PAGES, disk.f_blocks * disk.f_frsize // PAGE_BYTES // LOG_PART_OF_DISK)
    return CHECKPOINT_PAGES


def _checkpoint(most: int, connection: apsw.Connection, database: str, pages: int) -> int:
    """After each commit: what SQLite's own `wal_autocheckpoint` does."""
    if pages >= most:
        crash.at("checkpoint.start")
        with contextlib.suppress(apsw.BusyError, apsw.FullError):  # somebody reads, or no room: with a later commit
            connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_PASSIVE)
    return apsw.SQLITE_OK


def connect_reader(path: str) -> apsw.Connection:
    """Reads only. Raises StoreError, also when the file's schema is not this program's."""
    if not Path(path).exists():
        raise StoreError(f"there is no store at {path}", hint="`crossdock run` makes one.")
    connection = _connect(path, apsw.SQLITE_OPEN_READONLY)
    try:
        connection.pragma("cache_size", -READER_CACHE_KIB)
        version = _version(connection, path)
        if version < len(migrations()):
            raise StoreError(
                f"{path} has schema {version}, this program reads {len(migrations())}",
                hint="`crossdock run` brings it up to date, after a backup.",
            )
    except apsw.Error as error:
        connection.close()
        raise unusable(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _connect(path: str, flags: int) -> apsw.Connection:
    try:
        connection = apsw.Connection(path, flags=flags, vfs=vfs(), statementcachesize=300)
    except apsw.Error as error:
        raise unusable(path, error) from error
    connection.set_busy_timeout(BUSY_MS)
    return connection


def unusable(path: str, error: apsw.Error) -> StoreError:
    return damage(path, error) or StoreError(
        f"{path} cannot be used as a store: {error}", hint="Check the path, its rights and the disk."
    )


def _version(connection: apsw.Connection, path: str) -> int:
    """The file's schema version. Raises StoreError if the file is not ours, newer than this program, or damaged."""
    version = int(connection.pragma("user_version"))
    if version and connection.pragma("application_id") != APPLICATION_ID:
        raise StoreError(f"{path} is a SQLite file, but not a hub's store")
    if version:
        refuse_unchecked(connection, path)
    if version > len(migrations()):
        raise StoreError(
            f"{path} was written by a newer Crossdock: its schema is {version}, this program knows {len(migrations())}",
            hint="Run the newer program, or restore the backup that it made before it changed the file.",
        )
    return version


def migrate(connection: apsw.Connection, path: str) -> None:
    """Brings the schema up to date, each step in one transaction; a store that holds anything is copied first, to
    `<file>.before-<version>`. A kill at any point leaves either the old schema or the new."""
    version = _version(connection, path)
    pending = migrations()[version:]
    if not pending:
        return
    if version:
        _back_up(connection, path, version)
    elif connection.execute("SELECT count(*) FROM sqlite_schema").get:
        raise StoreError(f"{path} is a SQLite file, but not a hub's store")
    for number, sql in enumerate(pending, version + 1):
        with connection:
            connection.execute(sql)
            crash.at("migrate.step")
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", number)


def _back_up(connection: apsw.Connection, path: str, version: int) -> None:
    """A whole copy beside the file, complete or absent."""
    copy = Path(f"{path}.before-{version + 1}")
    unfinished = Path(f"{copy}.unfinished")
    unfinished.unlink(missing_ok=True)
    make_private(unfinished)
    connection.execute("VACUUM INTO ?", (str(unfinished),))
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(copy)
