"""Daily bars out of Arrow streams, and panels of returns made of them.

Runs in the process that computes (`heavy`). What was read is kept for the next question about the
same version.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trading_dashboard.agents.kit.columns import column_of
from trading_dashboard.agents.risk_management.live.asked import Histories
from trading_dashboard.agents.risk_management.measures.question import Bars
from trading_dashboard.agents.risk_management.measures.returns import ReturnPanel

_PRICES = ("open", "high", "low", "close", "volume")


class BarCache:
    """Bars of one version."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None
        self._bars: dict[str, Bars] = {}

    def of(self, histories: Histories, symbol: str) -> Bars | None:
        """Return a symbol's bars; None if there are none."""
        if histories.version != self._version:
            self._version, self._bars = histories.version, {}
        if symbol not in histories.bars:
            return None
        if symbol not in self._bars:
            self._bars[symbol] = read_bars(histories.bars[symbol])
        return self._bars[symbol]


CACHE = BarCache()


def read_bars(stream: bytes) -> Bars:
    """Return the closed bars of an Arrow stream, one a day."""
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
        table = reader.read_all()
    time = column_of(table, "timestamp", np.dtype(np.int64))
    keep = np.ones(len(time), bool)
    if "closed" in table.column_names:
        keep = column_of(table, "closed", np.dtype(bool))
    # Two rows of one time cannot be told apart; the newest one counts.
    keep[:-1] &= time[1:] > time[:-1]
    days = time[keep].astype("datetime64[us]").astype("datetime64[D]")
    columns = [column_of(table, name, np.dtype(np.float64))[keep] for name in _PRICES]
    return Bars(days, *columns)


def closes_of(
    histories: Histories, symbols: Sequence[str]
) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Return all days any of some symbols traded, and closes of shape (T, N), NaN where missing."""
    found = [CACHE.of(histories, symbol) for symbol in symbols]
    known = [bars.dates for bars in found if bars is not None]
    dates = np.unique(np.concatenate(known)) if known else np.empty(0, "datetime64[D]")
    closes = np.full((len(dates), len(symbols)), np.nan)
    for column, bars in enumerate(found):
        if bars is not None:
            closes[np.searchsorted(dates, bars.dates), column] = bars.close
    return dates, closes


def panel_of(histories: Histories, symbols: Sequence[str]) -> ReturnPanel:
    """Return the daily returns of symbols; one without bars is a column of NaN."""
    return ReturnPanel.from_closes(symbols, *closes_of(histories, symbols))
