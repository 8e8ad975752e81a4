"""`crossdock check` and `crossdock test`: everything that can be found out before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from crossdock.cli.options import HERE, PRODUCTION, AsJson, Environment, Folder
from crossdock.cli.show import emit, say
from crossdock.core.errors import UsageError
from crossdock.project import Checked, check_project, load_project
from crossdock.testing.cases import CaseResult, run_cases


def add_to(app: typer.Typer) -> None:
    app.command(short_help="Says what is wrong, and what each flow guarantees.")(check)
    app.command("test")(cases)


def check(project: Folder = HERE, environment: Environment = PRODUCTION, as_json: AsJson = False) -> int:
    """Reads the whole project and says what is wrong, and what each flow guarantees and why."""
    checked = check_project(project, environment)
    if as_json:
        emit(_document(checked))
    else:
        _tell(checked)
    return 1 if checked.errors else 0


def _document(checked: Checked) -> Mapping[str, Any]:
    return {
        "ok": not checked.errors,
        "problems": [asdict(problem) for problem in checked.problems],
        "flows": [asdict(report) for report in checked.reports],
    }


def _tell(checked: Checked) -> None:
    for report in checked.reports:
        say(f"{report.name}: {', '.join(report.on)} → {report.to} {report.action}")
        say(f"  {report.guarantee}")
        for why in report.why:
            say(f"    · {why}")
    if checked.reports and checked.problems:
        say("")
    for problem in checked.problems:
        say(problem)
    warnings = len(checked.problems) - len(checked.errors)
    say("")
    flows, errors = _counted(len(checked.reports), "flow"), _counted(len(checked.errors), "error")
    say(f"{flows}, {errors}, {_counted(warnings, 'warning')}")


def cases(
    only: Annotated[str, typer.Argument(help="Cases whose name or file holds this.")] = "",
    project: Folder = HERE,
    environment: Environment = PRODUCTION,
    as_json: AsJson = False,
) -> int:
    """Runs the project's cases: no network, no store."""
    results = run_cases(load_project(project, environment), only=only)
    if only and not results:
        raise UsageError(f"no case is called {only!r}", hint="crossdock test without a name runs all of them")
    failed = [result for result in results if not result.passed]
    if as_json:
        emit({"ok": not failed, "cases": [{**asdict(result), "passed": result.passed} for result in results]})
    else:
        _tell_cases(results)
    return 1 if failed else 0


def _tell_cases(results: list[CaseResult]) -> None:
    for result in results:
        say(f"{'ok    ' if result.passed else 'FAILED'} {result.file}:{result.line} {result.name}")
        for failure in result.failures:
            say(f"         {failure}")
    failed = sum(not result.passed for result in results)
    say("")
    say(f"{_counted(len(results), 'case')}, {failed} failed" if results else "no cases: write some in cases/")


def _counted(number: int, of: str) -> str:
    return f"{number} {of}" if number == 1 else f"{number} {of}s"
