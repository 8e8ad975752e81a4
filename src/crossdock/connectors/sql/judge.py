"""What a database's answer means. All of it happens in one transaction, so an error says that nothing was done.

Sources: PostgreSQL, "Appendix A. PostgreSQL Error Codes" (https://www.postgresql.org/docs/current/errcodes-appendix.html);
SQLite, "Result and Error Codes" (https://www.sqlite.org/rescode.html).
"""

from __future__ import annotations

from crossdock.core.judge import judge_http
from crossdock.core.verdict import NotDone, Refused, Verdict
from crossdock.core.wire import Response

PASSING_CLASSES = {
    "08": "the connection was lost",
    "40": "a deadlock, or a transaction that came between",
    "53": "the server is short of disk, memory or connections",
    "55": "somebody holds a lock",
    "57": "the server ends, or ended the statement",
    "58": "an error of the system",
    "XX": "an error of the server",
}
"""SQLSTATE class → what it is; any other class will be refused again."""
PASSING_CODES = frozenset(
    {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_INTERRUPT"}
    | {"SQLITE_NOMEM", "SQLITE_PROTOCOL"}
)


def judge_sql(response: Response, now: float) -> Verdict:
    """By the header `sqlstate` (PostgreSQL) or `sqlite-code`; what bears neither is judged as any answer is."""
    state, code = response.header("sqlstate"), response.header("sqlite-code")
    if not state and not code:
        return judge_http(response, now)
    said = response.body.decode("utf-8", "replace")[:500]
    if code:
        return NotDone(f"{code}: {said}") if code in PASSING_CODES else Refused(f"{code}: {said}")
    why = PASSING_CLASSES.get(state[:2])
    return NotDone(f"{state}, {why}: {said}") if why else Refused(f"{state}: {said}")
