"""What can go wrong with the pattern recognition agent's own files."""

from __future__ import annotations

from trading_dashboard.models.errors import DataUnavailable, TradingDashboardError


class MarketAway(DataUnavailable):
    """Market data itself does not answer, whatever is asked of it."""


class RecordUnusable(TradingDashboardError):
    """The record of detections cannot be opened, read or written."""

    code = "record_unusable"


class RecordInUse(RecordUnusable):
    """Another process has the record open."""

    code = "record_in_use"
