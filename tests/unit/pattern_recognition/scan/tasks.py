"""Tasks for the tests of scans: each misbehaves in its own way. Workers import this module."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from trading_dashboard.agents.pattern_recognition.bars import Bars

DAY = 86_400_000_000


def bars_of(number: int, length: int = 60) -> Bars:
    """Return bars that differ by number."""
    close = np.arange(length, dtype=np.float64) + number
    opened = np.arange(length, dtype=np.int64) * DAY
    return Bars(opened, close, close + 1, close - 1, close, close * 10)


def universe(count: int, length: int = 60) -> list[tuple[str, Bars]]:
    """Return bars of so many symbols."""
    return [(f"S{number}", bars_of(number, length)) for number in range(count)]


def checksum(symbol: str, bars: Bars) -> tuple[float, ...]:
    """Return a sum of each column."""
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume)
    return tuple(float(column.sum()) for column in columns)


def own_pid(symbol: str, bars: Bars) -> int:
    """Return the process this runs in."""
    return os.getpid()


def searched_by(symbol: str, bars: Bars) -> str:
    """Return how this process searches for chart patterns."""
    # Only here: other tasks start with what they need.
    from trading_dashboard.agents.pattern_recognition.shapes.detect import search

    return str(search())


def raises_on_s3(symbol: str, bars: Bars) -> str:
    """Fail for one symbol."""
    if symbol == "S3":
        raise ValueError("its bars\nare odd")
    return symbol


def returns_what_cannot_be_sent(symbol: str, bars: Bars) -> object:
    """Return a function made here for one symbol."""
    return (lambda: symbol) if symbol == "S3" else symbol


def dies_on_s3(symbol: str, bars: Bars) -> str:
    """End the process for one symbol, as a fault in C would."""
    if symbol == "S3":
        os.kill(os.getpid(), signal.SIGKILL)
    return symbol


def dies_once(flag: str, symbol: str, bars: Bars) -> str:
    """End the process the first time `S3` comes."""
    if symbol == "S3" and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return symbol


def hangs_on_s3(symbol: str, bars: Bars) -> str:
    """Never return for one symbol."""
    while symbol == "S3":
        time.sleep(0.01)
    return symbol


def hangs(symbol: str, bars: Bars) -> None:
    """Never return."""
    while True:
        time.sleep(0.01)


def writes_into_bars(symbol: str, bars: Bars) -> None:
    """Try to change what was given."""
    bars.close[0] = 0.0
