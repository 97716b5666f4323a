"""How far a long command is: a bar on a terminal, nothing where output is kept."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBar:
    """A bar on standard error while within; on nothing else it draws nothing."""

    def __init__(self, *, as_json: bool) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        if not as_json and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._progress = Progress(console=Console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress:
            self._progress.stop()

    def show(self, text: str, done: int, total: int | None) -> None:
        """Draw how far it is; without a total that it goes on."""
        if not self._progress:
            return
        if self._task is None:
            self._task = self._progress.add_task(text, total=total)
        self._progress.update(self._task, description=text, completed=done, total=total)
