"""Text to tokens. A string token holds its parts; interpolations are token lists of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from crossdock.jq.errors import CompileError, Source, Span
from crossdock.jq.hints import for_sign

KEYWORDS = frozenset(
    (
        "def", "if", "then", "elif", "else", "end", "as", "reduce", "foreach", "try", "catch", "label", "import",
        "include", "and", "or", "module", "__loc__",
    )
)  # fmt: skip

_TOKEN = re.compile(
    r"""
    (?P<space>(?:[ \t\r\n]+|\#(?:\\(?:\r\n|[\s\S])|[^\\\n])*)+)
  | (?P<field>\.[a-zA-Z_]\w*)
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>(?:[a-zA-Z_]\w*::)*[a-zA-Z_]\w*)
  | (?P<variable>\$(?:[a-zA-Z_]\w*::)*[a-zA-Z_]\w*)
  | (?P<format>@[a-zA-Z0-9_]+)
  | (?P<op>\?//=|\?//|//=|\|=|\+=|-=|\*=|/=|%=|==|!=|<=|>=|//|\.\.|[.\[\]{}()|,:;=<>+\-*/%?$])
    """,
    re.VERBOSE | re.ASCII,
)
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = re.compile(r"[0-9a-fA-F]{4}")


@dataclass(slots=True)
class Token:
    """`kind`: field, number, word, keyword, variable, format, op, string, end."""

    kind: str
    text: str
    at: Span
    parts: Any = None


class Lexer:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.offset = 0

    def span(self, start: int, end: int | None = None) -> Span:
        return Span(self.source, start, self.offset if end is None else end)

    def tokens(self, opened_at: int | None = None) -> list[Token]:
        """All tokens to the end, or to the `)` that closes the interpolation opened at `opened_at`."""
        found: list[Token] = []
        depth = 0
        text = self.text
        while True:
            if self.offset >= len(text):
                if opened_at is not None:
                    raise CompileError("this interpolation is never closed", self.span(opened_at))
                found.append(Token("end", "end of program", self.span(len(text), len(text) + 1)))
                return found
            if text[self.offset] == '"':
                found.append(self.string())
                continue
            match = _TOKEN.match(text, self.offset)
            if match is None:
                hint = for_sign(text, self.offset)
                at = self.span(self.offset, self.offset + 1)
                raise CompileError(f"unexpected character {text[self.offset]!r}{hint}", at)
            kind = match.lastgroup or ""
            start, self.offset = self.offset, match.end()
            if kind == "space":
                continue
            word = match.group()
            if kind == "word" and word in KEYWORDS:
                kind = "keyword"
            if opened_at is not None and kind == "op":
                if word == "(":
                    depth += 1
                elif word == ")":
                    if depth == 0:
                        found.append(Token("end", ")", self.span(start)))
                        return found
                    depth -= 1
            found.append(Token(kind, word, self.span(start)))

    def string(self) -> Token:
        start = self.offset
        self.offset += 1
        parts: list[Any] = []
        literal: list[str] = []
        text = self.text
        while True:
            if match := _PLAIN.match(text, self.offset):
                literal.append(match.group())
                self.offset = match.end()
            if self.offset >= len(text):
                raise CompileError("this string is never closed", self.span(start, start + 1))
            if text[self.offset] == '"':
                self.offset += 1
                break
            if text.startswith("\\(", self.offset):
                self.offset += 2
                if literal:
                    parts.append("".join(literal))
                    literal = []
                parts.append(self.tokens(self.offset - 2))
            else:
                literal.append(self.escape())
        if literal or not parts:
            parts.append("".join(literal))
        return Token("string", text[start : self.offset], self.span(start), parts)

    def escape(self) -> str:
        start = self.offset
        letter = self.text[start + 1 : start + 2]
        if letter in _ESCAPES and letter:
            self.offset += 2
            return _ESCAPES[letter]
        if letter == "u":
            code = self.code_unit(start)
            if 0xD800 <= code < 0xDC00 and self.text.startswith("\\u", self.offset):
                resume = self.offset
                low = self.code_unit(self.offset)
                if 0xDC00 <= low < 0xE000:
                    return chr(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00))
                self.offset = resume
            return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)
        raise CompileError(
            f'invalid escape \\{letter} in a string; valid are \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX \\(…)',
            self.span(start, start + 2),
        )

    def code_unit(self, start: int) -> int:
        match = _HEX.match(self.text, start + 2)
        if match is None:
            raise CompileError("\\u needs four hexadecimal digits", self.span(start, start + 2))
        self.offset = match.end()
        return int(match.group(), 16)
