"""A whole copy of a store's file, made while a hub works on it; and its way back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import apsw

from crossdock.core.errors import StoreError, StoreLost
from crossdock.stores.sqlite.damage import damage, refuse_a_hole_in_the_log, vfs
from crossdock.stores.sqlite.opening import APPLICATION_ID, BUSY_MS, Holder, connect_reader, make_private, migrations

KEPT = ".before-restore"


def back_up(path: Path, to: Path) -> int:
    """Its size. The copy is of one moment, complete, checked, and its owner's alone; or there is none. Raises
    StoreError."""
    if to.exists():
        raise StoreError(f"there is something at {to} already", hint="Name another file.")
    unfinished = to.with_name(to.name + ".unfinished")
    connection = connect_reader(str(path))
    try:
        unfinished.unlink(missing_ok=True)
        make_private(unfinished)
        connection.execute("VACUUM INTO ?", (str(unfinished),))
        check(unfinished)
        _flush(unfinished)
        unfinished.replace(to)
        _flush(to.parent)
    except (apsw.Error, OSError) as error:
        if isinstance(error, apsw.Error) and (found := damage(str(path), error)):
            raise found from error
        raise StoreError(
            f"the backup cannot be written: {error}", hint="Check the folder, its rights and its disk."
        ) from error
    finally:
        connection.close()
        unfinished.unlink(missing_ok=True)
    return to.stat().st_size


def restore(path: Path, backup: Path) -> Path | None:
    """Puts the backup in the store's place, while no hub holds it. Where the store that was there is now, None if there
    was none. A kill at any point leaves either of the two. Raises StoreError."""
    check(backup)
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = Holder(path)
    holder.take()
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        make_private(unfinished)
        shutil.copyfile(backup, unfinished)
        _flush(unfinished)
        kept = _set_aside(path)
        unfinished.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise StoreError(f"the backup cannot be put in place: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
        holder.release()
    return kept


def check(path: Path) -> None:
    """Whether it is a hub's store, whole, that this program can open. Raises StoreError."""
    if not path.is_file():
        raise StoreError(f"there is no file {path}")
    try:
        connection = apsw.Connection(
            f"{path.absolute().as_uri()}?immutable=1",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            vfs=vfs(),
        )
        try:
            if connection.pragma("application_id") != APPLICATION_ID:
                raise StoreError(f"{path} is not a backup of a hub's store")
            version = int(connection.pragma("user_version"))
            if version > len(migrations()):
                raise StoreError(f"{path} is of a newer Crossdock: its schema is {version}")
            said = connection.pragma("integrity_check")
        finally:
            connection.close()
    except apsw.Error as error:
        raise StoreError(f"{path} is not a backup of a hub's store: {error}") from error
    if said != "ok":
        raise StoreError(f"{path} is damaged: {said}", hint="Take an earlier backup.")


def _set_aside(path: Path) -> Path | None:
    """The present store stays beside, its log folded into it. One that cannot be opened goes aside with its log. Raises
    StoreError where somebody reads it; then nothing was changed."""
    if not path.exists():
        return None
    kept = path.with_name(path.name + KEPT)
    log, index = path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")
    try:
        _fold_log(path)
    except apsw.BusyError as error:
        raise StoreError(
            f"somebody is reading {path}: its log cannot be folded into it",
            hint="End what has it open, another crossdock command or a SQLite tool, and restore again.",
        ) from error
    except (apsw.Error, StoreLost):
        pass  # no store that SQLite can read, or a damaged one: kept as it is
    for file in (kept, kept.with_name(kept.name + "-wal")):
        file.unlink(missing_ok=True)
    os.link(path, kept)
    if log.exists():
        log.replace(kept.with_name(kept.name + "-wal"))
    index.unlink(missing_ok=True)
    return kept


def _fold_log(path: Path) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs())
    try:
        connection.set_busy_timeout(BUSY_MS // 10)
        refuse_a_hole_in_the_log(connection, str(path))
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    finally:
        connection.close()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
