"""Pipes read by threads, as on Windows: the same lines, in order, up to the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trading_dashboard.config.settings import LogSettings
from trading_dashboard.orchestrator.output.book import LogBook
from trading_dashboard.orchestrator.output.pipe_threads import ThreadedLogPump
from trading_dashboard.orchestrator.output.pump import OutputStream

Open = Callable[[], tuple[OutputStream, int]]


@pytest.fixture
async def book(tmp_path: Path) -> LogBook:
    return LogBook(tmp_path, LogSettings())


@pytest.fixture
def pump() -> Iterator[ThreadedLogPump]:
    made = ThreadedLogPump(lambda: None)
    made.start()
    yield made
    made.close(10)


def open_pipe(book: LogBook, pump: ThreadedLogPump) -> tuple[OutputStream, int]:
    reading, writing = os.pipe()
    stream = OutputStream(reading, "stdout", book.log("agent"), 8192)
    pump.add(stream)
    return stream, writing


def finished(pump: ThreadedLogPump, *streams: OutputStream) -> threading.Event:
    done = threading.Event()
    pump.finish(list(streams), done.set)
    return done


async def test_everything_arrives_and_the_end_is_told(book: LogBook, pump: ThreadedLogPump) -> None:
    stream, writing = open_pipe(book, pump)
    lines = [f"line {number}" for number in range(2_000)]
    with os.fdopen(writing, "w") as file:
        file.write("\n".join(lines))
    assert finished(pump, stream).wait(10)
    assert [line.text for line in book.log("agent").ring.tail(5_000)] == lines
    assert stream.descriptor == -1


async def test_end_is_told_once_all_of_a_trees_pipes_have_ended(
    book: LogBook, pump: ThreadedLogPump
) -> None:
    (first, first_writing), (second, second_writing) = open_pipe(book, pump), open_pipe(book, pump)
    os.close(first_writing)
    assert finished(pump, first).wait(10)
    both = finished(pump, first, second)
    order: list[str] = []
    pump._command(lambda: order.append("still open" if not both.is_set() else "told too early"))
    assert finished(pump).wait(10)
    os.close(second_writing)
    assert both.wait(10)
    assert order == ["still open"]


async def test_closing_keeps_what_came_from_a_pipe_that_is_still_held(
    book: LogBook, pump: ThreadedLogPump
) -> None:
    _, writing = open_pipe(book, pump)
    os.write(writing, b"half a line")
    taken = threading.Event()
    while not taken.is_set():
        pump._command(lambda: taken.set() if any(s._partial for s in pump._open) else None)
        taken.wait(0.01)
    pump.close(10)
    assert [line.text for line in book.log("agent").ring.tail(5)] == ["half a line"]
    os.close(writing)
