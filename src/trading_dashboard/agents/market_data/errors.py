"""What can go wrong with the market data agent's own store and its calendars."""

from __future__ import annotations

from trading_dashboard.models.errors import MarketDataError


class StoreInUse(MarketDataError):
    """Another process has the store open; a DuckDB file belongs to one process."""

    code = "store_in_use"


class StoreUnusable(MarketDataError):
    """The store cannot be opened, read or written."""

    code = "store_unusable"


class StoreDamaged(StoreUnusable):
    """The file's content cannot be read; all of it can be loaded again from the data set."""


class UnknownCalendar(MarketDataError):
    """No exchange calendar has that name."""

    code = "unknown_calendar"


class CalendarUnavailable(MarketDataError):
    """The calendar library could not tell a calendar's sessions."""

    code = "calendar_unavailable"
