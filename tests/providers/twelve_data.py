"""A server that behaves like Twelve Data: errors are objects with a code, and a status like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.providers.rows import GOOD, Told
from tests.providers.serving import Asked, FakeProvider, Reply

KEY = "td-key+with/signs=0123"
LISTED = {"AAPL": "XNGS", "MSFT": "XNGS", "TSCO": "XLON", "EUR/USD": "", "SPX": "XNYS"}


class TwelveDataFake(FakeProvider):
    """Knows `LISTED`.

    Attributes:
        rows: Of every series, oldest first; sent the other way round, as the provider does.
        error: Code and message, answered instead of anything.
        error_status: The HTTP status it comes with.
    """

    def __init__(self, rows: Sequence[Told] = GOOD) -> None:
        super().__init__()
        self.rows = rows
        self.error: tuple[int, str] | None = None
        self.error_status = 200
        self.splits: list[Any] = []
        self.dividends: list[Any] = []
        self.prices: dict[str, dict[str, Any]] = {}

    def reply(self, asked: Asked) -> Reply:
        """Answer a path."""
        if self.error is not None:
            return Reply(_error(*self.error), self.error_status)
        if asked.headers.get("authorization") != f"apikey {KEY}":
            return Reply(_error(401, "**apikey** parameter is incorrect or not specified."), 401)
        symbols = asked.query["symbol"].split(",")
        if asked.path == "/symbol_search":
            return Reply({"data": _FOUND, "status": "ok"})
        if asked.path == "/quote" and len(symbols) > 1:
            return Reply({symbol: self._quote(symbol) for symbol in symbols})
        if symbols[0] not in LISTED:
            return Reply(_error(404, f"**symbol** not found: {symbols[0]}."), 404)
        return self._about(asked.path, symbols[0])

    def _about(self, path: str, symbol: str) -> Reply:
        if path == "/time_series" and not self.rows:
            return Reply(_error(400, "No data is available on the specified dates."), 400)
        bodies: dict[str, Any] = {
            "/quote": self._quote(symbol),
            "/splits": {"splits": self.splits},
            "/dividends": {"dividends": self.dividends},
            "/time_series": {"meta": _meta(symbol), "values": self._values(), "status": "ok"},
        }
        return Reply(bodies[path])

    def _values(self) -> list[dict[str, str]]:
        return [
            {
                "datetime": row.date,
                "open": row.open,
                "high": row.high,
                "low": row.low,
                "close": row.close,
                "volume": row.volume,
            }
            for row in reversed(self.rows)
        ]

    def _quote(self, symbol: str) -> dict[str, Any]:
        if symbol not in LISTED:
            return _error(404, f"**symbol** not found: {symbol}")
        return {
            "symbol": symbol,
            "currency": "USD",
            "timestamp": 1704810600,
            "last_quote_at": 1704830340,
            "open": "103.0",
            "high": "105.0",
            "low": "102.0",
            "close": "104.25",
            "volume": "1000000",
            "previous_close": "104.0",
            **self.prices.get(symbol, {}),
        }


def _error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "status": "error"}


def _meta(symbol: str) -> dict[str, str]:
    if "/" in symbol:
        return {"symbol": symbol, "currency_base": "Euro", "currency_quote": "US Dollar"}
    return {"symbol": symbol, "currency": "USD", "exchange_timezone": "America/New_York"}


_FOUND = [
    {"symbol": "AAPL", "instrument_name": "Apple Inc", "exchange": "NASDAQ", "mic_code": "XNGS",
     "exchange_timezone": "America/New_York", "instrument_type": "Common Stock", "currency": "USD"},
    {"symbol": "TSCO", "instrument_name": "Tesco PLC", "exchange": "LSE", "mic_code": "XLON",
     "exchange_timezone": "Europe/London", "instrument_type": "Common Stock", "currency": "GBp"},
    {"symbol": "EUR/USD", "instrument_name": "Euro / US Dollar", "exchange": "PHYSICAL CURRENCY",
     "mic_code": "", "instrument_type": "Physical Currency", "currency": ""},
    {"symbol": "SPY", "instrument_name": "SPDR S&P 500", "exchange": "NYSE", "mic_code": "ARCX",
     "exchange_timezone": "America/New_York", "instrument_type": "ETF", "currency": "USD"},
    {"symbol": "AAPL", "instrument_name": "Apple elsewhere", "exchange": "X", "mic_code": "XXXX",
     "instrument_type": "Common Stock"},
]  # fmt: skip
