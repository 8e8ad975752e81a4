"""A defect, of a connector or of ours, is told to the operator, and stops one delivery instead of the hub.

Want of memory is no defect: it says nothing of what was at work, may meet anything, and ends the hub.
"""

from __future__ import annotations

import errno
import sys
import traceback

import structlog

LONGEST_WORDS = 300
MOST = 1_000
_NO_THREAD = ("can't start new thread", "Failed to spawn tokio runtime thread")
"""CPython's words (_threadmodule.c), and the HTTP client's at the first request of a life: no memory for its stack."""

log = structlog.get_logger("crossdock.hub")


def bug_in(what: str, *, words: bool = True, whose: str = "the connector's") -> str:
    """Of the exception being handled: its kind, its place and, at some length, its words. The words may quote the value
    that was at fault: without them where that could be a secret. Raises MemoryError where there was none left."""
    error = sys.exc_info()[1]
    assert error is not None, "only while an exception is handled"
    if _is_want_of_memory(error):
        raise MemoryError(f"no memory left at {what}") from error
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:LONGEST_WORDS] if words else ""
    kind = type(error).__name__ + (f": {said}" if said else "")
    return f"{whose} code for {what} failed: {kind} ({place.filename}, line {place.lineno}, in {place.name})"


def _is_want_of_memory(error: BaseException) -> bool:
    no_thread = isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_THREAD)
    return no_thread or isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)


class Bugs:
    """Those that stop nothing, so that only the log tells of them: each once, however often it is met."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, event: str, what: str, *, connection: str, words: bool = True) -> None:
        """Of the exception being handled. Raises MemoryError as `bug_in` does."""
        defect = bug_in(what, words=False)
        if defect not in self._told:
            if len(self._told) >= MOST:
                self._told.clear()
            self._told.add(defect)
            log.error(event, connection=connection, why=bug_in(what, words=words), exc_info=words)
