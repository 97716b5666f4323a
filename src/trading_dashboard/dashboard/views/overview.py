"""Overview: is everything all right, and what moves?"""

from __future__ import annotations

import streamlit as st

from trading_dashboard.dashboard.components.agent_panel import agent_panel
from trading_dashboard.dashboard.components.event_list import event_list
from trading_dashboard.dashboard.components.newest_patterns import newest_patterns
from trading_dashboard.dashboard.components.portfolio import portfolio
from trading_dashboard.dashboard.components.watchlist import watchlist
from trading_dashboard.dashboard.desk_files import dashboard_settings
from trading_dashboard.dashboard.views.patterns import open_chart


def overview() -> None:
    """Draw watchlist, portfolio, the agents in short, newest patterns and what happened."""
    with st.container(key="desk-overview"):
        symbol = watchlist(dashboard_settings().watchlist)
        portfolio()
        agent_panel()
        pattern = newest_patterns()
        event_list()
    open_chart(pattern)
    if symbol is not None:
        from trading_dashboard.dashboard.views import chart

        st.switch_page(
            st.Page(chart.chart_view, title="Chart", url_path="chart"),
            query_params={"symbol": symbol},
        )
