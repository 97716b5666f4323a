"""Archives in a folder of the test's own, and rows to put into them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from trading_dashboard.agents.market_data.records import Bars
from trading_dashboard.agents.market_data.store.archive import DuckArchive

DAY = 86_400_000_000
MINUTE = 60_000_000


def bars(
    symbol: str = "AAPL",
    begin: int = 0,
    count: int = 10,
    *,
    source: str = "file",
    interval: str = "1d",
    step: int = DAY,
    close: float = 10.0,
    revision: int = 0,
) -> Bars:
    """Return bars that follow each other; `close` tells them apart."""
    ones = np.ones(count)
    return Bars(
        source=source,
        symbol=symbol,
        interval=interval,
        start=begin + step * np.arange(count, dtype=np.int64),
        open=10 * ones,
        high=1e9 * ones,
        low=ones,
        close=close * ones,
        volume=5 * ones,
        closed=np.ones(count, np.bool_),
        revision=np.full(count, revision, np.int32),
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[DuckArchive]:
    """Return an open archive that sorts early."""
    with DuckArchive(tmp_path / "archive.duckdb", compact_rows=100) as made:
        yield made
