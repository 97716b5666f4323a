"""Chart: what is this market doing?"""

from __future__ import annotations

import re

import streamlit as st

from trading_dashboard.dashboard.components.chart import chart
from trading_dashboard.models.market import INTERVALS

_SYMBOL = re.compile(r"^[A-Z0-9^][A-Z0-9.^=:/_-]{0,63}$")
_ADJUSTMENTS = ("none", "splits", "all")


def chart_view() -> None:
    """Draw the chart that the URL names: ``/chart?symbol=AAPL&interval=1m&adjusted=splits``."""
    symbol = st.query_params.get("symbol", "").strip().upper()
    interval = st.query_params.get("interval", "")
    adjusted = st.query_params.get("adjusted", "")
    chart(
        symbol if _SYMBOL.match(symbol) else None,
        interval if interval in INTERVALS else None,
        adjusted if adjusted in _ADJUSTMENTS else None,
        INTERVALS,
    )
