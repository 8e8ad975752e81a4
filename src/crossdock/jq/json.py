"""`loads` and `dumps`: exact and strict JSON, fast in the ordinary case.

msgspec reads the text. Its answer is trusted unless it refuses, or the text and the answer, written again, hold
different numbers of colons: then a member was dropped, and our own reader goes over the text to say which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal

import msgspec

from crossdock.jq.errors import JqError, RunError
from crossdock.jq.numbers import NUMBER_DIGITS, parse_number
from crossdock.jq.text import to_bytes

MAX_DEPTH = 10_000
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"')
_CHUNK = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = re.compile(r"[0-9a-fA-F]{4}")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class JsonError(JqError, ValueError):
    """Text that is not strict JSON. `path` leads to the place as far as it was understood."""

    def __init__(self, problem: str, path: str, line: int, column: int) -> None:
        self.problem = problem
        self.path = path
        self.line = line
        self.column = column
        super().__init__(problem, path, line, column)

    def __str__(self) -> str:
        inside = f" in {self.path}" if self.path != "." else ""
        return f"{self.problem}{inside} at line {self.line}, column {self.column}"


def loads(data: bytes | str, *, duplicates: Literal["refuse", "last"] = "refuse", max_depth: int = MAX_DEPTH) -> Any:
    """The value of one JSON text: integers exact to 4,300 digits, all other numbers as Decimal.

    Refuses what RFC 8259 does not allow (NaN, trailing commas, invalid UTF-8, …), and duplicate keys unless
    `duplicates="last"`. A leading UTF-8 byte order mark is skipped. Escaped lone surrogates become U+FFFD, as in
    jq. Raises JsonError with line, column and path; never RecursionError, ValueError of int() or anything else.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    try:
        value = _decode(raw)
        if duplicates == "last":
            return value if max_depth >= 1000 else _strict(raw, duplicates, max_depth)
        if raw.count(b":") == _encode(value).count(b":") and b"\\u003" not in raw and max_depth >= 1000:
            return value
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        pass
    return _strict(raw, duplicates, max_depth)


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8, numbers with their digits as they are. Infinities become the largest double, nan null.

    Meant for what `loads` and programs give. Raises RunError for objects that have no JSON form.
    """
    return to_bytes(value)


def _strict(raw: bytes, duplicates: str, max_depth: int) -> Any:
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise JsonError("invalid UTF-8", ".", line, column) from None
    reader = _Reader(text, duplicates == "refuse", max_depth, lenient=False)
    return reader.document()


def parse_in_program(text: str) -> Any:
    """`fromjson`: as jq reads it, nan included; raises RunError."""
    try:
        return _decode(text.encode())
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        pass
    try:
        return _Reader(text, False, MAX_DEPTH, lenient=True).document()
    except JsonError as error:
        raise RunError(f"{error} (while parsing '{text[:100]}')") from None


def parse_leniently(text: str) -> Any:
    """As jq reads test files and slurped texts: nan and infinities are numbers, the last duplicate wins."""
    return _Reader(text.removeprefix("\ufeff"), False, MAX_DEPTH + 1, lenient=True).document()


def parse_many(text: str) -> Iterator[Any]:
    """The values of a text that holds several, one after another, as the command line takes them."""
    reader = _Reader(text.removeprefix("\ufeff"), False, MAX_DEPTH, lenient=True)
    while reader.skip() < len(reader.text):
        yield reader.value()


class _Reader:
    """An iterative reader: nesting is a list, not the call stack."""

    def __init__(self, text: str, unique: bool, max_depth: int, *, lenient: bool) -> None:
        self.text = text
        self.unique = unique
        self.max_depth = max_depth
        self.lenient = lenient
        self.offset = 0
        self.stack: list[tuple[Any, str | None]] = []

    def skip(self) -> int:
        match = _SPACE.match(self.text, self.offset)
        self.offset = match.end() if match else self.offset
        return self.offset

    def fail(self, problem: str, offset: int | None = None) -> JsonError:
        at = self.offset if offset is None else offset
        path = ""
        for container, key in self.stack:
            if isinstance(container, list):
                path += f"[{len(container)}]"
            elif key is not None:
                path += f".{key}" if key.isidentifier() else f"[{key!r}]"
        line = self.text.count("\n", 0, at) + 1
        return JsonError(problem, path or ".", line, at - self.text.rfind("\n", 0, at))

    def document(self) -> Any:
        value = self.value()
        if self.skip() < len(self.text):
            raise self.fail("unexpected text after the JSON value")
        return value

    def value(self) -> Any:
        text = self.text
        stack = self.stack
        while True:
            at = self.skip()
            if at >= len(text):
                raise self.fail("the text ends where a value is expected")
            letter = text[at]
            if letter in "[{":
                opened: Any = [] if letter == "[" else {}
                if len(stack) >= self.max_depth:
                    raise self.fail(f"Exceeds depth limit for parsing ({self.max_depth:,} levels)")
                self.offset += 1
                self.skip()
                if text.startswith("]" if letter == "[" else "}", self.offset):
                    self.offset += 1
                    value = opened
                else:
                    stack.append((opened, self.key({}) if letter == "{" else None))
                    continue
            else:
                value = self.scalar(letter)
            while True:
                if not stack:
                    return value
                container, key = stack[-1]
                if isinstance(container, list):
                    container.append(value)
                else:
                    container[key] = value
                self.skip()
                if text.startswith(",", self.offset):
                    self.offset += 1
                    if isinstance(container, dict):
                        stack[-1] = (container, None)
                        self.skip()
                        stack[-1] = (container, self.key(container))
                    break
                if not text.startswith("]" if isinstance(container, list) else "}", self.offset):
                    raise self.fail(
                        "expected a comma or the end of the " + ("array" if isinstance(container, list) else "object")
                    )
                self.offset += 1
                value = container
                stack.pop()

    def key(self, siblings: dict[str, Any]) -> str:
        at = self.offset
        if not self.text.startswith('"', at):
            if self.lenient and self.text.startswith("'", at):
                raise self.fail("Invalid string literal; expected \", but got '", at + 3)
            raise self.fail("expected a key in double quotes")
        key = self.string()
        if self.unique and key in siblings:
            raise self.fail(f"duplicate key {key!r}", at)
        self.skip()
        if not self.text.startswith(":", self.offset):
            raise self.fail("expected a colon after the key")
        self.offset += 1
        return key

    def scalar(self, letter: str) -> Any:
        text, at = self.text, self.offset
        if letter == '"':
            return self.string()
        if letter in "-0123456789" and (match := _NUMBER.match(text, at)):
            following = text[match.end() : match.end() + 1]
            if following.isalnum() or (following in ("+", "-", ".", "_") and following):
                raise self.fail("invalid number")
            self.offset = match.end()
            try:
                return parse_number(match.group())
            except RunError:
                raise self.fail(f"number too long (at most {NUMBER_DIGITS:,} digits, exponent within 18)", at) from None
        for word, value in _WORDS.items():
            if text.startswith(word, at) and not text[at + len(word) : at + len(word) + 1].isalnum():
                self.offset += len(word)
                return value
        if self.lenient:
            return self.lenient_word()
        if letter.isalpha() or letter == "-":
            found = re.match(r"-?\w*", text[at : at + 40])
            raise self.fail(f"{found.group() if found else letter} is not JSON")
        if letter == "'":
            raise self.fail("strings stand in double quotes")
        raise self.fail(f"unexpected {letter!r}")

    def lenient_word(self) -> Any:
        match = re.compile(r"(-?)(nan|infinity|inf)(?!\w)", re.IGNORECASE).match(self.text, self.offset)
        if match:
            self.offset = match.end()
            value = float("nan") if match.group(2).lower() == "nan" else float("inf")
            return -value if match.group(1) else value
        if self.text[self.offset] == "'":
            raise self.fail("Invalid string literal; expected \", but got '", self.offset)
        end = re.compile(r"[^\s,:\[\]{}\"]*").match(self.text, self.offset)
        stop = end.end() if end else self.offset
        where = "at EOF " if stop >= len(self.text) else ""
        line = self.text.count("\n", 0, stop) + 1
        raise JsonErrorAt(f"Invalid numeric literal {where}at line {line}, column {stop}")

    def string(self) -> str:
        if match := _STRING.match(self.text, self.offset):
            self.offset = match.end()
            return match.group(1)
        start = self.offset
        self.offset += 1
        parts: list[str] = []
        while True:
            match = _CHUNK.match(self.text, self.offset)
            assert match
            parts.append(match.group())
            self.offset = match.end()
            letter = self.text[self.offset : self.offset + 1]
            if letter == '"':
                self.offset += 1
                return "".join(parts)
            if letter == "\\":
                parts.append(self.escape())
            elif letter and self.lenient:
                parts.append(letter)
                self.offset += 1
            elif letter:
                raise self.fail("control characters in strings must be escaped")
            else:
                raise self.fail("this string never ends", start)

    def escape(self) -> str:
        letter = self.text[self.offset + 1 : self.offset + 2]
        if letter and letter in _ESCAPES:
            self.offset += 2
            return _ESCAPES[letter]
        if letter != "u":
            raise self.fail("invalid escape in a string")
        code = self.code_unit()
        if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.offset):
            back = self.offset
            low = self.code_unit()
            if 0xDC00 <= low < 0xE000:
                return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
            self.offset = back
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)

    def code_unit(self) -> int:
        match = _HEX.match(self.text, self.offset + 2)
        if match is None:
            raise self.fail("\\u needs four hexadecimal digits")
        self.offset = match.end()
        return int(match.group(), 16)


class JsonErrorAt(JsonError):
    """A JsonError whose text already names the place."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, ".", 1, 1)

    def __str__(self) -> str:
        return self.problem
