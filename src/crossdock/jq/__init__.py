"""jq for Python: compiled to Python code, exact in numbers, bounded in time and memory.

    program = jq.compile('.items | map(.price * .quantity) | add')
    program.first({"items": [{"price": Decimal("19.99"), "quantity": 3}]})

A program sees its input, its variables and the functions it is lent; never files, the environment or the clock.
"""

from __future__ import annotations

from crossdock.jq.budget import Budget
from crossdock.jq.errors import BudgetExceeded, CompileError, JqError, RunError, Source, Span
from crossdock.jq.json import JsonError, dumps, loads
from crossdock.jq.program import Program
from crossdock.jq.program import compile_program as compile  # noqa: A004 - the name that jq users expect
from crossdock.jq.runtime import NOTHING

__all__ = [
    "NOTHING", "Budget", "BudgetExceeded", "CompileError", "JqError", "JsonError", "Program", "RunError", "Source",
    "Span", "compile", "dumps", "loads",
]  # fmt: skip
