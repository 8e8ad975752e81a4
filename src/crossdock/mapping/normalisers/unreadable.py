from __future__ import annotations


class Unreadable(ValueError):
    """A value that cannot be read for certain. The message says what was expected; a map may catch it with `try`."""


LONGEST = 60


def shown(value: object) -> str:
    """The value for a message, cut short."""
    text = str(value)
    return f'"{text[:LONGEST]}…"' if len(text) > LONGEST else f'"{text}"'
