"""A place in a list of tokens: what stands there, steps past it, and what to say when it is the wrong thing."""

from __future__ import annotations

from crossdock.jq.errors import CompileError, Source, Span
from crossdock.jq.hints import for_sign
from crossdock.jq.lexer import Token


class Cursor:
    def __init__(self, source: Source, tokens: list[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.position = 0
        self.token = tokens[0]

    def advance(self) -> Token:
        token = self.token
        if self.position + 1 < len(self.tokens):
            self.position += 1
        self.token = self.tokens[self.position]
        return token

    def ahead(self) -> Token:
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    def at_op(self, *texts: str) -> bool:
        return self.token.kind == "op" and self.token.text in texts

    def at_word(self, *texts: str) -> bool:
        return self.token.kind == "keyword" and self.token.text in texts

    def take(self, *texts: str) -> bool:
        if self.token.kind in ("op", "keyword") and self.token.text in texts:
            self.advance()
            return True
        return False

    def expect(self, text: str, inside: str, opened: Token | None = None) -> Token:
        if self.token.kind in ("op", "keyword") and self.token.text == text:
            return self.advance()
        hint = ""
        if opened is not None and self.token.kind == "end":
            line, column = self.source.line_column(opened.at.start)
            hint = f" (the {opened.text} at line {line}, column {column} is still open)"
        raise self.unexpected(f"expected {text} {inside}{hint}")

    def unexpected(self, expected: str) -> CompileError:
        token = self.token
        found = "a string" if token.kind == "string" else token.text if token.text[0].isalnum() else f'"{token.text}"'
        last = self.tokens[max(self.position - 1, 0)]
        hint = for_sign(self.source.text, token.at.start)
        if not hint and (last.kind == "word" or last.text == "?"):
            hint = for_sign(self.source.text, last.at.start)
        return CompileError(f"unexpected {found}: {expected}{hint}", token.at)

    def since(self, start: Span) -> Span:
        return Span(self.source, start.start, max(self.tokens[self.position - 1].at.end, start.end))
