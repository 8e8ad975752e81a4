"""A defect, of a connector or of ours, is told to the operator, and stops one delivery instead of the hub."""

from __future__ import annotations

import sys
import traceback

import structlog

LONGEST_WORDS = 300
MOST = 1_000

log = structlog.get_logger("crossdock.hub")


def bug_in(what: str, *, words: bool = True, whose: str = "the connector's") -> str:
    """Of the exception being handled: its kind, its place and, at some length, its words. The words may quote the value
    that was at fault: without them where that could be a secret."""
    error = sys.exc_info()[1]
    assert error is not None, "only while an exception is handled"
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:LONGEST_WORDS] if words else ""
    kind = type(error).__name__ + (f": {said}" if said else "")
    return f"{whose} code for {what} failed: {kind} ({place.filename}, line {place.lineno}, in {place.name})"


class Bugs:
    """Those that stop nothing, so that only the log tells of them: each once, however often it is met."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, event: str, what: str, *, connection: str, words: bool = True) -> None:
        """Of the exception being handled."""
        defect = bug_in(what, words=False)
        if defect not in self._told:
            if len(self._told) >= MOST:
                self._told.clear()
            self._told.add(defect)
            log.error(event, connection=connection, why=bug_in(what, words=words), exc_info=words)
