"""Measures this jq against the official test files: `python -m crossdock.jq.conformance DIR [--json] [--all]`.

A case passes when its outputs are equal, in order; a run-time error ends the outputs, as in jq's own runner. A case
under %%FAIL passes when the program is refused; the wording of messages is ours and is not compared.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossdock import jq
from crossdock.jq.budget import Budget, Meter
from crossdock.jq.json import parse_leniently
from crossdock.jq.order import equal

OUTSIDE = {
    "$ENV.PAGER": "reads the environment",
    "env.PAGER": "reads the environment",
}
EXACT = "numbers are exact here; the case expects rounding to a double"
KNOWN = {
    ". - 10": EXACT,
    ".[0] - 10": EXACT,
    ".x - 10": EXACT,
    ".[] as $n | $n+0 | [., tostring, . == $n]": EXACT,
    ". as $big | [$big, $big + 1] | map(. > 10000000000000000000000000000000) | . == if have_decnum then "
    "[true, false] else [false, false] end": EXACT,
    '. == {"b": {"d": (4 + 1e-20), "c": 3}, "a":1}': EXACT,
    r'[match(".+?\\b")]': "word boundaries (\\b) are those of ASCII letters in RE2",
    'gsub("(?=u)"; "u")': "lookahead: matching takes linear time, and RE2 has none; the program is refused",
}
BUDGET = Budget(steps=50_000_000, wall_s=60, value_bytes=1 << 30)


@dataclass(frozen=True, slots=True)
class Case:
    file: str
    line: int
    program: str
    input: str
    outputs: tuple[str, ...]
    must_fail: bool


def cases(path: Path) -> Iterator[Case]:
    lines = path.read_text("utf-8").split("\n")
    i = 0
    while i < len(lines):
        line = lines[i]
        if not line.strip() or line.startswith("#"):
            i += 1
            continue
        if line.startswith("%%FAIL"):
            yield Case(path.name, i + 2, lines[i + 1], "", (), True)
            while i < len(lines) and lines[i].strip():
                i += 1
            continue
        start = i
        i += 2
        outputs = []
        while i < len(lines) and lines[i].strip():
            if not lines[i].startswith("#"):
                outputs.append(lines[i])
            i += 1
        yield Case(path.name, start + 1, line, lines[start + 1], tuple(outputs), False)


def failure(case: Case, modules: Path) -> str | None:
    """Why the case fails, None when it passes."""
    try:
        program = jq.compile(case.program, module_path=modules if modules.is_dir() else None, budget=BUDGET)
    except jq.CompileError as error:
        return None if case.must_fail else f"refused: {error.message}"
    if case.must_fail:
        return "compiled, though it must not"
    outputs: list[Any] = []
    ending = ""
    try:
        for output in program.run(parse_leniently(case.input), now=1_700_000_000.0):
            outputs.append(output)
            if len(outputs) > len(case.outputs):
                return f"too many outputs: {jq.dumps(outputs[-1])[:200]!r}"
    except jq.RunError as error:
        ending = f", then the error: {error.message}"
    except jq.BudgetExceeded as error:
        return str(error)
    meter = Meter(BUDGET, None, None)
    for i, expected in enumerate(case.outputs):
        if i >= len(outputs):
            return f"{i} outputs instead of {len(case.outputs)}{ending}"
        if not equal(outputs[i], parse_leniently(expected), meter):
            return f"output {i + 1} is {jq.dumps(outputs[i])[:300].decode()}, expected {expected[:300]}"
    return None


def main(argv: list[str]) -> int:
    options = argparse.ArgumentParser(prog="python -m crossdock.jq.conformance")
    options.add_argument("directory", type=Path)
    options.add_argument("--json", action="store_true", help="end with one line of JSON")
    options.add_argument("--all", action="store_true", help="list the excluded cases too")
    given = options.parse_args(argv)
    passed, failed, excluded = 0, [], []
    for path in sorted(given.directory.glob("*.test")):
        for case in cases(path):
            if case.program in OUTSIDE:
                excluded.append((case, OUTSIDE[case.program]))
                continue
            reason = failure(case, given.directory / "modules")
            if reason is None:
                passed += 1
            else:
                failed.append((case, reason))
    for case, reason in failed:
        known = KNOWN.get(case.program)
        print(f"{case.file}:{case.line}: {case.program}\n    {reason}" + (f"\n    by design: {known}" if known else ""))
    if given.all:
        for case, reason in excluded:
            print(f"{case.file}:{case.line}: {case.program}\n    excluded: {reason}")
    by_design = sum(case.program in KNOWN for case, _ in failed)
    summary = {"passed": passed, "failed": len(failed), "excluded": len(excluded), "failed_by_design": by_design}
    print(json.dumps(summary) if given.json else f"{passed} passed, {len(failed)} failed, {len(excluded)} excluded")
    return 0 if by_design == len(failed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
