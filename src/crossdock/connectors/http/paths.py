"""How settings of the http connector point at values: dotted paths, alternatives, and templates with {fields}."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crossdock.core.errors import ForAPerson
from crossdock.models.violation import nearest

_NAME = re.compile(r"[^.{}|\s]+(?:\.[^.{}|\s]+)*")
_FIELD = re.compile(r"\{([^{}]*)\}")
_HUB = "hub."
OF_THE_HUB = ("hub.key", "hub.marker", "hub.remote_id")
"""Fields of a template that the hub fills in by itself, beside {hub.needs.NAME}. All others are of the input."""
MISSING = object()


def check_path(text: str) -> str:
    """A dotted path, `order.lines.0.sku`, or "" for the whole value. Raises ValueError."""
    if text and not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no path: write names and positions joined by dots, as in order.lines.0.sku")
    return text


def at(value: Any, path: str) -> Any:
    """What is at the path, or MISSING."""
    for step in path.split(".") if path else ():
        if isinstance(value, Mapping) and step in value:
            value = value[step]
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes) and step.isdecimal():
            position = int(step)
            if position >= len(value):
                return MISSING
            value = value[position]
        else:
            return MISSING
    return value


def as_text(value: Any) -> str:
    """A value that can name something: text, a number or a truth value. All else, null too, is "": no record is ever
    called "None"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.strip() if isinstance(value, str) else ""


def put(value: Any, path: str, new: Any) -> Any:
    """A copy of a JSON object with `new` at the path; missing objects on the way are made. Raises ForAPerson."""
    name, _, rest = path.partition(".")
    if not isinstance(value, Mapping):
        raise ForAPerson(f"there is no object to write {path!r} into")
    return {**value, name: put(value.get(name, {}), rest, new) if rest else new}


@dataclass(frozen=True, slots=True)
class Place:
    """One alternative of a `Source`."""

    kind: str
    """body | item | header | query | text | content"""
    name: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a webhook says something: `header:X-Request-Id | item.id | content`. The first that is there counts."""

    text: str
    places: tuple[Place, ...]

    @staticmethod
    def parse(text: str) -> Source:
        """Raises ValueError."""
        return Source(text, tuple(_place(part.strip()) for part in text.split("|")))

    def __iter__(self) -> Iterator[Place]:
        return iter(self.places)


def _place(text: str) -> Place:
    kind, colon, name = text.partition(":")
    if colon and kind in {"header", "query", "text"} and name.strip():
        return Place(kind, name.strip().lower() if kind == "header" else name.strip())
    if text == "content":
        return Place("content", "")
    root, _, rest = text.partition(".")
    if root in {"body", "item"}:
        return Place(root, check_path(rest))
    raise ValueError(
        f"{text!r} points nowhere: write body.PATH, item.PATH, header:NAME, query:NAME, text:WORD or content,"
        " and | between alternatives"
    )


def check_template(text: str) -> str:
    """Text with {fields}. Raises ValueError."""
    for name in _FIELD.findall(text):
        if not name or not check_path(name):
            raise ValueError(f"{text!r} has an empty field: write {{name}} or {{order.id}}")
        if name.startswith(_HUB) and name not in OF_THE_HUB and not name.startswith(f"{_HUB}needs."):
            meant = nearest(name, OF_THE_HUB)
            known = ", ".join(f"{{{each}}}" for each in (*OF_THE_HUB, f"{_HUB}needs.NAME"))
            raise ValueError(
                f"the hub knows no {{{name}}}; " + (f"did you mean {{{meant}}}?" if meant else f"it knows {known}")
            )
    if "{" in _FIELD.sub("", text) or "}" in _FIELD.sub("", text):
        raise ValueError(f"{text!r} has a brace that is not closed or not opened")
    return text


def fields_of(text: str) -> tuple[str, ...]:
    return tuple(_FIELD.findall(text))


def fill(text: str, look: Callable[[str], Any], quote: Callable[[str], str]) -> str:
    """The template with each field replaced. Raises ForAPerson where a field has nothing to say."""

    def one(match: re.Match[str]) -> str:
        said = as_text(look(match[1]))
        if not said:
            raise ForAPerson(f"the input has no {match[1]!r}, which {text!r} needs")
        return quote(said)

    return _FIELD.sub(one, text)
