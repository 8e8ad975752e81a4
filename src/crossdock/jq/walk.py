"""The children of a syntax node, in source order."""

from __future__ import annotations

from crossdock.jq.syntax import (
    Alternative,
    Array,
    Assign,
    Binary,
    Bind,
    Call,
    Comma,
    Define,
    Foreach,
    If,
    Index,
    Iterate,
    Label,
    Logic,
    Negate,
    Node,
    Object,
    Pattern,
    PatternArray,
    PatternObject,
    Pipe,
    Reduce,
    Slice,
    Text,
    Try,
)  # fmt: skip


def pattern_nodes(pattern: Pattern) -> list[Node]:
    if isinstance(pattern, PatternArray):
        return [node for item in pattern.items for node in pattern_nodes(item)]
    if isinstance(pattern, PatternObject):
        found: list[Node] = []
        for key, _, inner in pattern.entries:
            found.append(key)
            if inner is not None:
                found.extend(pattern_nodes(inner))
        return found
    return []


def children(node: Node) -> list[Node]:
    found: list[Node | None]
    match node:
        case Text():
            found = [part for part in node.parts if isinstance(part, Node)]
        case Index():
            found = [node.target, node.key]
        case Slice():
            found = [node.target, node.start, node.end]
        case Iterate():
            found = [node.target]
        case Array() | Negate():
            found = [node.body]
        case Object():
            found = [part for entry in node.entries for part in entry]
        case Pipe() | Binary() | Logic() | Alternative():
            found = [node.left, node.right]
        case Comma():
            found = list(node.parts)
        case Assign():
            found = [node.target, node.value]
        case If():
            found = [node.condition, node.then, node.otherwise]
        case Try():
            found = [node.body, node.handler]
        case Bind():
            keys = [key for pattern in node.patterns for key in pattern_nodes(pattern)]
            found = [node.source, *keys, node.body]
        case Reduce():
            keys = [key for pattern in node.patterns for key in pattern_nodes(pattern)]
            found = [node.source, *keys, node.start, node.update]
        case Foreach():
            keys = [key for pattern in node.patterns for key in pattern_nodes(pattern)]
            found = [node.source, *keys, node.start, node.update, node.extract]
        case Define():
            found = [node.function.body, node.body]
        case Label():
            found = [node.body]
        case Call():
            found = list(node.args)
        case _:
            found = []
    return [child for child in found if child is not None]
