"""Tokens to syntax tree, by precedence climbing."""

from __future__ import annotations

from typing import Any

from crossdock.jq.errors import CompileError, RunError, Source, Span
from crossdock.jq.fold import fold
from crossdock.jq.lexer import Lexer, Token
from crossdock.jq.numbers import parse_number
from crossdock.jq.syntax import (
    Alternative,
    Array,
    Assign,
    Binary,
    Bind,
    BreakTo,
    Call,
    Comma,
    Define,
    Foreach,
    Format,
    Function,
    Identity,
    If,
    Import,
    Index,
    Iterate,
    Label,
    LabelName,
    Literal,
    Logic,
    Module,
    Negate,
    Node,
    Object,
    Param,
    Pattern,
    PatternArray,
    PatternObject,
    PatternVar,
    Pipe,
    Reduce,
    Slice,
    Text,
    Try,
    Var,
    Variable,
)  # fmt: skip

_LEVELS: dict[str, tuple[int, str]] = {
    "//": (2, "right"),
    **dict.fromkeys(("=", "|=", "+=", "-=", "*=", "/=", "%=", "//="), (3, "none")),
    "or": (4, "left"),
    "and": (5, "left"),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), (6, "none")),
    "+": (7, "left"), "-": (7, "left"),
    "*": (8, "left"), "/": (8, "left"), "%": (8, "left"),
}  # fmt: skip
_ASSIGNMENTS = frozenset(("=", "|=", "+=", "-=", "*=", "/=", "%=", "//="))
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}


def parse(source: Source) -> Module:
    return Parser(source, Lexer(source).tokens()).module()


class Parser:
    def __init__(self, source: Source, tokens: list[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.position = 0
        self.token = tokens[0]

    # -- tokens

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
        found = token.text if token.kind != "string" else "a string"
        return CompileError(f"unexpected {found}: {expected}", token.at)

    def since(self, start: Span) -> Span:
        return Span(self.source, start.start, max(self.tokens[self.position - 1].at.end, start.end))

    # -- modules

    def module(self) -> Module:
        module = Module(None)
        if self.at_word("module"):
            self.advance()
            module.metadata = self.metadata()
            self.expect(";", "after the module's metadata")
        while self.at_word("import", "include"):
            module.imports.append(self.import_())
        functions, body = self.definitions()
        module.functions = functions
        module.main = body
        if self.token.kind != "end":
            raise self.unexpected("expected the end of the program, or an operator")
        return module

    def definitions(self) -> tuple[list[Function], Node | None]:
        """Leading definitions, and the expression after them (None where the text ends with the definitions)."""
        functions: list[Function] = []
        while self.at_word("def"):
            functions.append(self.function())
        if self.token.kind == "end":
            return functions, None
        return functions, self.pipe()

    def import_(self) -> Import:
        start = self.advance()
        if self.token.kind != "string":
            raise self.unexpected("expected the path of a module, as a string")
        path = self.advance()
        if len(path.parts) != 1 or not isinstance(path.parts[0], str):
            raise CompileError("an import path must be constant", path.at)
        alias, data = None, False
        if start.text == "import":
            self.expect("as", "after the path of an import")
            if self.token.kind == "variable":
                alias, data = self.advance().text[1:], True
            elif self.token.kind in ("word", "keyword"):
                alias = self.advance().text
            else:
                raise self.unexpected("expected a name after as")
        metadata = {} if self.at_op(";") else self.metadata()
        self.expect(";", f"after the {start.text}")
        return Import(self.since(start.at), path.parts[0], alias, data, metadata)

    def metadata(self) -> dict[str, Any]:
        start = self.token.at
        node = self.postfix()
        try:
            value = constant(node)
        except ValueError:
            raise CompileError("module metadata must be constant", self.since(start)) from None
        if not isinstance(value, dict):
            raise CompileError("module metadata must be an object", self.since(start))
        return value

    def function(self) -> Function:
        start = self.advance()
        if self.token.kind not in ("word", "keyword") or "::" in self.token.text:
            raise self.unexpected("expected the name of the function after def")
        name = self.advance().text
        params: list[Param] = []
        if self.take("("):
            while True:
                if self.token.kind == "variable":
                    text = self.advance().text[1:]
                    params.append(Param(text, Variable(text)))
                elif self.token.kind in ("word", "keyword"):
                    params.append(Param(self.advance().text))
                else:
                    raise self.unexpected("expected the name of a parameter")
                if self.take(")"):
                    break
                self.expect(";", "or ) between parameters")
        self.expect(":", f"before the body of {name}")
        body = self.pipe()
        self.expect(";", f"after the body of {name}", start)
        return Function(name, params, body, self.since(start.at))

    # -- expressions

    def pipe(self, comma: bool = True) -> Node:
        """`|` binds loosest and to the right; chains are gathered without recursion."""
        parts: list[tuple[Node, Span]] = []
        while True:
            start = self.token.at
            node, closed = self.comma(comma)
            parts.append((node, start))
            if closed or not self.take("|"):
                break
        node, _ = parts.pop()
        while parts:
            left, start = parts.pop()
            node = Pipe(Span(self.source, start.start, node.at.end), left, node)
        return node

    def comma(self, comma: bool) -> tuple[Node, bool]:
        """Expressions joined by commas; True when the last one took the rest of the pipe (def, as, label)."""
        start = self.token.at
        parts: list[Node] = []
        while True:
            node, closed = self.item()
            parts.append(node)
            if closed or not comma or not self.take(","):
                break
        if len(parts) == 1:
            return parts[0], closed
        return Comma(self.since(start), parts), closed

    def item(self) -> tuple[Node, bool]:
        start = self.token.at
        if self.at_word("def"):
            functions = []
            while self.at_word("def"):
                functions.append(self.function())
            body = self.pipe()
            for function in reversed(functions):
                body = Define(function.at, function, body)
            return body, True
        if self.at_word("label"):
            self.advance()
            if self.token.kind != "variable":
                raise self.unexpected("expected $name after label")
            label = LabelName(self.advance().text[1:])
            self.expect("|", "after the label")
            body = self.pipe()
            return Label(self.since(start), label, body), True
        node = self.operators(0)
        if self.take("as"):
            patterns = self.patterns()
            at = self.since(start)
            self.expect("|", "after the pattern of as")
            return Bind(at, node, patterns, self.pipe()), True
        return node, False

    def operators(self, floor: int) -> Node:
        start = self.token.at
        left = self.operand()
        while True:
            token = self.token
            text = token.text if token.kind in ("op", "keyword") else ""
            if text == "?//":
                left = Try(self.since(start), left, None)
                level, side, text = 2, "right", "//"
            elif text in _LEVELS:
                level, side = _LEVELS[text]
            else:
                return left
            if level < floor:
                return left
            self.advance()
            right = self.operators(level if side == "right" else level + 1)
            at = Span(self.source, start.start, right.at.end)
            left = _binary(at, text, left, right)
            chained = self.token.kind == "op" and _LEVELS.get(self.token.text, (0, ""))[0] == level
            if side == "none" and chained:
                raise self.unexpected(f"{text} and {self.token.text} cannot be chained; use parentheses")

    def operand(self) -> Node:
        if self.at_op("-"):
            start = self.advance()
            body = self.operators(8)
            at = self.since(start.at)
            if isinstance(body, Literal) and type(body.value) not in (bool, str, type(None)):
                from crossdock.jq.numbers import negate

                return Literal(at, negate(body.value))
            return Negate(at, body)
        return self.postfix()

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
            else:
                return node

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
        inner = Parser(self.source, tokens)
        node = inner.pipe()
        if inner.token.kind != "end":
            raise inner.unexpected("expected ) to close the interpolation")
        return node

    # -- objects and patterns

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
            if isinstance(key, Literal) and type(key.value) is not str:
                from crossdock.jq.text import shown_as

                raise CompileError(f"cannot use {shown_as(key.value)} as object key", key.at)
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
            if isinstance(key, Literal) and type(key.value) is not str:
                from crossdock.jq.text import shown_as

                raise CompileError(f"cannot use {shown_as(key.value)} as object key", key.at)
        else:
            raise self.unexpected("expected a key of the pattern")
        self.expect(":", "after the key of a pattern")
        return key, None, self.pattern()


def _binary(at: Span, op: str, left: Node, right: Node) -> Node:
    if op == "//":
        return Alternative(at, left, right)
    if op in _ASSIGNMENTS:
        return Assign(at, op, left, right)
    if op in ("and", "or"):
        return Logic(at, op, left, right)
    if isinstance(left, Literal) and isinstance(right, Literal) and (folded := fold(at, op, left, right)):
        return folded
    return Binary(at, op, left, right)


def constant(node: Node) -> Any:
    """The value of a constant expression. Raises ValueError when it is not one."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Array):
        if node.body is None:
            return []
        parts = node.body.parts if isinstance(node.body, Comma) else [node.body]
        return [constant(part) for part in parts]
    if isinstance(node, Object):
        return {constant(key): constant(value) for key, value in node.entries}
    raise ValueError("not constant")
