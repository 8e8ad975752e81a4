"""The grammar of patterns, which stand after `as` and name the parts of a value."""

from __future__ import annotations

from abc import ABC, abstractmethod

from crossdock.jq.cursor import Cursor
from crossdock.jq.errors import CompileError
from crossdock.jq.lexer import Token
from crossdock.jq.syntax import (
    Literal,
    Node,
    Pattern,
    PatternArray,
    PatternObject,
    PatternVar,
    Variable,
)
from crossdock.jq.text import shown_as


class Patterns(Cursor, ABC):
    @abstractmethod
    def pipe(self) -> Node: ...

    @abstractmethod
    def string(self, fmt: Token | None) -> Node: ...

    def patterns(self) -> list[Pattern]:
        found = [self.pattern()]
        while self.take("?//"):
            found.append(self.pattern())
        return found

    def pattern(self) -> Pattern:
        token = self.token
        if token.kind == "variable":
            self.advance()
            return PatternVar(Variable(token.text[1:]))
        if self.take("["):
            items = [self.pattern()]
            while self.take(","):
                items.append(self.pattern())
            self.expect("]", "to close the array pattern", token)
            return PatternArray(self.since(token.at), items)
        if self.take("{"):
            entries = [self.pattern_entry()]
            while self.take(","):
                entries.append(self.pattern_entry())
            self.expect("}", "to close the object pattern", token)
            return PatternObject(self.since(token.at), entries)
        raise self.unexpected("expected a pattern: $name, [patterns] or {keys: patterns}")

    def pattern_entry(self) -> tuple[Node, Variable | None, Pattern | None]:
        token = self.token
        variable: Variable | None = None
        key: Node
        if token.kind == "variable":
            self.advance()
            variable = Variable(token.text[1:])
            key = Literal(token.at, token.text[1:])
            return key, variable, self.pattern() if self.take(":") else None
        if token.kind in ("word", "keyword"):
            self.advance()
            key = Literal(token.at, token.text)
        elif token.kind == "string":
            key = self.string(None)
        elif self.take("("):
            key = self.pipe()
            self.expect(")", "to close the key", token)
            refuse_unless_string(key)
        else:
            raise self.unexpected("expected a key of the pattern")
        self.expect(":", "after the key of a pattern")
        return key, None, self.pattern()


def refuse_unless_string(key: Node) -> None:
    """Refuses a key in parentheses that is a constant of another kind than string."""
    if isinstance(key, Literal) and type(key.value) is not str:
        raise CompileError(f"cannot use {shown_as(key.value)} as object key", key.at)
