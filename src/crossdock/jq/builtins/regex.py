"""Regular expressions, in linear time (RE2). What RE2 cannot express, lookaround and backreferences, is an error."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

from crossdock.jq.budget import Meter
from crossdock.jq.builtins.registry import native
from crossdock.jq.errors import RunError
from crossdock.jq.text import shown_as, type_name

_LOOKAROUND = re.compile(r"(?<!\\)(?:\\\\)*\(\?(?:[=!]|<[=!]|>)")
_BACKREFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:[1-9]|k<)")
MAX_PATTERN = 10_000


class Pattern:
    """A compiled pattern with what jq's flags say about its use."""

    __slots__ = ("groups", "names", "regex", "skip_empty", "whole")

    def __init__(self, regex: Any, *, whole: bool, skip_empty: bool) -> None:
        self.regex = regex
        self.whole = whole
        self.skip_empty = skip_empty
        self.groups = regex.groups
        self.names = {number: name for name, number in regex.groupindex.items()}


@lru_cache(maxsize=512)
def compiled(pattern: str, flags: str) -> Pattern:
    """Raises RunError for flags jq does not know and patterns RE2 cannot take."""
    for flag in flags:
        if flag not in "gimnpslx":
            raise RunError(f"{flags} is not a valid modifier string")
    if len(pattern) > MAX_PATTERN:
        raise RunError(f"regular expression too long (limit: {MAX_PATTERN:,} characters)")
    if _LOOKAROUND.search(pattern):
        raise RunError(
            f"regular expression {pattern!r}: lookahead, lookbehind and atomic groups are not supported, "
            "because matching takes linear time; match more and capture the part you want"
        )
    if _BACKREFERENCE.search(pattern):
        raise RunError(f"regular expression {pattern!r}: backreferences are not supported")
    text = _unicode_classes(_extended(pattern) if "x" in flags else pattern)
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = "i" not in flags
    options.dot_nl = "p" in flags or "m" in flags
    options.longest_match = "l" in flags
    options.max_mem = 16 << 20
    try:
        regex = re2.compile(text, options=options)
    except re2.error as error:
        reason = error.args[0]
        reason = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise RunError(f"Regex failure: {reason} in {pattern!r}") from None
    return Pattern(regex, whole="g" in flags, skip_empty="n" in flags)


_OUTSIDE = {
    "w": r"[\p{L}\p{M}\p{N}_]", "W": r"[^\p{L}\p{M}\p{N}_]", "d": r"\p{Nd}", "D": r"\P{Nd}",
    "s": r"[\s\v\x{85}\p{Z}]", "S": r"[^\s\v\x{85}\p{Z}]", "h": "[0-9a-fA-F]", "H": "[^0-9a-fA-F]",
}  # fmt: skip
_INSIDE = {"w": r"\p{L}\p{M}\p{N}_", "d": r"\p{Nd}", "D": r"\P{Nd}", "s": r"\s\v\x{85}\p{Z}", "h": "0-9a-fA-F"}


def _unicode_classes(pattern: str) -> str:
    r"""The pattern with \w \d \s \h as jq means them, for all scripts; RE2's own know ASCII alone."""
    result: list[str] = []
    in_class = False
    i = 0
    while i < len(pattern):
        letter = pattern[i]
        if letter == "\\" and i + 1 < len(pattern):
            following = pattern[i + 1]
            result.append((_INSIDE if in_class else _OUTSIDE).get(following, letter + following))
            i += 2
            continue
        if letter == "[" and not in_class:
            in_class = True
            ahead = 2 if pattern.startswith("[^]", i) else 1 if pattern.startswith("[]", i) else 0
            result.append(pattern[i : i + ahead])
            i += ahead
            letter = pattern[i]
        elif letter == "[" and pattern.startswith("[:", i) and (end := pattern.find(":]", i)) > 0:
            result.append(pattern[i : end + 2])
            i = end + 2
            continue
        elif letter == "]":
            in_class = False
        result.append(letter)
        i += 1
    return "".join(result)


def _extended(pattern: str) -> str:
    """The pattern without the white space and comments that flag x allows."""
    result: list[str] = []
    i, in_class = 0, False
    while i < len(pattern):
        letter = pattern[i]
        if letter == "\\" and i + 1 < len(pattern):
            result.append(pattern[i : i + 2])
            i += 2
            continue
        if letter == "[":
            in_class = True
        elif letter == "]":
            in_class = False
        elif not in_class and letter.isspace():
            i += 1
            continue
        elif not in_class and letter == "#":
            while i < len(pattern) and pattern[i] != "\n":
                i += 1
            continue
        result.append(letter)
        i += 1
    return "".join(result)


def _arguments(v: Any, wanted: Any, flags: Any) -> Pattern:
    if type(wanted) is list:
        if len(wanted) > 1:
            flags = wanted[1]
        wanted = wanted[0] if wanted else None
    if type(v) is not str:
        raise RunError(f"{shown_as(v)} cannot be matched, as it is not a string")
    if type(wanted) is not str:
        raise RunError(f"{shown_as(wanted)} cannot be matched, as it is not a string")
    if flags is not None and type(flags) is not str:
        raise RunError(f"{shown_as(flags)} is not a string")
    return compiled(_encodable(wanted), flags or "")


def _encodable(text: str) -> str:
    """The text, with the replacement character for lone surrogates, which RE2 cannot take."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _matches(v: str, pattern: Pattern, everything: bool, meter: Meter) -> list[Any]:
    """The match objects; after an empty match the search goes on one character later, as jq's does."""
    v = _encodable(v)
    meter.charge(len(v) // 16 + 1)
    regex = pattern.regex
    if not everything:
        found = regex.search(v)
        if found is not None and pattern.skip_empty and found.start() == found.end():
            everything = True
        else:
            return [] if found is None else [found]
        single = True
    else:
        single = False
    results = []
    previous = (-1, -1)
    for found in regex.finditer(v):
        meter.charge(2)
        span = found.span()
        if span == previous or (pattern.skip_empty and span[0] == span[1]):
            continue
        previous = span
        results.append(found)
        if single:
            break
    return results


def _described(found: Any, pattern: Pattern) -> dict[str, Any]:
    captures = []
    for number in range(1, pattern.groups + 1):
        text = found.group(number)
        missing = text is None
        captures.append({
            "offset": -1 if missing else found.start(number),
            "length": 0 if missing else len(text),
            "string": text,
            "name": pattern.names.get(number),
        })  # fmt: skip
    text = found.group()
    return {"offset": found.start(), "length": len(text), "string": text, "captures": captures}


@native("_match", 2, meter=True, kind="list")
def match(v: Any, wanted: Any, flags: Any, meter: Meter) -> list[Any]:
    if type(wanted) is not list and type(wanted) is not str:
        raise RunError(f"{type_name(wanted)} not a string or array")
    pattern = _arguments(v, wanted, flags)
    return [_described(found, pattern) for found in _matches(v, pattern, pattern.whole, meter)]


@native("_test", 2, meter=True, kind="bool")
def test(v: Any, wanted: Any, flags: Any, meter: Meter) -> bool:
    if type(wanted) is not list and type(wanted) is not str:
        raise RunError(f"{type_name(wanted)} not a string or array")
    pattern = _arguments(v, wanted, flags)
    return bool(_matches(v, pattern, False, meter))


def _captured(found: Any, pattern: Pattern) -> dict[str, Any]:
    return {name: found.group(number) for number, name in sorted(pattern.names.items())}


@native("_capture", 2, meter=True, kind="list")
def capture(v: Any, wanted: Any, flags: Any, meter: Meter) -> list[Any]:
    if type(wanted) is not list and type(wanted) is not str:
        raise RunError(f"{type_name(wanted)} not a string or array")
    pattern = _arguments(v, wanted, flags)
    return [_captured(found, pattern) for found in _matches(v, pattern, pattern.whole, meter)]


@native("_scan", 2, meter=True, kind="list")
def scan(v: Any, wanted: Any, flags: Any, meter: Meter) -> list[Any]:
    pattern = _arguments(v, wanted, flags)
    found = _matches(v, pattern, True, meter)
    return [list(m.groups()) if pattern.groups else m.group() for m in found]


@native("split", 2, meter=True, kind="list")
def split(v: Any, wanted: Any, flags: Any, meter: Meter) -> list[str]:
    pattern = _arguments(v, wanted, flags)
    parts, at = [], 0
    for found in _matches(v, pattern, True, meter):
        parts.append(v[at : found.start()])
        at = found.end()
    return [*parts, v[at:]]


@native("_edits", 3, meter=True, kind="list")
def edits(v: Any, wanted: Any, flags: Any, everything: Any, meter: Meter) -> list[Any]:
    """[start, end, captures] of each match that `sub` replaces."""
    pattern = _arguments(v, wanted, flags)
    found = _matches(v, pattern, everything or pattern.whole, meter)
    return [[*m.span(), _captured(m, pattern)] for m in found]


@native("_replaced", 2, meter=True, kind="list")
def replaced(v: str, edits: list[Any], inserts: list[list[Any]], meter: Meter) -> list[str]:
    """The text with each edit replaced; the n-th outputs of all inserts together make the n-th result."""
    from crossdock.jq.numbers import add

    results: dict[int, list[str]] = {}
    at = 0
    for (start, end, _), outputs in zip(edits, inserts, strict=True):
        gap = v[at:start]
        for i, insert in enumerate(outputs):
            if type(insert) is not str:
                add(gap, insert, meter)
                raise RunError(f"{shown_as(insert)} cannot be added to a string")
            results.setdefault(i, []).append(gap + insert)
        at = end
    texts = []
    for parts in results.values():
        meter.text(sum(map(len, parts)) + len(v) - at)
        texts.append("".join(parts) + v[at:])
    return texts
