"""Market data as columns: ticks and bars on their way from a source to the store and the stream.

Owns the two shapes every stage of the pipeline passes on, and nothing that is done to them. A batch
holds one source only: series of different sources are never mixed. Times are int64 microseconds
since 1970 UTC; prices are in the symbol's currency, unadjusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Indices = NDArray[np.int32]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """Trades and quotes of one source, in the order they arrived; unchecked until `quality` was.

    Attributes:
        source: Name of the source, such as ``yahoo`` or ``ccxt:binance``.
        symbols: The symbols `symbol` points into.
        symbol: int32[n].
        at: int64[n], when it was made, by the source.
        price: float64[n].
        size: float64[n], shares or coins; 0 for an indication without a trade.
        received: int64[n], when it arrived, by the wall clock.
    """

    source: str
    symbols: tuple[str, ...]
    symbol: Indices
    at: Integers
    price: Floats
    size: Floats
    received: Integers

    def __len__(self) -> int:
        return len(self.at)

    def take(self, part: slice | Flags | Integers) -> Ticks:
        """Return some of the ticks."""
        return Ticks(
            source=self.source,
            symbols=self.symbols,
            **{name: getattr(self, name)[part] for name in TICK_COLUMNS},
        )


TICK_COLUMNS = ("symbol", "at", "price", "size", "received")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Bars of one source, symbol and interval, oldest first.

    Attributes:
        interval: One of `models.market.INTERVALS`, or a kind of its own such as ``100t`` (so many
            ticks), ``5000v`` (so much volume) and ``1000000d`` (so much turnover).
        start: int64[n], opening time; of days and longer midnight UTC of the (first) session.
        open, high, low, close: float64[n].
        volume: float64[n].
        closed: bool[n], False while forming.
        revision: int32[n], 0 at first, one more each time a late tick or a source amended the bar.
    """

    source: str
    symbol: str
    interval: str
    start: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    closed: Flags
    revision: Indices

    def __len__(self) -> int:
        return len(self.start)

    def take(self, part: slice | Flags | Integers) -> Bars:
        """Return some of the bars."""
        return Bars(
            source=self.source,
            symbol=self.symbol,
            interval=self.interval,
            **{name: getattr(self, name)[part] for name in BAR_COLUMNS},
        )

    @classmethod
    def of(
        cls,
        source: str,
        symbol: str,
        interval: str,
        rows: Sequence[tuple[int, float, float, float, float, float]],
    ) -> Self:
        """Return closed bars of rows (start, open, high, low, close, volume)."""
        columns = list(zip(*rows, strict=True)) or [()] * 6
        return cls(
            source=source,
            symbol=symbol,
            interval=interval,
            start=np.array(columns[0], dtype=np.int64),
            open=np.array(columns[1], dtype=np.float64),
            high=np.array(columns[2], dtype=np.float64),
            low=np.array(columns[3], dtype=np.float64),
            close=np.array(columns[4], dtype=np.float64),
            volume=np.array(columns[5], dtype=np.float64),
            closed=np.ones(len(rows), dtype=np.bool_),
            revision=np.zeros(len(rows), dtype=np.int32),
        )


BAR_COLUMNS = ("start", "open", "high", "low", "close", "volume", "closed", "revision")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporateEvent:
    """A split or a cash dividend, effective before the open of `ex_day`.

    Attributes:
        ex_day: Days since 1970.
        ratio: Splits: new shares per old share. None for a dividend.
        amount: Dividends: cash per share as of the ex-date. None for a split.
    """

    source: str
    symbol: str
    ex_day: int
    ratio: float | None = None
    amount: float | None = None
