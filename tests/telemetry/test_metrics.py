from prometheus_client.parser import text_string_to_metric_families

from crossdock.telemetry.metrics import MOST_VALUES, OTHER, Metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text, content_type = metrics.exposition()
    assert content_type.startswith("text/plain")
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[(sample.name, frozenset(sample.labels.items()))] = sample.value
    return found


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return samples(metrics)[(f"crossdock_{name}", frozenset(labels.items()))]


def test_what_is_counted_is_told() -> None:
    metrics = Metrics()
    metrics.accepted("shop", 3)
    metrics.accepted("shop", 2)
    metrics.rejected("shop", "clock")
    metrics.quarantined("shop", 1)
    metrics.delivered("invoices", 2, 0.2)
    metrics.failed("invoices", "refused")
    metrics.retried("invoices")
    metrics.exchange("books", "done", 0.03)
    metrics.received("shop", 0.004)
    metrics.set_lag("invoices", 17)
    metrics.set_oldest_waiting("invoices", 60.5)
    metrics.set_open("invoices", "retrying", 4)
    metrics.set_unread("shop", 12)
    metrics.set_breaker("books", is_open=True)
    metrics.set_paused("books", is_paused=False)
    assert value(metrics, "accepted_total", connection="shop") == 5
    assert value(metrics, "rejected_total", connection="shop", reason="clock") == 1
    assert value(metrics, "quarantined_total", connection="shop") == 1
    assert value(metrics, "delivered_total", flow="invoices") == 2
    assert value(metrics, "end_to_end_seconds_count", flow="invoices") == 2
    assert value(metrics, "failed_total", flow="invoices", kind="refused") == 1
    assert value(metrics, "retries_total", flow="invoices") == 1
    assert value(metrics, "exchanges_total", connection="books", outcome="done") == 1
    assert value(metrics, "exchange_seconds_sum", connection="books") == 0.03
    assert value(metrics, "receive_seconds_count", connection="shop") == 1
    assert value(metrics, "lag_events", flow="invoices") == 17
    assert value(metrics, "oldest_waiting_seconds", flow="invoices") == 60.5
    assert value(metrics, "open_deliveries", flow="invoices", state="retrying") == 4
    assert value(metrics, "unread_messages", connection="shop") == 12
    assert value(metrics, "breaker_open", connection="books") == 1
    assert value(metrics, "connection_paused", connection="books") == 0


def test_two_hubs_in_one_process_do_not_mix() -> None:
    one, other = Metrics(), Metrics()
    one.accepted("shop", 1)
    assert ("crossdock_accepted_total", frozenset({("connection", "shop")})) not in samples(other)


def test_labels_are_bounded_however_many_names_come() -> None:
    metrics = Metrics()
    for number in range(MOST_VALUES + 50):
        metrics.rejected("shop", f"reason-{number}")
    assert value(metrics, "rejected_total", connection="shop", reason=OTHER) == 50
    metrics.rejected("shop", "reason-0")
    assert value(metrics, "rejected_total", connection="shop", reason="reason-0") == 2
    metrics.rejected("shop", "x" * 10_000)
    assert len(metrics.exposition()[0]) < 1_000_000


def test_hostile_label_values_stay_one_value() -> None:
    metrics = Metrics()
    name = 'a"} 1\ncrossdock_accepted_total{connection="b'
    metrics.accepted(name, 1)
    assert value(metrics, "accepted_total", connection=name) == 1


def test_a_clock_that_jumps_back_makes_no_negative_duration() -> None:
    metrics = Metrics()
    metrics.delivered("invoices", 1, -3.0)
    metrics.exchange("books", "done", -1.0)
    assert value(metrics, "end_to_end_seconds_sum", flow="invoices") == 0
    assert value(metrics, "exchange_seconds_sum", connection="books") == 0
