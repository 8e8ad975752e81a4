"""The one writer: decides and commits Works in groups, and runs the few other writes (leases, retention)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import apsw

from crossdock.core import crash
from crossdock.core.errors import NotNow, StoreError, StoreLost
from crossdock.core.lanes import Lane
from crossdock.core.work import Committed, NotCommitted, Work
from crossdock.stores.batch import Batch
from crossdock.stores.facts import Head, wanted
from crossdock.stores.sqlite.damage import damage
from crossdock.stores.sqlite.lookup import look_up
from crossdock.stores.sqlite.writes import write

T = TypeVar("T")
Answer = Committed | NotCommitted | StoreError

_LOST = (apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.NoMemError)
"""After these nobody knows what is on the disk: a failed fsync is never tried again."""
_BUSY = (apsw.BusyError, apsw.LockedError, apsw.FullError)
"""Nothing was written, and later it may go."""


class Writer:
    """Not thread-safe: used by one thread at a time. Holds in memory what only it changes: heads, positions, fences."""

    def __init__(self, connection: apsw.Connection, path: str, now: Callable[[], float]) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._path = path
        self._now = now
        self._streams: dict[str, int] = {}
        self._heads: dict[Head, int] = {}
        self.lanes: dict[Lane, tuple[int, int]] = {}
        """lane → (position, fence)"""
        self._lost: StoreLost | None = None
        self.was_full = False
        """what was put off last found no room; else somebody else was writing"""
        self._remember()

    def apply(self, works: Sequence[Work]) -> list[Answer]:
        """One commit for all of them; an answer for each. Never raises for what a Work or the disk did."""
        if self._lost is not None:
            return [self._lost] * len(works)
        try:
            return list(self._commit(works))
        except _BUSY as error:
            return [self._put_off(error)] * len(works)
        except _LOST as error:
            if _no_room_for_index(error):
                return [self._put_off(error)] * len(works)
            return [self._lose(error)] * len(works)
        except Exception as error:
            self._roll_back()
            if len(works) == 1:
                refused = StoreError(f"Work {works[0].id} cannot be written: {type(error).__name__}: {error}")
                refused.__cause__ = error
                return [refused]
            # One of them holds what no column takes. Each on its own, so that it harms nobody.
            return [answer for work in works for answer in self.apply([work])]
        except BaseException:
            self._roll_back()
            raise

    def _commit(self, works: Sequence[Work]) -> list[Committed | NotCommitted]:
        cursor = self._cursor
        cursor.execute("BEGIN IMMEDIATE")
        batch = Batch(look_up(cursor, wanted(works), self.lanes, self._heads))
        answers = [batch.decide(work) for work in works]
        write(cursor, batch.changes, self._streams, self._now())
        if batch.changes.arrivals:
            crash.at("ingest.inserted")
        cursor.execute("COMMIT")
        return answers

    def run(self, job: Callable[[apsw.Cursor, Writer], T]) -> T:
        """A write that is not a Work, in a transaction of its own. Raises StoreError."""
        if self._lost is not None:
            raise self._lost
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
            result = job(self._cursor, self)
            self._cursor.execute("COMMIT")
        except _BUSY as error:
            raise self._put_off(error) from error
        except _LOST as error:
            raise (self._put_off(error) if _no_room_for_index(error) else self._lose(error)) from error
        except BaseException:
            self._roll_back()
            raise
        return result

    def now(self) -> float:
        return self._now()

    @property
    def lost(self) -> StoreLost | None:
        """Why nothing can be written any more."""
        return self._lost

    def reusable_bytes(self) -> int:
        """Inside the file, freed by what was removed."""
        if self._lost is not None:
            return 0
        return int(self._connection.pragma("freelist_count")) * int(self._connection.pragma("page_size"))

    @property
    def streams(self) -> dict[str, int]:
        return self._streams

    def close(self) -> None:
        if self.was_full:
            self._keep_log()
        self._connection.close()

    def _put_off(self, error: apsw.Error) -> StoreError:
        self._roll_back()
        self.was_full = not isinstance(error, apsw.BusyError | apsw.LockedError)
        # A sender reads this: it is not told where the store is.
        return self._lost or NotNow(
            f"the store cannot be written: {error}", hint="Free some space, or end what holds it."
        )

    def _lose(self, error: apsw.Error) -> StoreLost:
        # Closing would flush the file once more, and a success then would prove nothing.
        self._keep_log()
        cure = "Give the hub more memory" if _is_want_of_memory(error) else "Mend the disk"
        self._lost = damage(self._path, error) or StoreLost(
            f"{self._path} can no longer be written: {error}",
            hint=f"Nothing more is accepted. {cure}, then start the hub again: what was acknowledged is there.",
        )
        return self._lost

    def _keep_log(self) -> None:
        """Closing leaves the log as it is: the next life folds it into the file."""
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")
            self._remember()
        except apsw.Error as error:
            self._lose(error)

    def _remember(self) -> None:
        execute = self._cursor.execute
        self._streams = {name: code for code, name in execute("SELECT code, name FROM streams")}
        names = {code: name for name, code in self._streams.items()}
        self._heads = {
            (names[stream], partition): number
            for stream, partition, number in execute("SELECT stream, partition, number FROM heads")
        }
        self.lanes = {
            Lane(reader, stream, partition): (position, fence)
            for reader, stream, partition, position, fence in execute(
                "SELECT reader, stream, partition, position, fence FROM lanes"
            )
        }


def _no_room_for_index(error: apsw.Error) -> bool:
    """The log's index in shared memory could not grow: nothing of the transaction was written."""
    return getattr(error, "extendedresult", 0) in {apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_SHMMAP}


def _is_want_of_memory(error: apsw.Error) -> bool:
    return isinstance(error, apsw.NoMemError) or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_NOMEM
