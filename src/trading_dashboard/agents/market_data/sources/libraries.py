"""Libraries that only one source needs: whether they are there, and what to do if not.

Owns the wording. Nothing is imported by asking.
"""

from __future__ import annotations

from importlib.util import find_spec

from trading_dashboard.agents.market_data.sources.contract import SourceMissing
from trading_dashboard.agents.market_data.sources.registry import install_line


def need(source: str, library: str, extra: str) -> None:
    """Return if a library is installed. Raises `SourceMissing` with the line that installs it."""
    if find_spec(library) is None:
        raise missing(source, library, extra)


def missing(source: str, library: str, extra: str) -> SourceMissing:
    """Return the error that tells what to install."""
    return SourceMissing(
        f"Source {source!r} needs {library}, which is not installed or cannot be imported. "
        f"Run: {install_line(extra)}"
    )
