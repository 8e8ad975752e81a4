"""What a viewer sees while the demo plays: one line after another on stderr, and a bar where somebody looks on."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Curtain:
    """A context: at its end the bar is gone and the lines stay."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
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

    def bar(self, what: str, total: int) -> Bar:
        return Bar(self._progress, what, total)


class Bar:
    def __init__(self, progress: Progress, what: str, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=max(total, 1))

    def moved(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=max(total, 1))

    def close(self) -> None:
        self._progress.remove_task(self._task)
