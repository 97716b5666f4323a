"""Agents: what runs, how well, and what do the logs say?"""

from __future__ import annotations

import streamlit as st

from trading_dashboard.dashboard.components.agent_status import agent_status
from trading_dashboard.dashboard.components.log_view import log_view


def agents_view() -> None:
    """Draw the table of agents and the live log."""
    with st.container(key="desk-agents-view"):
        agent_status()
        log_view()
