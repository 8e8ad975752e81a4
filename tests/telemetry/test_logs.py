import io
import json
import logging
from collections.abc import Iterator
from decimal import Decimal

import pytest
import structlog

from crossdock.core.secret import Secret
from crossdock.security.redaction import STRUCK, Redactor
from crossdock.telemetry import logs

CANARY = "canary-1234567"


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.add(Secret(CANARY))
    return redactor


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("crossdock").setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_json_object_a_line_where_nobody_looks_on(redactor: Redactor) -> None:
    stream = io.StringIO()
    logs.configure(redactor.mapping, stream=stream)
    log = structlog.get_logger("crossdock.engine")
    structlog.contextvars.bind_contextvars(flow="invoices")
    log.info("delivered", key="o:1", amount=Decimal("19.90"), text="two\nlines")
    log.debug("not at this level")
    (line,) = lines(stream)
    assert line["event"] == "delivered"
    assert line["level"] == "info"
    assert line["logger"] == "crossdock.engine"
    assert line["flow"] == "invoices"
    assert line["amount"] == "19.90"
    assert line["text"] == "two\nlines"
    assert line["at"].endswith("Z")


def test_no_secret_gets_out_by_any_way(redactor: Redactor) -> None:
    for terminal in (False, True):
        stream = Terminal() if terminal else io.StringIO()
        logs.configure(redactor.mapping, stream=stream)
        log = structlog.get_logger("crossdock.x").bind(bound=CANARY)
        log.warning(f"in the event {CANARY}", field=CANARY, nested={"a": [CANARY, {"password": "unknown one"}]})
        log.warning("%s as an argument", CANARY)
        logging.getLogger("somebody.else").warning("from a library: %s", CANARY, extra={"more": CANARY})
        try:
            raise ValueError(f"in an exception {CANARY}")
        except ValueError:
            log.exception("failed")
            logging.getLogger("somebody.else").exception("failed too")
        shown = stream.getvalue()
        assert shown.count(STRUCK) >= 9
        assert CANARY not in shown
        assert "unknown one" not in shown
        assert "in an exception" in shown


def test_a_payload_cannot_write_on_the_terminal_or_fake_a_line(redactor: Redactor) -> None:
    stream = Terminal()
    logs.configure(redactor.mapping, stream=stream)
    structlog.get_logger("crossdock.x").warning("got", name="\x1b]0;owned\x07\r\n2026 [error] fake", other="\x9b31m")
    shown = stream.getvalue()
    assert len(shown.splitlines()) == 1
    assert "\x1b]" not in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown
    assert "owned" in shown


def test_libraries_are_heard_from_warning_on(redactor: Redactor) -> None:
    stream = io.StringIO()
    logs.configure(redactor.mapping, stream=stream)
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("heed this")
    assert [line["event"] for line in lines(stream)] == ["heed this"]


def test_whatever_is_logged_is_written(redactor: Redactor) -> None:
    stream = io.StringIO()
    logs.configure(redactor.mapping, stream=stream)
    log = structlog.get_logger("crossdock.x")
    log.info("odd", nan=float("nan"), thing=object(), raw=b"\xff", many={1, 2}, surrogate="\udcff", big=10**40)
    assert lines(stream)[0]["event"] == "odd"
