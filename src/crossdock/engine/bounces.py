"""Two systems that undo each other's changes are stopped: a record comes back changed, again and again, at once."""

from __future__ import annotations

from collections import OrderedDict, deque

from crossdock.core.xref import CrossReference

WINDOW_S = 60.0
MOST = 5
"""Times in the window that a record may come back changed right after the hub wrote it."""
MOST_RECORDS = 10_000
"""watched at once; the one that came back longest ago is forgotten first"""
WHY = (
    f"loop guard: this record came back changed {MOST} times within a minute of the hub's writing it; two systems undo"
    " each other's changes. Find out what they do not agree on, then: crossdock quarantine retry"
)


class Bounces:
    """Within one process: a record's messages are read by one."""

    def __init__(self) -> None:
        self._times: OrderedDict[tuple[str, str, str], deque[tuple[float, str]]] = OrderedDict()

    def too_many(self, reference: CrossReference, cause: str, now: float) -> bool:
        """Notes that a record came in, by this message, that is not the hub's own write. Only right after one may it be
        an answer. A message that is read again, since its commit did not hold, is noted once."""
        if not reference.effect_id or now - reference.updated_at > WINDOW_S:
            return False
        name = (reference.account, reference.model, reference.key)
        times = self._times.setdefault(name, deque(maxlen=MOST + 1))
        self._times.move_to_end(name)
        if len(self._times) > MOST_RECORDS:
            self._times.popitem(last=False)
        while times and now - times[0][0] > WINDOW_S:
            times.popleft()
        if all(cause != noted for _, noted in times):
            times.append((now, cause))
        return len(times) > MOST
