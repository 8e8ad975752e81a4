"""The last step before text: temporaries that nobody reads go, and one read by the very next line moves into it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from crossdock.jq.errors import Span

TEMPORARY = re.compile(r"\bt[0-9]+\b")
_ASSIGNMENT = re.compile(r"(t[0-9]+) = (.*)", re.DOTALL)
_FIRST_READ = re.compile(r"(if |if not |return |yield |\w+ = |for \w+ in |\w+\.append\()(t[0-9]+)(:|\)|)")
"""Lines that read a temporary before they do anything else."""
_ATOM = re.compile(r"\w+|\w+\((?:\w+, )*\w+\)")

Line = tuple[str, Span | None]
Placed = tuple[int, str, Span | None]


@dataclass(slots=True, eq=False)
class Block:
    """Lines and inner blocks; a line is (text, span)."""

    items: list[Line | Block] = field(default_factory=list)
    indent: int = 0


def tidied(top: Block, pure: set[str]) -> tuple[list[str], list[Span | None]]:
    """The lines of Python, and the place in the program that each of its lines came from.

    `pure` names the temporaries whose expressions neither fail nor do anything.
    """
    lines = list(_flat(top))
    uses = Counter(name for _, text, _ in lines for name in TEMPORARY.findall(text))
    kept = _filled(_read(lines, uses, pure))
    rewritten = Counter(match[1] for _, text, _ in kept if (match := _ASSIGNMENT.match(text)))
    once = {name for name, amount in uses.items() if amount == 2 and rewritten[name] == 1}
    result = _joined(kept, once, pure)
    return [" " * indent + text for indent, text, _ in result], [span for _, _, span in result]


def _flat(top: Block) -> Iterator[Placed]:
    stack: list[Any] = [top]
    while stack:
        item = stack.pop()
        if isinstance(item, Block):
            stack.extend((i if isinstance(i, Block) else (item.indent, *i)) for i in reversed(item.items))
        else:
            yield item


def _read(lines: list[Placed], uses: Counter[str], pure: set[str]) -> list[Placed]:
    """Without the pure temporaries that no line reads, and what only those read."""
    kept = []
    for line in reversed(lines):
        match = _ASSIGNMENT.match(line[1])
        if match and match[1] in pure and uses[match[1]] == 1:
            uses.subtract(TEMPORARY.findall(line[1]))
        else:
            kept.append(line)
    return kept[::-1]


def _filled(lines: list[Placed]) -> list[Placed]:
    """With `pass` in blocks that lost all their lines."""
    result: list[Placed] = []
    for line in lines:
        if result and result[-1][1].endswith(":") and line[0] <= result[-1][0]:
            result.append((result[-1][0] + 1, "pass", None))
        result.append(line)
    return result


def _joined(lines: Iterable[Placed], once: set[str], pure: set[str]) -> list[Placed]:
    """With what is computed for the next line alone written inside it."""
    result: list[Placed] = []
    for indent, text, span in lines:
        while result and result[-1][0] == indent and (match := _ASSIGNMENT.match(result[-1][1])):
            name, expression = match.groups()
            if name not in once:
                break
            reads = _FIRST_READ.fullmatch(text)
            if reads and reads[2] == name:
                negated = reads[1] == "if not " and not _ATOM.fullmatch(expression)
                text = f"{reads[1]}{f'({expression})' if negated else expression}{reads[3]}"
                span = result[-1][2]
            elif name in pure and name in TEMPORARY.findall(text) and "f'" not in text:
                value = expression if expression[0] in "[{" else f"({expression})"
                text = re.sub(rf"\b{name}\b", lambda _m, value=value: value, text)  # type: ignore[misc]
            else:
                break
            result.pop()
        result.append((indent, text, span))
    return result
