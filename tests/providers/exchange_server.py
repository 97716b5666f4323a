"""A server that behaves like an exchange of coins, with an interface as Binance has it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.providers.serving import Asked, FakeProvider, Reply

START = 1_704_067_200_000
"""Milliseconds of the first row."""
DAY = 86_400_000
GOOD: tuple[list[Any], ...] = tuple(
    [START + n * DAY, str(100.0 + n), str(102.0 + n), str(99.0 + n), str(101.0 + n), "1000.5"]
    for n in range(6)
)
BAD: dict[str, Any] = {
    "nan": [START + 6 * DAY, "nan", "nan", "nan", "nan", "nan"],
    "infinite": [START + 7 * DAY, "104", "inf", "103", "104", "1"],
    "no_number": [START + 8 * DAY, "104", "n/a", "103", "104", "1"],
    "none": [START + 9 * DAY, None, None, None, None, None],
    "zero": [START + 10 * DAY, "0", "0", "0", "0", "0"],
    "negative": [START + 11 * DAY, "-104", "-103", "-105", "-104", "1"],
    "no_time": [None, "104", "105", "103", "104", "1"],
    "short": [START + 12 * DAY, "104"],
    "no_row": None,
    "duplicate": GOOD[2],
    "late": [START - DAY, "104", "105", "103", "104", "1"],
}


class ExchangeFake(FakeProvider):
    """Has the markets BTC/USDT and ETH/USDT, and pushes trades.

    Attributes:
        rows: Of every series.
        pushed: Frames sent to whoever subscribes, then `then`.
        by_symbol: Only frames of the first symbol subscribed to are sent.
        then: What happens to the stream afterwards: ``stay`` or ``drop``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: Sequence[Any] = GOOD
        self.tickers: dict[str, dict[str, Any]] = {
            "BTCUSDT": {**_TICKER, "symbol": "BTCUSDT"},
            "ETHUSDT": {**_TICKER, "symbol": "ETHUSDT", "lastPrice": "2350.5"},
        }
        self.pushed: Sequence[str] = ()
        self.then = "stay"
        self.by_symbol = False
        self.stream_url = ""
        self.subscribed: list[str] = []
        self.streams = 0

    @contextlib.asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """Serve the stream too."""
        async with self.served(), serve(self._push, "127.0.0.1", 0) as server:
            self.stream_url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
            yield

    def reply(self, asked: Asked) -> Reply:
        """Answer a path."""
        if asked.path.endswith("/exchangeInfo"):
            return Reply({"symbols": [_market("BTC"), _market("ETH")], "timezone": "UTC"})
        if asked.path.endswith("/klines"):
            return Reply(list(self.rows))
        if asked.path.endswith("/ticker/24hr"):
            if "symbol" in asked.query:
                return Reply(self.tickers[asked.query["symbol"]])
            return Reply(list(self.tickers.values()))
        return Reply({"code": -1, "msg": "no such path"}, 404)

    async def _push(self, connection: ServerConnection) -> None:
        self.streams += 1
        try:
            async for message in connection:
                asked = json.loads(message)
                self.subscribed += asked.get("params", [])
                await connection.send(json.dumps({"result": None, "id": asked["id"]}))
                told = asked["params"] if self.by_symbol else [""]
                for frame in [one for one in self.pushed if _coin(told) in one]:
                    await connection.send(frame)
                    await asyncio.sleep(0.01)
                if self.then == "drop":
                    connection.transport.abort()
        except ConnectionClosed:
            return
        finally:
            self.streams -= 1


def trade(coin: str, at: Any, price: Any, size: Any = "0.5", number: int = 1) -> str:
    """Return a pushed trade."""
    told = {"e": "trade", "E": at, "s": f"{coin}USDT", "t": number, "p": price, "q": size, "T": at}
    return json.dumps({**told, "m": True, "M": True})


def _coin(told: Sequence[str]) -> str:
    return told[0].partition("@")[0].upper() if told else ""


def _market(coin: str) -> dict[str, Any]:
    return {
        "symbol": f"{coin}USDT", "status": "TRADING", "baseAsset": coin, "quoteAsset": "USDT",
        "baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT"], "isSpotTradingAllowed": True, "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000",
             "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000",
             "stepSize": "0.00001"},
        ],
        "permissions": ["SPOT"], "permissionSets": [["SPOT"]],
    }  # fmt: skip


_TICKER = {
    "priceChange": "10", "priceChangePercent": "0.1", "weightedAvgPrice": "46000",
    "prevClosePrice": "46000", "lastPrice": "46139.73", "lastQty": "0.1", "bidPrice": "46139.7",
    "bidQty": "1", "askPrice": "46139.8", "askQty": "1", "openPrice": "46010", "highPrice": "47000",
    "lowPrice": "45000", "volume": "1234.5", "quoteVolume": "56000000", "openTime": START,
    "closeTime": 1_704_834_000_000, "firstId": 1, "lastId": 2, "count": 2,
}  # fmt: skip
