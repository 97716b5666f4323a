"""Chart: what is this market doing?"""

from __future__ import annotations

import re

import streamlit as st

from trading_dashboard.dashboard.components.chart import chart
from trading_dashboard.models.market import INTERVALS

_SYMBOL = re.compile(r"^[A-Z0-9^][A-Z0-9.^=:/_-]{0,63}$")
_PATTERN_ID = re.compile(r"^[!-~]{1,200}$")
_INDICATORS = re.compile(r"^[a-z0-9_:.,-]{1,400}$")
_ADJUSTMENTS = ("none", "splits", "all")


def chart_view() -> None:
    """Draw the chart that the URL names: ``/chart?symbol=AAPL&interval=1m&adjusted=splits``.

    ``pattern=ID`` brings a pattern into view, ``indicators=sma:20`` draws those.
    """
    symbol = st.query_params.get("symbol", "").strip().upper()
    interval = st.query_params.get("interval", "")
    adjusted = st.query_params.get("adjusted", "")
    pattern = st.query_params.get("pattern", "")
    indicators = st.query_params.get("indicators", "")
    chart(
        symbol if _SYMBOL.match(symbol) else None,
        interval if interval in INTERVALS else None,
        adjusted if adjusted in _ADJUSTMENTS else None,
        INTERVALS,
        pattern=pattern if _PATTERN_ID.match(pattern) else None,
        indicators=indicators if _INDICATORS.match(indicators) else None,
    )
