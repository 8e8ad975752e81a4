"""QuickBooks' limits on names, numbers and notes.

Source: QuickBooks Online API reference (Customer, Item, Invoice); limits in characters.
"""

from __future__ import annotations

import re

DISPLAY_NAME = 500
ITEM_NAME = 100
NAME_PART = 100
DOC_NUMBER = 21
PAYMENT_REF = 21
DESCRIPTION = 4000
PRIVATE_NOTE = 4000
MEMO = 1000
PHONE = 30
EMAIL = 100

_FORBIDDEN = re.compile(r"[:\t\r\n]+")
_FORBIDDEN_IN_ITEMS = re.compile(r"[:\t\r\n\"']+")
_BLANKS = re.compile(r"\s+")

_MARK = re.compile(r"\[xd[0-9a-f]{16}\]")
"""How `Outbound.marker` looks in a note."""


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def clean(text: str, limit: int) -> str:
    """A name part: no colon, tab or newline, no blanks around it."""
    return cut(_BLANKS.sub(" ", _FORBIDDEN.sub(" ", text)).strip(), limit)


def display_name(name: str, suffix: str = "") -> str:
    """A customer's name, unique in the company by its suffix: `John Smith (5310000000456)`."""
    tail = f" ({suffix})" if suffix else ""
    return clean(name, DISPLAY_NAME - len(tail)) + tail


def item_name(title: str, suffix: str = "") -> str:
    tail = f" ({suffix})" if suffix else ""
    plain = _BLANKS.sub(" ", _FORBIDDEN_IN_ITEMS.sub(" ", title)).strip()
    return cut(plain, ITEM_NAME - len(tail)) + tail


def short_id(key: str) -> str:
    """What tells an entity from its namesakes: the remote id in its key, `5310000000456`; its end if it is long."""
    return clean(key.partition(":")[2] or key, 500)[-32:]


def number(text: str, limit: int) -> str:
    """A document number: without `#`, and its end where it is too long, for that is what differs."""
    plain = clean(text.lstrip("#"), 500)
    return plain if len(plain) <= limit else plain[-limit:]


def private_note(notes: str, about: str, marker: str) -> str:
    """What only the seller reads; the mark stands at the end and is never cut off."""
    tail = f"{about} [{marker}]"
    return f"{cut(notes.strip(), PRIVATE_NOTE - len(tail) - 1)}\n{tail}" if notes.strip() else tail


def marked(note: object, marker: str) -> bool:
    return isinstance(note, str) and f"[{marker}]" in note


def bears_a_mark(note: object) -> bool:
    """Whether the hub made this record, for whomever."""
    return isinstance(note, str) and _MARK.search(note) is not None
