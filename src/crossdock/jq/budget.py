"""How much a run may use, and the meter that counts it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Any

import msgspec

from crossdock.jq.errors import BudgetExceeded, RunError

STEPS_BETWEEN_CHECKS = 500
"""At most; fewer where steps turn out to take long. A loop of more turns than this looks at the clock on its way."""
BETWEEN_CHECKS_S = 0.01
BYTES_PER_STEP = 64
"""Copying this much text or array counts as one step."""
_SCALAR_BYTES = 8
_SCRATCH_BYTES = (32 * 1024, 512 * 1024)
_write = msgspec.msgpack.Encoder().encode_into


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run. A step is one turn of a loop, one call of a recursive function, or 64 bytes copied.

    Recursion is bounded by Python's own limit on nested calls; input, output and every value on the way
    by `depth` levels of nesting.
    """

    steps: int = 10_000_000
    wall_s: float = 10.0
    value_bytes: int = 64 * 1024 * 1024
    """Largest string, and largest array at 8 bytes an element, that a program may build."""
    output_bytes: int = 256 * 1024 * 1024
    """Sum over the outputs of a run, about as JSON text."""


DEFAULT_BUDGET = Budget()


class Meter:
    """Counts what one run uses. Generated code lowers `left` itself and calls `refill` when it is below 0."""

    __slots__ = ("_checked_at", "_pool", "_stride", "budget", "deadline_at", "debug", "left", "now", "output_left")

    def __init__(self, budget: Budget, now: float | None, debug: Callable[[Any], None] | None) -> None:
        self.budget = budget
        self.now = now
        self.debug = debug
        steps = budget.steps
        self._stride = STEPS_BETWEEN_CHECKS
        self.left = left = STEPS_BETWEEN_CHECKS if steps > STEPS_BETWEEN_CHECKS else steps
        self._pool = steps - left
        self._checked_at = now_at = monotonic()
        self.deadline_at = now_at + budget.wall_s
        self.output_left = budget.output_bytes

    def refill(self) -> None:
        remaining = self._pool + self.left
        if remaining < 0:
            raise BudgetExceeded("the program takes too many steps", f"{self.budget.steps:,} steps")
        now_at = monotonic()
        if now_at > self.deadline_at:
            raise BudgetExceeded("the program takes too long", f"{self.budget.wall_s:g} s")
        took_s, self._checked_at = now_at - self._checked_at, now_at
        if took_s > BETWEEN_CHECKS_S:
            self._stride = max(1, self._stride // 8)
        elif self._stride < STEPS_BETWEEN_CHECKS:
            self._stride = min(STEPS_BETWEEN_CHECKS, 4 * self._stride)
        self.left = min(self._stride, remaining)
        self._pool = remaining - self.left

    def watched(self, items: Collection[Any]) -> Iterable[Any]:
        """What a loop goes over whose turns took all that was left: a long one looks at the clock on its way."""
        self.refill()
        return items if len(items) <= STEPS_BETWEEN_CHECKS else self._watching(iter(items))

    def _watching(self, items: Iterator[Any]) -> Iterator[Any]:
        while part := list(islice(items, STEPS_BETWEEN_CHECKS)):
            if monotonic() > self.deadline_at:
                raise BudgetExceeded("the program takes too long", f"{self.budget.wall_s:g} s")
            yield from part

    def charge(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            self.refill()

    def read(self, length: int) -> None:
        """A string of this length, or an array of an eighth of it, is about to be read or copied as a whole."""
        if length > 4096:
            self.charge(length // BYTES_PER_STEP)

    def fits(self, characters: int) -> None:
        """A string has grown to this length."""
        if characters > self.budget.value_bytes:
            raise BudgetExceeded("a string grows too long", f"{self.budget.value_bytes:,} bytes")

    def text(self, characters: int) -> None:
        """A string of this length is about to be built."""
        self.fits(characters)
        self.left -= characters // BYTES_PER_STEP
        if self.left < 0:
            self.refill()

    def array(self, length: int) -> None:
        """An array or object of this many elements is about to be built."""
        if length * 8 > self.budget.value_bytes:
            raise BudgetExceeded("an array grows too long", f"{self.budget.value_bytes // 8:,} elements")
        self.left -= length // (BYTES_PER_STEP // 8)
        if self.left < 0:
            self.refill()

    def measured(self, value: Any) -> Any:
        """The output itself, after counting its size; values shared many times count each time.

        It is written (as MessagePack, the quickest) into a buffer that cannot grow while it is viewed, so that an
        output that is large, or endless by sharing, costs no more than the buffer. Only such a one is walked.
        """
        kind = type(value)
        if kind is not dict and kind is not list:
            self._output(len(value) if kind is str else _SCALAR_BYTES)
            return value
        for size in _SCRATCH_BYTES:
            scratch = bytearray(size)
            _view = memoryview(scratch)
            try:
                _write(value, scratch)
            except BufferError:
                continue
            except (msgspec.MsgspecError, ValueError, TypeError, ArithmeticError, RecursionError):
                break
            self._output(len(scratch))
            return value
        self._output(self._size(value))
        return value

    def _output(self, size: int) -> None:
        self.left -= size // BYTES_PER_STEP
        self.output_left -= size
        if self.left < 0:
            self.refill()
        if self.output_left < 0:
            raise BudgetExceeded("the output is too large", f"{self.budget.output_bytes:,} bytes")

    def _size(self, value: Any) -> int:
        """About as JSON text, counted no further than what is left."""
        size = 0
        stack = [value]
        while stack and size <= self.output_left:
            item = stack.pop()
            kind = type(item)
            if kind is dict:
                children = item.values()
                size += 8 * len(item)
            elif kind is list:
                children = item
                size += len(item)
            else:
                continue
            self.charge(len(item) // 8 + 1)
            for child in children:
                kind = type(child)
                if kind is str:
                    size += len(child)
                elif kind is dict or kind is list:
                    stack.append(child)
        return size

    def clock(self) -> float:
        if self.now is None:
            raise RunError("now: the caller gave no clock to this run")
        return self.now
