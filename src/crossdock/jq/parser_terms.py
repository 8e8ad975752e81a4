"""The grammar of terms: what an operator stands between, with the suffixes that bind closest."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from crossdock.jq.errors import CompileError, RunError, Span
from crossdock.jq.lexer import Token
from crossdock.jq.numbers import parse_number
from crossdock.jq.parser_patterns import Patterns, refuse_unless_string
from crossdock.jq.syntax import (
    Array,
    Bind,
    BreakTo,
    Call,
    Foreach,
    Format,
    Identity,
    If,
    Index,
    Iterate,
    Literal,
    Negate,
    Node,
    Object,
    PatternVar,
    Pipe,
    Reduce,
    Slice,
    Text,
    Try,
    Var,
    Variable,
)

_KEYS = ("?1", "?2")
"""Names of variables that no program can write."""
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}


class Terms(Patterns):
    @abstractmethod
    def operators(self, floor: int) -> Node: ...

    def postfix(self) -> Node:
        start = self.token.at
        node = self.primary()
        while True:
            token = self.token
            if token.kind == "field":
                self.advance()
                node = Index(self.since(start), node, Literal(token.at, token.text[1:]))
            elif self.at_op("."):
                following = self.ahead()
                if following.kind == "string":
                    self.advance()
                    key = self.string(None)
                    node = Index(self.since(start), node, key)
                elif following.kind == "op" and following.text == "[":
                    self.advance()
                    node = self.bracket(node, start)
                else:
                    raise self.unexpected("a field name must follow the dot")
            elif self.at_op("["):
                node = self.bracket(node, start)
            elif self.at_op("?"):
                self.advance()
                node = Try(self.since(start), node, None)
                continue
            else:
                return node
            if self.take("?"):
                node = _forgiven(self.since(start), node)

    def bracket(self, target: Node, start: Span) -> Node:
        opened = self.advance()
        if self.take("]"):
            return Iterate(self.since(start), target)
        if self.take(":"):
            end = self.pipe()
            self.expect("]", "after the slice", opened)
            return Slice(self.since(start), target, None, end)
        key = self.pipe()
        if self.take(":"):
            last = None if self.at_op("]") else self.pipe()
            self.expect("]", "after the slice", opened)
            return Slice(self.since(start), target, key, last)
        self.expect("]", "after the index", opened)
        return Index(self.since(start), target, key)

    def primary(self) -> Node:
        token = self.token
        if token.kind == "number":
            self.advance()
            try:
                return Literal(token.at, parse_number(token.text))
            except RunError as error:
                raise CompileError(str(error.value), token.at) from None
        if token.kind == "string":
            return self.string(None)
        if token.kind == "format":
            self.advance()
            if self.token.kind == "string":
                return self.string(token)
            return Format(token.at, token.text[1:])
        if token.kind == "field":
            self.advance()
            return Index(token.at, Identity(token.at), Literal(token.at, token.text[1:]))
        if token.kind == "variable":
            self.advance()
            if token.text == "$__loc__":
                return self.location(token.at)
            return Var(token.at, token.text[1:])
        if token.kind == "word":
            return self.call()
        if token.kind == "keyword":
            return self.keyword()
        if token.kind == "op":
            return self.symbol()
        raise self.unexpected("expected an expression")

    def location(self, at: Span) -> Node:
        name = "<top-level>" if self.source.name == "<program>" else self.source.name
        return Literal(at, {"file": name, "line": at.line})

    def symbol(self) -> Node:
        token = self.token
        if self.take("."):
            here = Identity(token.at)
            if self.token.kind == "string":
                return Index(self.since(token.at), here, self.string(None))
            return here
        if self.take(".."):
            return Call(token.at, "recurse", [])
        if self.take("("):
            node = self.pipe()
            self.expect(")", "to close the parenthesis", token)
            return node
        if self.take("["):
            if self.take("]"):
                return Array(self.since(token.at), None)
            body = self.pipe()
            self.expect("]", "to close the array", token)
            return Array(self.since(token.at), body)
        if self.at_op("{"):
            return self.object()
        if self.at_op("?//"):
            raise self.unexpected("?// stands between the patterns of as")
        raise self.unexpected("expected an expression")

    def call(self) -> Node:
        token = self.advance()
        if token.text in _CONSTANTS and not self.at_op("("):
            return Literal(token.at, _CONSTANTS[token.text])
        if token.text == "break":
            if self.token.kind != "variable":
                raise self.unexpected("break needs a label: break $name")
            name = self.advance().text[1:]
            return BreakTo(self.since(token.at), name)
        args: list[Node] = []
        if self.at_op("("):
            opened = self.advance()
            while True:
                args.append(self.pipe())
                if self.take(")"):
                    break
                self.expect(";", f"or ) after an argument of {token.text}", opened)
        return Call(self.since(token.at), token.text, args)

    def keyword(self) -> Node:
        token = self.token
        if token.text == "if":
            return self.if_()
        if token.text == "try":
            self.advance()
            body = self.guarded()
            handler = self.guarded() if self.take("catch") else None
            return Try(self.since(token.at), body, handler)
        if token.text in ("reduce", "foreach"):
            return self.loop()
        raise self.unexpected("expected an expression")

    def guarded(self) -> Node:
        """What follows `try` or `catch`: a term, possibly negated."""
        if self.at_op("-"):
            start = self.advance()
            return Negate(self.since(start.at), self.guarded())
        return self.postfix()

    def if_(self) -> Node:
        start = self.advance()
        branches: list[tuple[Span, Node, Node]] = []
        at = start.at
        otherwise: Node | None = None
        while True:
            condition = self.pipe()
            self.expect("then", "after the condition", start)
            branches.append((at, condition, self.pipe()))
            at = self.token.at
            if self.take("elif"):
                continue
            if self.take("else"):
                otherwise = self.pipe()
            self.expect("end", "to close the if", start)
            break
        for at, condition, then in reversed(branches):
            otherwise = If(self.since(at), condition, then, otherwise)
        assert otherwise is not None
        return otherwise

    def loop(self) -> Node:
        start = self.advance()
        source = self.operators(0)
        self.expect("as", f"after the source of {start.text}")
        patterns = self.patterns()
        opened = self.expect("(", f"after the pattern of {start.text}")
        first = self.pipe()
        self.expect(";", f"after the initial state of {start.text}", opened)
        update = self.pipe()
        extract = self.pipe() if start.text == "foreach" and self.take(";") else None
        self.expect(")", f"to close the {start.text}", opened)
        at = self.since(start.at)
        if start.text == "reduce":
            return Reduce(at, source, patterns, first, update)
        return Foreach(at, source, patterns, first, update, extract)

    def string(self, fmt: Token | None) -> Node:
        token = self.advance()
        parts: list[str | Node] = [p if isinstance(p, str) else self.interpolation(p) for p in token.parts]
        at = token.at if fmt is None else self.since(fmt.at)
        if all(isinstance(part, str) for part in parts):
            return Literal(at, "".join(p for p in parts if isinstance(p, str)))
        return Text(at, None if fmt is None else fmt.text[1:], parts)

    def interpolation(self, tokens: list[Token]) -> Node:
        inner = type(self)(self.source, tokens)
        node = inner.pipe()
        if inner.token.kind != "end":
            raise inner.unexpected("expected ) to close the interpolation")
        return node

    def object(self) -> Node:
        opened = self.advance()
        entries: list[tuple[Node, Node]] = []
        while not self.take("}"):
            entries.append(self.entry())
            if not self.at_op("}"):
                self.expect(",", "or } in the object", opened)
        return Object(self.since(opened.at), entries)

    def entry(self) -> tuple[Node, Node]:
        token = self.token
        key: Node
        short: Node | None
        if token.kind == "variable":
            self.advance()
            if token.text == "$__loc__":
                key, short = Literal(token.at, "__loc__"), self.location(token.at)
            else:
                key, short = Literal(token.at, token.text[1:]), Var(token.at, token.text[1:])
            if self.at_op(":"):
                key = short
        elif token.kind in ("word", "keyword") and "::" not in token.text:
            self.advance()
            key = Literal(token.at, token.text)
            short = Index(token.at, Identity(token.at), key)
        elif token.kind in ("string", "format"):
            if token.kind == "format" and self.ahead().kind != "string":
                raise self.unexpected("a format as a key needs a string after it")
            fmt = self.advance() if token.kind == "format" else None
            key = self.string(fmt)
            short = Index(key.at, Identity(token.at), key)
        elif token.kind == "number":
            raise CompileError("an object key must be a string; quote the number", token.at)
        elif self.take("("):
            key, short = self.pipe(), None
            self.expect(")", "to close the key", token)
            refuse_unless_string(key)
        else:
            raise self.unexpected("expected a key: a name, a string, $name or (expression)")
        if self.take(":"):
            return key, self.entry_value()
        if short is None:
            raise self.unexpected("expected : and a value after the key")
        if not self.at_op(",", "}"):
            raise self.unexpected("expected :, a comma or } after the key (keys that are expressions need parentheses)")
        return key, short

    def entry_value(self) -> Node:
        node = self.operators(0)
        while self.take("|"):
            right = self.operators(0)
            node = Pipe(Span(self.source, node.at.start, right.at.end), node, right)
        return node


def _forgiven(at: Span, node: Node) -> Node:
    """`E.a?`, `E[k]?`, `E[a:b]?`, `E[]?`: only the access is forgiven, neither what it is done to nor its key."""
    here = Identity(at)
    access: Node
    bounds: list[Node]
    if isinstance(node, Iterate):
        target, access, bounds = node.target, Iterate(at, here), []
    elif isinstance(node, Index):
        target, bounds = node.target, [node.key]
        access = Index(at, here, _kept(node.key, 0))
    elif isinstance(node, Slice):
        target, bounds = node.target, [bound for bound in (node.start, node.end) if bound is not None]
        access = Slice(at, here, node.start and _kept(node.start, 0), node.end and _kept(node.end, 1))
    else:
        return Try(at, node, None)
    found: Node = Try(at, access, None)
    if not isinstance(target, Identity):
        found = Pipe(at, target, found)
    names = _KEYS[1:] if isinstance(node, Slice) and node.start is None else _KEYS
    for name, bound in reversed(list(zip(names, bounds, strict=False))):
        if not isinstance(bound, Literal):
            found = Bind(at, bound, [PatternVar(Variable(name))], found)
    return found


def _kept(key: Node, which: int) -> Node:
    return key if isinstance(key, Literal) else Var(key.at, _KEYS[which])
