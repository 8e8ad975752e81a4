"""What a hub counts and measures, for Prometheus. A registry of its own: nothing is global, two hubs do not mix.

Counts start at 0 with the process; the books that must agree for ever travel in the store's Works, not here.
"""

from __future__ import annotations

from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

MOST_VALUES: Final = 1000
"""Distinct values of one label; later ones are counted together as `other`, so that no sender can grow the memory."""
LONGEST_VALUE: Final = 80
OTHER: Final = "other"

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LONG_SECONDS: Final = (
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    1800.0,
    3600.0,
    86400.0,
)

M = TypeVar("M", Counter, Gauge, Histogram)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._values: dict[str, set[str]] = {}
        self._children: dict[tuple[object, ...], Counter | Gauge | Histogram] = {}
        counter, gauge = self._counter, self._gauge
        self._accepted = counter("accepted", "Messages that were committed and acknowledged.", "connection")
        self._rejected = counter("rejected", "Requests that were not authenticated, by reason.", "connection", "reason")
        self._quarantined = counter("quarantined", "Messages that could not be understood.", "connection")
        self._delivered = counter("delivered", "Deliveries that are done.", "flow")
        self._failed = counter("failed", "Deliveries that failed, by what became of them.", "flow", "kind")
        self._retried = counter("retries", "Attempts after the first one.", "flow")
        self._exchanges = counter("exchanges", "Requests sent, by verdict.", "connection", "outcome")
        self._lag = gauge("lag_events", "Events that the flow has not planned yet.", "flow")
        self._oldest = gauge("oldest_waiting_seconds", "Age of the oldest delivery that is not settled.", "flow")
        self._open = gauge("open_deliveries", "Deliveries that are not settled, by state.", "flow", "state")
        self._unread = gauge("unread_messages", "Messages that were accepted and are not normalised yet.", "connection")
        self._refusing = gauge("intake_refused", "1 while nothing that comes in is accepted.")
        self._breaker = gauge("breaker_open", "1 while the connection's breaker is open.", "connection")
        self._paused = gauge("connection_paused", "1 while only a person can help the connection.", "connection")
        self._failing = gauge("poll_failing", "1 while the poll cannot be read.", "connection", "poll")
        self._receive_s = self._histogram("receive_seconds", "From request to durable.", _SECONDS, "connection")
        self._exchange_s = self._histogram("exchange_seconds", "From request to whole answer.", _SECONDS, "connection")
        self._end_to_end_s = self._histogram("end_to_end_seconds", "From event to delivered.", _LONG_SECONDS, "flow")

    def accepted(self, connection: str, amount: int) -> None:
        self._of(self._accepted, connection).inc(amount)

    def rejected(self, connection: str, reason: str) -> None:
        self._of(self._rejected, connection, reason).inc()

    def quarantined(self, connection: str, amount: int) -> None:
        self._of(self._quarantined, connection).inc(amount)

    def received(self, connection: str, seconds: float) -> None:
        self._of(self._receive_s, connection).observe(seconds)

    def delivered(self, flow: str, amount: int, seconds: float) -> None:
        """`seconds` since the event was appended, for each of the `amount`."""
        self._of(self._delivered, flow).inc(amount)
        end_to_end = self._of(self._end_to_end_s, flow)
        for _ in range(amount):
            end_to_end.observe(max(seconds, 0.0))

    def failed(self, flow: str, kind: str) -> None:
        self._of(self._failed, flow, kind).inc()

    def retried(self, flow: str) -> None:
        self._of(self._retried, flow).inc()

    def exchange(self, connection: str, outcome: str, seconds: float) -> None:
        self._of(self._exchanges, connection, outcome).inc()
        self._of(self._exchange_s, connection).observe(max(seconds, 0.0))

    def set_lag(self, flow: str, events: int) -> None:
        self._of(self._lag, flow).set(events)

    def set_oldest_waiting(self, flow: str, seconds: float) -> None:
        """0 when nothing waits."""
        self._of(self._oldest, flow).set(max(seconds, 0.0))

    def set_open(self, flow: str, state: str, amount: int) -> None:
        self._of(self._open, flow, state).set(amount)

    def set_unread(self, connection: str, messages: int) -> None:
        self._of(self._unread, connection).set(messages)

    def set_refusing(self, *, is_refusing: bool) -> None:
        self._refusing.set(is_refusing)

    def set_breaker(self, connection: str, *, is_open: bool) -> None:
        self._of(self._breaker, connection).set(is_open)

    def set_paused(self, connection: str, *, is_paused: bool) -> None:
        self._of(self._paused, connection).set(is_paused)

    def set_failing(self, connection: str, poll: str, *, is_failing: bool) -> None:
        self._of(self._failing, connection, poll).set(is_failing)

    def exposition(self) -> tuple[bytes, str]:
        """The text that Prometheus reads, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_PLAIN_0_0_4

    # --- how they are made ----------------------------------------------------------------------------------------

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"crossdock_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"crossdock_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"crossdock_{name}", text, labels, registry=self.registry, buckets=buckets)

    def _of(self, metric: M, *values: str) -> M:
        """The one of these labels. Kept here, since looking it up costs more than counting."""
        key = (metric, *values)
        child = self._children.get(key)
        if child is None:
            bounded = [self._bounded(name, value) for name, value in zip(metric._labelnames, values, strict=True)]
            child = metric.labels(*bounded)
            if OTHER not in bounded:
                self._children[key] = child
        return child  # type: ignore[return-value]

    def _bounded(self, label: str, value: str) -> str:
        values = self._values.setdefault(label, set())
        value = value[:LONGEST_VALUE]
        if value not in values:
            if len(values) >= MOST_VALUES:
                return OTHER
            values.add(value)
        return value
