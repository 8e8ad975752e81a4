"""Logs to stderr: readable where a person looks on, one JSON object a line elsewhere. Redacted in either case.

Everything that is logged passes here, other people's libraries included: one way out, so secrets are struck out once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor

Redact = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Such as `security.redaction.Redactor.mapping`."""

_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09,)}
"""What a terminal would obey, and a line break that would fake a line."""


def configure(
    redact: Redact, *, level: int = logging.INFO, stream: TextIO | None = None, as_json: bool | None = None
) -> None:
    """Replaces whatever logging was set up in this process. `as_json` None: JSON unless the stream is a terminal."""
    stream = stream or sys.stderr
    if as_json is None:
        as_json = not stream.isatty()

    def redacted(_: Any, __: str, event: EventDict) -> EventDict:
        return redact(event)

    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redacted,
        *([_json] if as_json else [_harmless, structlog.dev.ConsoleRenderer(timestamp_key="at")]),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=ending, foreign_pre_chain=common))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("crossdock").setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *common,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _json(_: Any, __: str, event: EventDict) -> str:
    first = {name: event.pop(name) for name in ("at", "level", "event") if name in event}
    return msgspec.json.encode({**first, **event}, enc_hook=str).decode()


def _harmless(_: Any, __: str, event: EventDict) -> EventDict:
    """Nothing in it can move the cursor or pass for a line of its own; an exception keeps its lines, set off."""
    exception = event.pop("exception", None)
    plain: EventDict = {name.translate(_CONTROLS): _plain(value) for name, value in event.items()}
    if exception is not None:
        plain["exception"] = "\n".join(f"    {line.translate(_CONTROLS)}" for line in str(exception).splitlines())
    return plain


def _plain(value: Any) -> Any:
    return value.translate(_CONTROLS) if isinstance(value, str) else value
