"""Daily history of symbols, read from market data as it is needed.

Owns which bars are there and how old they are. They are kept as they came (Arrow): who computes
with them reads them in another process, see `heavy`. A version names one state of all of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from datetime import date

from trading_dashboard.agents.risk_management.live.asked import Histories
from trading_dashboard.agents.risk_management.live.market import Market
from trading_dashboard.models.errors import (
    DataUnavailable,
    MarketDataError,
    TradingDashboardError,
    UnknownSymbol,
)

MAX_ROWS = 1_000_000
"""Of all symbols together; more symbols have fewer days each."""
MAX_SYMBOLS = 1_000
POSTPONED_SECONDS = 30.0
"""A symbol whose history cannot be had is asked for again after so long."""

logger = logging.getLogger(__name__)


class DailyHistory:
    """Bars of all symbols that were asked about since the market began."""

    def __init__(
        self, market: Market, days: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._market = market
        self._days = days
        self._monotonic = monotonic
        self._epoch = 0
        self._changes = 0
        self._session: date | None = None
        self._bars: dict[str, bytes] = {}
        self._read_in: dict[str, date | None] = {}
        self._missing: dict[str, tuple[float, str]] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    def begin(self, session: date | None) -> None:
        """Forget everything: the market is another one, or its clock was set."""
        self._epoch += 1
        self._session = session
        self._bars.clear()
        self._read_in.clear()
        self._missing.clear()

    def session_began(self, session: date | None) -> None:
        """Take note that what was read ends before the newest closed day."""
        self._session = session

    def has(self, symbol: str) -> bool:
        """Return whether a symbol's bars are there and of today."""
        return symbol in self._bars and self._read_in.get(symbol) == self._session

    async def of(self, symbols: Collection[str]) -> Histories:
        """Return the bars of symbols, read where they are missing or of an older day.

        Raises:
            DataUnavailable: Market data does not answer and nothing is known of any of them.
        """
        names = list(symbols)[:MAX_SYMBOLS]
        due = [symbol for symbol in names if not self.has(symbol) and self._is_due(symbol)]
        if due:
            rows = max(min(self._days, MAX_ROWS // max(len(names), 1)), 60)
            await asyncio.gather(*(asyncio.shield(self._task(symbol, rows)) for symbol in due))
        missing = {symbol: self._missing[symbol][1] for symbol in names if symbol not in self._bars}
        if names and len(missing) == len(names):
            raise DataUnavailable(
                "No history can be had now.",
                subject=names[0],
                observed=next(iter(missing.values())),
                next_step="Look at the market data agent's status and log.",
            )
        return Histories((self._epoch, self._changes), dict(self._bars), missing)

    # Private

    def _is_due(self, symbol: str) -> bool:
        failed = self._missing.get(symbol)
        return failed is None or self._monotonic() - failed[0] >= POSTPONED_SECONDS

    def _task(self, symbol: str, rows: int) -> asyncio.Task[None]:
        """Return the one task that reads a symbol's bars now."""
        task = self._reading.get(symbol)
        if task is None:
            task = asyncio.create_task(self._read(symbol, rows), name=f"history of {symbol}")
            self._reading[symbol] = task
            task.add_done_callback(lambda _: self._reading.pop(symbol, None))
        return task

    async def _read(self, symbol: str, rows: int) -> None:
        epoch, session = self._epoch, self._session
        try:
            bars = await self._market.daily(symbol, rows)
        except UnknownSymbol:
            self._failed(symbol, f"Symbol '{symbol}' is not known at the market clock.", epoch)
        except MarketDataError as error:
            self._failed(symbol, error.message, epoch)
        except TradingDashboardError as error:
            logger.warning("History of %s cannot be had: %s", symbol, error.message)
            self._failed(symbol, error.message, epoch)
        else:
            if epoch == self._epoch:
                self._bars[symbol], self._read_in[symbol] = bars, session
                self._missing.pop(symbol, None)
                self._changes += 1

    def _failed(self, symbol: str, reason: str, epoch: int) -> None:
        if epoch == self._epoch:
            self._missing[symbol] = (self._monotonic(), reason)
