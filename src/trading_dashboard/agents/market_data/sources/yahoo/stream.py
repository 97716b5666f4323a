"""Prices that Yahoo pushes: its WebSocket, with yfinance's reading of its messages.

Owns one connection from subscribing to its end. yfinance's own client connects again by itself and
goes through proxies, so that what was missed would not be known: only its message format is used.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from trading_dashboard.agents.market_data.records import Ticks
from trading_dashboard.agents.market_data.sources.contract import (
    SourceFailure,
    SourceGarbled,
    SourceLimited,
    SourceUnreachable,
)
from trading_dashboard.agents.market_data.sources.readings import epoch_seconds, number

ADDRESS = "wss://streamer.finance.yahoo.com/?version=2"
SUBSCRIBE_SECONDS = 15.0
"""So often Yahoo wants to hear what is subscribed."""
MAX_FRAME_BYTES = 64 * 1024

Decode = Callable[[bytes], Any]


async def pushed(
    source: str, address: str, symbols: Mapping[str, str], decode: Decode, seconds: float
) -> AsyncIterator[Ticks]:
    """Yield prices as they come.

    Args:
        source: Its name.
        address: Of the stream.
        symbols: Our names by Yahoo's.
        decode: Yahoo's message from its bytes. Raises `ValueError`.
        seconds: How long connecting may take.

    Raises:
        SourceFailure: The stream ended, or sent what cannot be read.
    """
    try:
        connection = await connect(
            address,
            open_timeout=seconds,
            close_timeout=1,
            max_size=MAX_FRAME_BYTES,
            max_queue=256,
            proxy=None,
        )
    except (OSError, WebSocketException) as error:
        failure = _refused(source, error)
    else:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(connection.close)
            keeper = asyncio.create_task(_subscribed(connection, sorted(symbols)))
            stack.callback(keeper.cancel)
            async for ticks in _messages(source, connection, symbols, decode):
                yield ticks
        failure = SourceUnreachable(f"{source}: the stream ended.")
    raise failure


async def _messages(
    source: str, connection: ClientConnection, symbols: Mapping[str, str], decode: Decode
) -> AsyncIterator[Ticks]:
    """Yield what is read until the connection ends."""
    with contextlib.suppress(WebSocketException):
        async for frame in connection:
            told = _read(frame, decode)
            if told is None:
                raise SourceGarbled(f"{source}: the stream sent what cannot be read.")
            symbol = symbols.get(told.id)
            if symbol is not None:
                yield _tick(source, symbol, told)


async def _subscribed(connection: ClientConnection, symbols: list[str]) -> None:
    """Say what is wanted, again and again, until the connection ends."""
    with contextlib.suppress(WebSocketException):
        while True:
            await connection.send(json.dumps({"subscribe": symbols}))
            await asyncio.sleep(SUBSCRIBE_SECONDS)


def _read(frame: str | bytes, decode: Decode) -> Any | None:
    """Return a message, None if it cannot be read."""
    try:
        body = json.loads(frame)
        return decode(base64.b64decode(body["message"], validate=True))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _tick(source: str, symbol: str, told: Any) -> Ticks:
    return Ticks(
        source=source,
        symbols=(symbol,),
        symbol=np.zeros(1, dtype=np.int32),
        at=np.array([epoch_seconds(number(told.time) / 1000)], dtype=np.int64),
        # Sent as a 32-bit number: its shortest decimal is what was meant.
        price=np.array([float(str(np.float32(told.price)))], dtype=np.float64),
        size=np.array([number(told.last_size)], dtype=np.float64),
        received=np.array([time.time_ns() // 1000], dtype=np.int64),
    )


def _refused(source: str, error: Exception) -> SourceFailure:
    status = getattr(getattr(error, "response", None), "status_code", None)
    observed = f"{type(error).__name__}, HTTP {status}" if status else type(error).__name__
    if status == 429:
        return SourceLimited(f"{source}: the stream has had enough requests ({observed}).")
    return SourceUnreachable(f"{source}: the stream cannot be reached ({observed}).")
