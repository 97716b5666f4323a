"""Patterns: what has just formed, and how much is it worth?"""

from __future__ import annotations

import json
import re

import streamlit as st

from trading_dashboard.dashboard.components.pattern_catalogue import pattern_catalogue
from trading_dashboard.dashboard.components.pattern_scan import pattern_scan
from trading_dashboard.dashboard.components.pattern_signals import pattern_signals
from trading_dashboard.dashboard.components.pattern_table import pattern_table
from trading_dashboard.dashboard.components.pattern_worth import pattern_worth
from trading_dashboard.models.market import INTERVALS

SYMBOL = re.compile(r"^[A-Z0-9^][A-Z0-9.^=:/_-]{0,63}$")
PATTERN_ID = re.compile(r"^[!-~]{1,200}$")


def patterns_view() -> None:
    """Draw the scanner, signals, a scan, what patterns were worth, and the catalogue."""
    with st.container(key="desk-patterns-view"):
        asked = [pattern_table(), pattern_signals(), pattern_scan()]
        pattern_worth()
        pattern_catalogue()
    for one in asked:
        open_chart(one)


def open_chart(asked: str | None) -> None:
    """Open the chart at the pattern that a component asked for; nothing if it asked for none.

    Args:
        asked: JSON with `symbol`, `timeframe` and `id`, as the page sent it.
    """
    if asked is None:
        return
    from trading_dashboard.dashboard.views import chart

    try:
        wish = json.loads(asked)
        symbol, interval, pattern = (str(wish[name]) for name in ("symbol", "timeframe", "id"))
    except (ValueError, KeyError, TypeError):
        return
    if not SYMBOL.match(symbol) or interval not in INTERVALS or not PATTERN_ID.match(pattern):
        return
    st.switch_page(
        st.Page(chart.chart_view, title="Chart", url_path="chart"),
        query_params={
            "symbol": symbol,
            "interval": interval,
            "adjusted": "splits",
            "pattern": pattern,
        },
    )
