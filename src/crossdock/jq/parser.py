"""Tokens to syntax tree: modules and definitions, and the operators by precedence climbing."""

from __future__ import annotations

from typing import Any

from crossdock.jq.errors import CompileError, Source, Span
from crossdock.jq.fold import fold
from crossdock.jq.lexer import Lexer
from crossdock.jq.numbers import negate
from crossdock.jq.parser_terms import Terms
from crossdock.jq.syntax import (
    Alternative,
    Array,
    Assign,
    Binary,
    Bind,
    Comma,
    Define,
    Function,
    Import,
    Label,
    LabelName,
    Literal,
    Logic,
    Module,
    Negate,
    Node,
    Object,
    Param,
    Pipe,
    Try,
    Variable,
)

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


def parse(source: Source) -> Module:
    return Parser(source, Lexer(source).tokens()).module()


class Parser(Terms):
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

    def pipe(self) -> Node:
        """`|` binds loosest and to the right; chains are gathered without recursion."""
        parts: list[tuple[Node, Span]] = []
        while True:
            start = self.token.at
            node, closed = self.comma()
            parts.append((node, start))
            if closed or not self.take("|"):
                break
        node, _ = parts.pop()
        while parts:
            left, start = parts.pop()
            node = Pipe(Span(self.source, start.start, node.at.end), left, node)
        return node

    def comma(self) -> tuple[Node, bool]:
        """Expressions joined by commas; True when the last one took the rest of the pipe (def, as, label)."""
        start = self.token.at
        parts: list[Node] = []
        while True:
            node, closed = self.item()
            parts.append(node)
            if closed or not self.take(","):
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
                return Literal(at, negate(body.value))
            return Negate(at, body)
        return self.postfix()


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
