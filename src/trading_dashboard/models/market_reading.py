"""What the market data agent's questions beside price and history are answered with.

Owns the bodies of many quotes at once, validation, calendars, quality, gaps, quarantine and
storage. Prices and bars are `models.market`'s.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from trading_dashboard.models.market import Labelled, PriceResponse, Wire

Grade = Literal["A+", "A", "B", "C", "D", "F"]


class QuoteFailure(Wire):
    """Why a symbol of `GET /quotes` has no price: the one error shape."""

    code: str
    message: str
    subject: str | None
    observed: Any
    next_step: str | None
    details: list[dict[str, Any]]


class QuotesResponse(Labelled):
    """``GET /quotes``: a price or an error for each symbol asked for."""

    quotes: dict[str, PriceResponse]
    errors: dict[str, QuoteFailure]


class Suggestion(Wire):
    """A symbol that may have been meant."""

    symbol: str
    name: str


class ValidationResponse(Labelled):
    """``GET /validate/{symbol}``: whether the symbol exists, and where."""

    symbol: str
    valid: bool
    message: str
    name: str | None = None
    exchange: str | None = None
    currency: str | None = None
    asset_class: str | None = None
    sources: list[str]
    """The sources that have it."""
    suggestions: list[Suggestion]


class SessionTimes(Wire):
    """One session: its date, and when it opens, rests and closes, UTC."""

    session: date
    open: datetime
    close: datetime
    break_start: datetime | None = None
    break_end: datetime | None = None


class CalendarResponse(Labelled):
    """``GET /calendar/{symbol}``: regular sessions, oldest first."""

    symbol: str
    calendar: str
    """Name in exchange_calendars, such as ``XNYS``; ``24/7`` never closes."""
    time_zone: str
    start: date
    end: date
    sessions: list[SessionTimes]


class QualityScore(Wire):
    """How good one symbol's data of one source is, 0 to 100; a part is None if not measured."""

    symbol: str
    source: str
    score: float = Field(ge=0, le=100)
    grade: Grade
    completeness: float | None = None
    """Bars there are of those the calendar asks for."""
    accuracy: float | None = None
    """Agreement with other sources, and no outliers."""
    timeliness: float | None = None
    """Newest data as young as they should be."""
    consistency: float | None = None
    """Prices that fit their neighbours and the corporate actions."""
    validity: float | None = None
    """Rows that do not contradict themselves."""
    uniqueness: float | None = None
    """Rows that are there once only."""
    rows: int = 0
    """Rows the score is of."""
    rejected: int = 0
    """Rows that were not believed."""
    gaps: int = 0
    computed_at: datetime | None = None


class QualityResponse(Labelled):
    """``GET /quality/{symbol}``: a score for each source that has the symbol."""

    symbol: str
    scores: list[QualityScore]


class QualityReportResponse(Labelled):
    """``GET /quality/report``: the scores of all symbols, worst first."""

    scores: list[QualityScore]
    total: int
    grades: dict[str, int]
    """How many scores have each grade."""


class GapInfo(Wire):
    """A stretch of open hours [start, end) without the data that should be there."""

    symbol: str
    source: str
    interval: str | None = None
    """Of the bars missing; None where the live stream was silent."""
    start: datetime
    end: datetime
    cause: str
    detail: str = ""
    found_at: datetime | None = None
    filled_at: datetime | None = None
    """When it was filled from the source, None while it is not."""
    attempts: int = 0


class GapsResponse(Labelled):
    """``GET /gaps`` and ``GET /gaps/{symbol}``: newest first."""

    symbol: str | None = None
    gaps: list[GapInfo]


class RejectedRow(Wire):
    """A row that was not believed, with the reason; it is never served as good."""

    symbol: str
    source: str
    interval: str | None = None
    """Of a bar; None for a tick or a quote."""
    timestamp: datetime | None = None
    """None if the row had no time that can be read."""
    received: datetime | None = None
    reason: str
    """A stable code, such as ``high_below_low``."""
    detail: str
    row: str
    """The row as it came, JSON."""


class QuarantineResponse(Labelled):
    """``GET /quarantine``: newest first."""

    rejected: list[RejectedRow]


class StoredSeries(Wire):
    """One series that is kept."""

    source: str
    symbol: str
    interval: str
    rows: int
    first: datetime | None = None
    last: datetime | None = None


class StoredFile(Wire):
    """A file of the agent's data directory."""

    name: str
    bytes: int


class StorageResponse(Labelled):
    """``GET /storage``: what is kept, and how much room it takes."""

    files: list[StoredFile]
    total_bytes: int
    free_bytes: int
    """Left on the disk."""
    rows: int
    series: list[StoredSeries]
