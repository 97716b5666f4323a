"""`/patterns/…`: what was found, in series of the market and in bars of one's own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from trading_dashboard.agents.kit import AgentApp
from trading_dashboard.agents.kit.answers import SYMBOL, OrjsonResponse, example
from trading_dashboard.agents.pattern_recognition.api.answers import (
    BY_SYMBOL,
    INVALID,
    TIMEFRAME,
    UNKNOWN,
)
from trading_dashboard.agents.pattern_recognition.api.examples import (
    CONFIDENCE,
    HISTORY,
    PATTERNS,
)
from trading_dashboard.agents.pattern_recognition.catalogue import known
from trading_dashboard.agents.pattern_recognition.live.asking import Choice
from trading_dashboard.agents.pattern_recognition.questions import Questions
from trading_dashboard.models.market import Interval
from trading_dashboard.models.pattern_api import ConfidenceResponse, HistoryResponse, OwnBars
from trading_dashboard.models.patterns import PatternKind, PatternsResponse, PatternState

DEFAULT_LIMIT = 100
MAX_LIMIT = 2_000
_KIND = Query(description="Only this kind; both without it.")
_STATE = Query(description="Only in this state; in any without it.")
_LIMIT = Query(ge=1, le=MAX_LIMIT, description="Detections at most, newest first.")
_OFFSET = Query(ge=0, le=10_000_000, description="So many are left out at the beginning.")
_PATTERN = Query(max_length=64, description="Only this pattern, by its id in the catalogue.")
_ONE_SYMBOL = Query(max_length=64, description="Only of this symbol; of all followed without it.")
_ONE_TIMEFRAME = Query(description="Only of this timeframe; of all followed without it.")
_HORIZON = Query(ge=1, le=250, description="Only over this horizon, in bars.")


def add_patterns(app: AgentApp, questions: Questions) -> None:
    """Add the routes; those with a name of their own before that of any symbol."""
    _add_detect(app, questions)
    _add_history(app, questions)
    _add_confidence(app, questions)

    @app.get(
        "/patterns/{symbol:path}",
        tags=["patterns"],
        response_model=PatternsResponse,
        responses={**BY_SYMBOL, **example(PATTERNS)},
    )
    async def get_patterns(
        symbol: Annotated[str, SYMBOL],
        timeframe: Annotated[Interval, TIMEFRAME] = "1d",
        kind: Annotated[PatternKind | None, _KIND] = None,
        state: Annotated[PatternState | None, _STATE] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_LIMIT,
    ) -> Response:
        """Patterns of a symbol in one timeframe, the one known last first."""
        selection = Choice(
            kinds=frozenset({kind.value}) if kind else Choice().kinds,
            states=frozenset({state.value}) if state else frozenset(),
        )
        return OrjsonResponse(await questions.patterns(symbol, timeframe, selection, limit))


def _add_detect(app: AgentApp, questions: Questions) -> None:
    @app.post(
        "/patterns/detect",
        tags=["patterns"],
        response_model=PatternsResponse,
        responses={**INVALID, **UNKNOWN, **example({**PATTERNS, "source": "own"})},
    )
    async def detect_patterns(own: OwnBars) -> Response:
        """Patterns in bars of one's own, at most 20,000; a bar without prices is a gap."""
        for pattern in own.patterns:
            known(pattern)
        return OrjsonResponse(await questions.detect(own))


def _add_history(app: AgentApp, questions: Questions) -> None:
    @app.get(
        "/patterns/history",
        tags=["patterns"],
        response_model=HistoryResponse,
        responses={**BY_SYMBOL, **example(HISTORY)},
    )
    async def get_history(
        symbol: Annotated[str | None, _ONE_SYMBOL] = None,
        timeframe: Annotated[Interval | None, _ONE_TIMEFRAME] = None,
        pattern: Annotated[str | None, _PATTERN] = None,
        offset: Annotated[int, _OFFSET] = 0,
        limit: Annotated[int, _LIMIT] = DEFAULT_LIMIT,
    ) -> Response:
        """Detections of the history looked at, newest first, with what became of each."""
        chosen = None if pattern is None else known(pattern)
        found = await questions.history(symbol, timeframe, chosen, offset=offset, limit=limit)
        return OrjsonResponse(found)


def _add_confidence(app: AgentApp, questions: Questions) -> None:
    @app.get(
        "/patterns/confidence",
        tags=["patterns"],
        response_model=ConfidenceResponse,
        responses={**BY_SYMBOL, **example(CONFIDENCE)},
    )
    async def get_confidence(
        symbol: Annotated[str | None, _ONE_SYMBOL] = None,
        timeframe: Annotated[Interval | None, _ONE_TIMEFRAME] = None,
        pattern: Annotated[str | None, _PATTERN] = None,
        horizon: Annotated[int | None, _HORIZON] = None,
    ) -> Response:
        """What each pattern was worth up to now, and how what was said of it came true."""
        chosen = None if pattern is None else known(pattern)
        return OrjsonResponse(await questions.confidence(symbol, timeframe, chosen, horizon))
