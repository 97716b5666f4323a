"""What can go wrong with a file that is imported or exported."""

from __future__ import annotations

from trading_dashboard.models.errors import MarketDataError


class FileUnreadable(MarketDataError):
    """A file cannot be read, or does not have the columns bars need."""

    code = "file_unreadable"


class ExportFailed(MarketDataError):
    """A file cannot be written; what was there before is unchanged."""

    code = "export_failed"
