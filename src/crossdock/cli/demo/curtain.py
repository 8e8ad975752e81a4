"""What a viewer sees while the demo plays: one line after another on stderr, and a bar where somebody looks on."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Curtain:
    """A context: at its end the bar is gone and the lines stay."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.fields[unit]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Curtain:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._progress.stop()

    def says(self, text: str) -> None:
        self._console.print(f"[dim]·[/dim] {text}")

    def bar(self, what: str, unit: str) -> Bar:
        """`unit`: what is counted, and what became of it."""
        return Bar(self._progress, what, unit)


class Bar:
    """To be seen from its first move on."""

    def __init__(self, progress: Progress, what: str, unit: str) -> None:
        self._progress = progress
        self._what = what
        self._unit = unit
        self._task: TaskID | None = None

    def moved(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task(self._what, total=max(total, 1), unit=self._unit)
        self._progress.update(self._task, completed=done, total=max(total, 1))

    def close(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)


def how_many(orders: int) -> str:
    return "1 order" if orders == 1 else f"{orders:,} orders"
