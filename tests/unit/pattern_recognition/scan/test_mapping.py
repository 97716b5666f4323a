"""Chunks, memory and the map in the caller's thread, without processes."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tests.unit.pattern_recognition.scan import tasks
from trading_dashboard.agents.pattern_recognition.bars import Bars
from trading_dashboard.agents.pattern_recognition.scan.mapping import InlineMap, described
from trading_dashboard.agents.pattern_recognition.scan.memory import (
    anonymous_file,
    read_series,
    take_all,
    write_all,
    write_series,
)
from trading_dashboard.agents.pattern_recognition.scan.process_pool import ProcessPool, chunked


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = anonymous_file()
    yield descriptor
    os.close(descriptor)


def test_bars_come_out_as_they_went_in(memory: int) -> None:
    series = [("A/B", tasks.bars_of(1, 7)), ("empty", Bars.empty()), ("Ä", tasks.bars_of(2, 100))]
    for some in (series, series[:1]):
        size = write_series(memory, some, b"note")
        with mmap.mmap(memory, size, access=mmap.ACCESS_READ) as mapped:
            note, found = read_series(mapped)
            assert note == b"note"
            assert [name for name, _ in found] == [name for name, _ in some]
            for (_, out), (_, went_in) in zip(found, some, strict=True):
                for name in ("time", "open", "high", "low", "close", "volume"):
                    np.testing.assert_array_equal(getattr(out, name), getattr(went_in, name))
                assert not out.close.flags.writeable
            del found, out


def test_memory_has_no_name_and_shrinks(memory: int) -> None:
    write_all(memory, b"x" * 10_000)
    assert take_all(memory, 10_000) == b"x" * 10_000
    assert os.fstat(memory).st_size == 0
    assert os.fstat(memory).st_nlink == 0
    with pytest.raises(EOFError):
        take_all(memory, 1)


@pytest.mark.parametrize(
    ("count", "symbols", "rows", "sizes"),
    [
        (0, 50, 1000, []),
        (120, 50, 10**9, [50, 50, 20]),
        (10, 50, 180, [3, 3, 3, 1]),
        (3, 50, 10, [1, 1, 1]),
    ],
)
def test_chunks_are_bounded_in_symbols_and_bars(
    count: int, symbols: int, rows: int, sizes: list[int]
) -> None:
    chunks = list(chunked(tasks.universe(count), symbols, rows))
    assert [len(chunk) for chunk in chunks] == sizes
    assert [name for chunk in chunks for name, _ in chunk] == [f"S{n}" for n in range(count)]


def test_a_bad_symbol_costs_only_itself() -> None:
    outcomes = list(InlineMap().map(tasks.raises_on_s3, tasks.universe(6)))
    assert [one.value for one in outcomes] == ["S0", "S1", "S2", None, "S4", "S5"]
    assert outcomes[3].error == "ValueError: its bars"
    assert len(described(ValueError("x" * 1000))) == 300


def test_cancelled_means_nothing_more() -> None:
    cancel = threading.Event()
    outcomes = InlineMap().map(tasks.checksum, tasks.universe(6), cancel)
    next(outcomes)
    cancel.set()
    assert list(outcomes) == []


def test_a_few_symbols_start_no_process() -> None:
    pool = ProcessPool(2)
    found = [one.value for one in pool.map(tasks.own_pid, tasks.universe(7))]
    assert found == [os.getpid()] * 7
    assert pool.pids == []
    pool.close()
