"""One WebSocket connection of `/stream`: what its client may ask.

Owns what a client's message does; the life of a connection is `kit.streams`'.
"""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import ValidationError
from starlette.websockets import WebSocket

from trading_dashboard.agents.kit import streams
from trading_dashboard.agents.kit.streams import Problems, not_understood
from trading_dashboard.agents.pattern_recognition.streaming.hub import PatternHub
from trading_dashboard.agents.pattern_recognition.streaming.subscriber import (
    ALL,
    Interest,
    Subscriber,
)
from trading_dashboard.models.errors import error_body
from trading_dashboard.models.pattern_api import PatternOperation

MAX_SYMBOLS = 500
"""Symbols of one reader; more are subscribed as ``*``."""

_SUCH_AS = '{"op":"subscribe","symbols":["AAPL"]}'


async def serve_stream(websocket: WebSocket, hub: PatternHub) -> None:
    """Serve one client until it leaves or the agent stops."""
    await streams.serve_stream(
        websocket,
        hub,
        lambda subscriber: subscriber.pump(websocket.send_text),
        lambda text, subscriber: handle(text, subscriber, hub),
    )


def handle(text: str | bytes, subscriber: Subscriber, hub: PatternHub) -> Problems:
    """Do what a message asks; return what was wrong with it, as error bodies."""
    try:
        operation = PatternOperation.model_validate(orjson.loads(text))
    except (orjson.JSONDecodeError, ValidationError) as error:
        return [not_understood(error, _SUCH_AS)]
    names = [symbol.strip().upper() for symbol in operation.symbols]
    if operation.op == "unsubscribe":
        hub.unsubscribe(subscriber, names)
        return []
    if unknown := [name for name in names if name != ALL and not hub.knows(name)]:
        return [_unknown(unknown[0])]
    if len({*subscriber.wanted, *names}) > MAX_SYMBOLS:
        return [_too_many()]
    kinds = frozenset(kind.value for kind in operation.kinds)
    hub.subscribe(subscriber, names, Interest(frozenset(operation.timeframes), kinds))
    return []


def _unknown(symbol: str) -> dict[str, Any]:
    return error_body(
        "unknown_symbol",
        f"Symbol '{symbol[:32]}' is not followed.",
        subject=symbol[:32],
        next_step="Subscribe to * to see what is; GET /patterns/{symbol} answers for others.",
    )


def _too_many() -> dict[str, Any]:
    return error_body(
        "invalid_operation",
        f"A reader may name {MAX_SYMBOLS} symbols at most.",
        next_step="Subscribe to * instead.",
    )
