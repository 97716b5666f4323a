"""A server that behaves like Alpha Vantage: one address, refusals in words with status 200."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.providers.rows import GOOD, Told
from tests.providers.serving import Asked, FakeProvider, Reply

KEY = "AVKEY0123456789X"
WORDS = {
    "note": {
        "Note": "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per "
        "minute and 500 calls per day."
    },
    "daily": {
        "Information": f"We have detected your API key as {KEY} and our standard API rate limit is "
        "25 requests per day. Please subscribe to any of the premium plans."
    },
    "hurry": {
        "Information": "Please consider spreading out your free API requests more sparingly (1 "
        "request per second)."
    },
    "premium": {
        "Information": "Thank you for using Alpha Vantage! This is a premium endpoint. You may "
        "subscribe to any of the premium plans to instantly unlock all premium endpoints"
    },
    "key": {
        "Error Message": "the parameter apikey is invalid or missing. Please claim your free "
        "API key"
    },
    "unknown": {
        "Error Message": "Invalid API call. Please retry or visit the documentation for "
        "TIME_SERIES_DAILY."
    },
}


class AlphaVantageFake(FakeProvider):
    """Knows IBM, EUR/USD and BTC/USD.

    Attributes:
        rows: Of every series, oldest first; sent the other way round, as the provider does.
        words: One of `WORDS`, said instead of any answer.
        splits: Texts by date, in the adjusted series.
    """

    def __init__(self, rows: Sequence[Told] = GOOD) -> None:
        super().__init__()
        self.rows = rows
        self.words = ""
        self.splits: dict[str, str] = {}
        self.dividends: dict[str, str] = {}
        self.zone: str | None = "US/Eastern"

    def reply(self, asked: Asked) -> Reply:
        """Answer a function."""
        if self.words:
            return Reply(WORDS[self.words])
        if asked.query.get("apikey") != KEY:
            return Reply(WORDS["key"])
        function = asked.query["function"]
        symbol = asked.query.get("symbol") or asked.query.get("from_symbol", "")
        if function == "GLOBAL_QUOTE":
            return Reply({"Global Quote": _QUOTE if symbol == "IBM" else {}})
        if function == "CURRENCY_EXCHANGE_RATE":
            return Reply({"Realtime Currency Exchange Rate": _RATE})
        if function == "SYMBOL_SEARCH":
            return Reply({"bestMatches": _MATCHES})
        if symbol not in {"IBM", "EUR", "BTC"}:
            return Reply(WORDS["unknown"])
        return Reply(self._series(function))

    def _series(self, function: str) -> str:
        """Return JSON text, since names may come twice."""
        meta = {"1. Information": "Prices", "2. Symbol": "IBM", "4. Output Size": "Compact"}
        if self.zone:
            meta["5. Time Zone"] = self.zone
        rows = ", ".join(
            f"{json.dumps(row.date)}: {json.dumps(self._fields(row, function))}"
            for row in reversed(self.rows)
        )
        name = "Time Series (Daily)" if "DAILY" in function else "Time Series (5min)"
        return f'{{"Meta Data": {json.dumps(meta)}, "{name}": {{{rows}}}}}'

    def _fields(self, row: Told, function: str) -> dict[str, Any]:
        fields = {
            "1. open": row.open,
            "2. high": row.high,
            "3. low": row.low,
            "4. close": row.close,
        }
        if function.startswith("FX"):
            return fields
        if not function.endswith("ADJUSTED"):
            return {**fields, "5. volume": row.volume}
        return {
            **fields,
            "5. adjusted close": row.close,
            "6. volume": row.volume,
            "7. dividend amount": self.dividends.get(row.date, "0.0000"),
            "8. split coefficient": self.splits.get(row.date, "1.0"),
        }


_QUOTE = {
    "01. symbol": "IBM", "02. open": "103.0", "03. high": "105.0", "04. low": "102.0",
    "05. price": "104.25", "06. volume": "1000000", "07. latest trading day": "2024-01-09",
    "08. previous close": "104.0", "09. change": "0.25", "10. change percent": "0.24%",
}  # fmt: skip
_RATE = {
    "1. From_Currency Code": "EUR", "3. To_Currency Code": "USD", "5. Exchange Rate": "1.0921",
    "6. Last Refreshed": "2024-01-09 15:00:01", "7. Time Zone": "UTC", "8. Bid Price": "1.0920",
    "9. Ask Price": "1.0922",
}  # fmt: skip
_MATCHES = [
    {"1. symbol": "IBM", "2. name": "International Business Machines", "3. type": "Equity",
     "4. region": "United States", "7. timezone": "UTC-04", "8. currency": "USD"},
    {"1. symbol": "SPY", "2. name": "SPDR S&P 500", "3. type": "ETF",
     "4. region": "United States", "8. currency": "USD"},
    {"1. symbol": "TSCO.LON", "2. name": "Tesco PLC", "3. type": "Equity",
     "4. region": "United Kingdom", "8. currency": "GBX"},
    {"1. symbol": "IBM.XYZ", "2. name": "Somewhere", "3. type": "Equity", "4. region": "Nowhere"},
]  # fmt: skip
