"""The interface of the scan engine: one function over the bars of many symbols.

Owns what a map takes and gives back, and the map that runs in the caller's own thread. A pool of
processes is in `process_pool`; an executor on other machines would be a third class with the same
method.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from trading_dashboard.agents.pattern_recognition.bars import Bars

Task = Callable[[str, Bars], Any]
"""What is done with one symbol. Pools send it to other processes: a function of an importable
module, or a `functools.partial` of one. It may not keep the bars' columns: their memory is used
again for the next symbols."""
Series = tuple[str, Bars]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one symbol: what the task returned, or one line saying why it could not."""

    symbol: str
    value: Any = None
    error: str | None = None


class ChunkMap(Protocol):
    """Runs a task over many symbols, in chunks."""

    def map(
        self, task: Task, series: Iterable[Series], cancel: threading.Event | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield one outcome for each symbol, in the order in which they are ready.

        `series` is read lazily, a few chunks ahead, so that the bars of all symbols need never be
        in memory together. What goes wrong with a symbol is its outcome's `error`; the others go
        on. After `cancel` is set, no more outcomes come. Not taking all outcomes and closing the
        iterator cancels too.
        """
        ...

    def close(self) -> None:
        """End what the map keeps running. It starts again when it is used again."""
        ...


class InlineMap:
    """Runs in the caller's thread: for a few symbols, and where there are no pools."""

    def map(
        self, task: Task, series: Iterable[Series], cancel: threading.Event | None = None
    ) -> Generator[Outcome, None, None]:
        """Yield outcomes in the order of `series`; see `ChunkMap.map`."""
        for symbol, bars in series:
            if cancel is not None and cancel.is_set():
                return
            yield run_task(task, symbol, bars)

    def close(self) -> None:
        """Do nothing: nothing is kept."""


def run_task(task: Task, symbol: str, bars: Bars) -> Outcome:
    """Return what a task makes of one symbol, or its error as one line."""
    try:
        return Outcome(symbol, task(symbol, bars))
    except Exception as error:  # noqa: BLE001 - any error of one symbol is that symbol's outcome
        return Outcome(symbol, error=described(error))


def described(error: BaseException) -> str:
    """Return an error's type and first line, at most 300 characters."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
