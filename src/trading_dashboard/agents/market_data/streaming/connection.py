"""One WebSocket connection of `/stream`: what its client may ask.

Owns what a client's message does; the life of a connection is `kit.streams`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.websockets import WebSocket

from trading_dashboard.agents.kit import streams
from trading_dashboard.agents.kit.streams import not_understood
from trading_dashboard.agents.market_data.streaming.hub import Return, StreamHub
from trading_dashboard.agents.market_data.streaming.readership import (
    MAX_PATTERN_LENGTH,
    MAX_PATTERNS,
    TooManyPatterns,
)
from trading_dashboard.agents.market_data.streaming.subscriber import Subscriber
from trading_dashboard.models.errors import UnknownSymbol, error_body
from trading_dashboard.models.market_api import StreamOperation

_SUCH_AS = '{"op":"subscribe","symbols":["AAPL"],"intervals":["1m"]}'


async def serve_stream(websocket: WebSocket, hub: StreamHub) -> None:
    """Serve one client until it leaves or the agent stops."""
    await streams.serve_stream(
        websocket,
        hub,
        lambda subscriber: subscriber.pump(websocket.send_text),
        lambda text, subscriber: handle(text, subscriber, hub),
    )


def handle(text: str | bytes, subscriber: Subscriber, hub: StreamHub) -> Sequence[dict[str, Any]]:
    """Do what a message asks; return what was wrong with it, as error bodies."""
    try:
        operation = StreamOperation.model_validate(orjson.loads(text))
    except (orjson.JSONDecodeError, ValidationError) as error:
        return [not_understood(error, _SUCH_AS)]
    if operation.op == "unsubscribe":
        names = [symbol.strip().upper() for symbol in operation.symbols]
        hub.unsubscribe(subscriber, names, operation.intervals)
        return []
    if operation.closed_only is not None:
        subscriber.closed_only = operation.closed_only
    known = []
    problems = [_not_offered(name) for name in operation.intervals if not hub.offers(name)]
    for symbol in operation.symbols if not problems else []:
        try:
            known.append(hub.resolve(symbol, subscriber))
        except UnknownSymbol as error:
            problems.append(error.as_body())
        except TooManyPatterns:
            problems.append(_too_many_patterns(symbol))
    if known:
        hub.subscribe(subscriber, known, operation.intervals, _return_of(operation))
    return problems


def _return_of(operation: StreamOperation) -> Return | None:
    if operation.resume_from is None:
        return None
    since = None if operation.since is None else operation.since.isoformat()
    return Return(operation.epoch or "", operation.resume_from, since)


def _too_many_patterns(symbol: str) -> dict[str, Any]:
    return error_body(
        "invalid_operation",
        "The pattern is too long, or one too many.",
        observed=symbol[:64],
        next_step=f"Use at most {MAX_PATTERNS} patterns of {MAX_PATTERN_LENGTH} characters.",
    )


def _not_offered(interval: str) -> dict[str, Any]:
    return error_body(
        "invalid_operation",
        f"Bars of {interval} are not made here.",
        observed=interval,
        next_step="GET /sources lists the intervals.",
    )
