"""Risk: what can I lose, and may I trade?"""

from __future__ import annotations

import streamlit as st

from trading_dashboard.dashboard.components.risk_account import risk_account
from trading_dashboard.dashboard.components.risk_contributions import risk_contributions
from trading_dashboard.dashboard.components.risk_correlation import risk_correlation
from trading_dashboard.dashboard.components.risk_equity import risk_equity
from trading_dashboard.dashboard.components.risk_gate import risk_gate
from trading_dashboard.dashboard.components.risk_holdings import risk_holdings
from trading_dashboard.dashboard.components.risk_journal import risk_journal
from trading_dashboard.dashboard.components.risk_limits import risk_limits
from trading_dashboard.dashboard.components.risk_measures import risk_measures
from trading_dashboard.dashboard.components.risk_orders import risk_orders
from trading_dashboard.dashboard.components.risk_positions import risk_positions
from trading_dashboard.dashboard.components.risk_size import risk_size
from trading_dashboard.dashboard.components.risk_stress import risk_stress
from trading_dashboard.dashboard.components.risk_ticket import risk_ticket
from trading_dashboard.dashboard.components.risk_var import risk_var


def risk_view() -> None:
    """Draw the account, what is held and measured; gate, ticket, sizes and limits beside."""
    with st.container(key="desk-risk-view"):
        risk_account()
        with st.container(key="desk-risk-main"):
            risk_positions()
            risk_orders()
            risk_equity()
            risk_var()
            risk_measures()
            risk_stress()
        with st.container(key="desk-risk-side"):
            risk_gate()
            risk_ticket()
            risk_size()
            risk_limits()
            risk_correlation()
            risk_contributions()
            risk_holdings()
        risk_journal()
